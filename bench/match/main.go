// Command match measures package match for the bench in this folder; run.sh
// calls it. Texts come one a line, as texts.py writes them.
//
//	match plain LIST TEXTS OUT     texts and entries for the peers, folded and cut already
//	match compile LIST MODE FILE   compile the list
//	match run FILE MODE TEXTS N    find, on N cores; the compiled file must be of this mode
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/query"
	"github.com/pairloom/pairloom/query/match"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "match:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 4 && args[0] == "plain":
		return plain(args[1], args[2], args[3])
	case len(args) == 4 && args[0] == "compile":
		list, err := query.Open(args[1])
		if err != nil {
			return err
		}
		mode, err := match.ParseMode(args[2])
		if err != nil {
			return err
		}
		start := time.Now()
		if err := match.Compile(args[3], list.Texts(), "bench", mode); err != nil {
			return err
		}
		info, err := os.Stat(args[3])
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "compiled %d entries in mode %s: %.0f ms, %d bytes\n", len(list.Entries), mode, ms(time.Since(start)), info.Size())
		return nil
	case len(args) == 5 && args[0] == "run":
		mode, err := match.ParseMode(args[2])
		if err != nil {
			return err
		}
		cores, err := strconv.Atoi(args[4])
		if err != nil {
			return err
		}
		return find(args[1], mode, args[3], cores)
	}
	return fmt.Errorf("want plain, compile or run with their arguments; see the top of main.go")
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

// plain writes OUT.texts and OUT.entries: words with one space between them.
// The peers are spared the folding, which our time includes.
func plain(listPath, textsPath, out string) error {
	list, err := query.Open(listPath)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(textsPath)
	if err != nil {
		return err
	}
	var buf []byte
	var edges []uint32
	join := func(line []byte, s string) []byte {
		buf, edges = fold.Cut(buf, edges[:0], s)
		for i := 0; i < len(edges); i += 2 {
			if i > 0 {
				line = append(line, ' ')
			}
			line = append(line, buf[edges[i]:edges[i+1]]...)
		}
		return append(line, '\n')
	}
	write := func(path string, each func(w *bufio.Writer)) error {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		w := bufio.NewWriterSize(f, 1<<20)
		each(w)
		if err := w.Flush(); err != nil {
			f.Close()
			return err
		}
		return f.Close()
	}
	var line []byte
	err = write(out+".texts", func(w *bufio.Writer) {
		for t := range bytes.Lines(data) {
			line = join(line[:0], string(t[:len(t)-1]))
			w.Write(line)
		}
	})
	if err != nil {
		return err
	}
	seen := map[string]bool{"\n": true}
	return write(out+".entries", func(w *bufio.Writer) {
		for id, t := range list.Texts() {
			line = join(line[:0], t)
			if !seen[string(line)] {
				seen[string(line)] = true
				fmt.Fprintf(w, "%d\t%s", id, line)
			}
		}
	})
}

func find(file string, mode match.Mode, textsPath string, cores int) error {
	data, err := os.ReadFile(textsPath)
	if err != nil {
		return err
	}
	all := string(data)
	data = nil
	texts := make([]string, 0, strings.Count(all, "\n"))
	for t := range strings.Lines(all) {
		texts = append(texts, t[:len(t)-1])
	}
	debug.FreeOSMemory()
	before := status("VmRSS")
	start := time.Now()
	m, err := match.Open(file, "bench", mode)
	if err != nil {
		return err
	}
	defer m.Close()
	opened := time.Since(start)

	runtime.GOMAXPROCS(cores)
	var next, found, sum atomic.Int64
	var wg sync.WaitGroup
	const batch = 1024
	start = time.Now()
	for range cores {
		wg.Go(func() {
			var s match.Scratch
			var ids []uint32
			var n, x int64
			for {
				from := int(next.Add(batch)) - batch
				if from >= len(texts) {
					break
				}
				for _, t := range texts[from:min(from+batch, len(texts))] {
					ids = m.Find(ids[:0], t, &s)
					n += int64(len(ids))
					for _, id := range ids {
						x += int64(id) + 1
					}
				}
			}
			found.Add(n)
			sum.Add(x)
		})
	}
	wg.Wait()
	seconds := time.Since(start).Seconds()
	// name, cores, texts, seconds, matches, sum of ids, resident KiB, peak KiB above the texts, load ms
	fmt.Printf("pairloom-%s\t%d\t%d\t%.3f\t%d\t%d\t%d\t%d\t%.1f\n", mode, cores, len(texts), seconds,
		found.Load(), sum.Load(), status("VmRSS")-before, status("VmHWM")-before, ms(opened))
	return nil
}

// status is a line of /proc/self/status, in KiB.
func status(name string) int64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), name+":")
	n, _ := strconv.ParseInt(strings.Fields(rest + " 0")[0], 10, 64)
	return n
}
