// Command extract times alttext over the HTML files of a list, on one core, as
// peer.py beside it times resiliparse: bytes in memory to candidates.
//
//	extract LIST ROUNDS
package main

import (
	"bufio"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/pairloom/pairloom/crawl/alttext"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "extract:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 3 {
		return fmt.Errorf("usage: extract LIST ROUNDS")
	}
	rounds, err := strconv.Atoi(os.Args[2])
	if err != nil {
		return err
	}
	bodies, size, err := load(os.Args[1])
	if err != nil {
		return err
	}
	// One core, with the collector's work on it too.
	runtime.GOMAXPROCS(1)
	page, err := url.Parse("https://docs.example.org/manual/page.html")
	if err != nil {
		return err
	}
	for _, way := range []struct {
		name    string
		noLinks bool
	}{{"alttext", false}, {"alttext, no links (as for archives)", true}} {
		x := alttext.Extractor{NoLinks: way.noLinks}
		var best time.Duration
		pairs, fastest := 0, make([]time.Duration, len(bodies))
		for round := range rounds {
			pairs = 0
			start := spent()
			for i, body := range bodies {
				begun := spent()
				p, err := x.Extract(body, "text/html", page)
				if err != nil {
					return err
				}
				for _, c := range p.Candidates {
					if c.TextSource == alttext.FromAlt {
						pairs++
					}
				}
				if took := spent() - begun; round == 0 || took < fastest[i] {
					fastest[i] = took
				}
			}
			if took := spent() - start; round == 0 || took < best {
				best = took
			}
		}
		slowest := 0.0
		for i, took := range fastest {
			if len(bodies[i]) >= 50_000 {
				slowest = max(slowest, took.Seconds()*1000/float64(len(bodies[i]))*100_000)
			}
		}
		fmt.Printf("%s\t%d pages\t%.1f MB\t%d pairs of alt\t%.1f MB/s a core\t%.2f ms for 100 KB of the slowest page\n",
			way.name, len(bodies), float64(size)/1e6, pairs, float64(size)/1e6/best.Seconds(), slowest)
	}
	return nil
}

// spent is the time that the process had on the machine's cores, which others
// may use too.
func spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func load(list string) (bodies [][]byte, size int, err error) {
	f, err := os.Open(list)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		body, err := os.ReadFile(s.Text())
		if err != nil {
			return nil, 0, err
		}
		bodies = append(bodies, body)
		size += len(body)
	}
	return bodies, size, nil
}
