// Command report measures package stats: pairs a second from shards to figures and
// the page.
//
//	go run ./bench/report [-folder FOLDER] [-pairs 1000000] [-times 1] [-workers 2]
//
// It makes shards with small pictures in the folder, unless they are there, and reads
// them as often as times says. Each time all addresses, texts, hashes and one host in
// four are others, so that what is counted grows as in a dataset that is that large.
package main

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

func main() {
	folder := flag.String("folder", filepath.Join(os.TempDir(), "pairloom-bench-report"), "where the shards are")
	pairs := flag.Int("pairs", 1_000_000, "pairs in the shards")
	times := flag.Int("times", 1, "how often they are read, each time as others")
	workers := flag.Int("workers", runtime.GOMAXPROCS(0), "parts read at once")
	profile := flag.String("profile", "", "file for a profile of the processor's time")
	flag.Parse()
	if err := run(*folder, *pairs, *times, *workers, *profile); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func run(folder string, pairs, times, workers int, profile string) error {
	shards := filepath.Join(folder, shard.ShardsFolder)
	if err := makeShards(shards, pairs); err != nil {
		return err
	}
	d, err := shard.OpenDataset(shards)
	if err != nil {
		return err
	}
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	parts := d.Parts("")
	in := stats.Input{
		Parts: len(parts) * times,
		Rows: func(i int) iter.Seq2[*shard.Pair, error] {
			return othered(d.Rows(parts[i%len(parts)].Name, stats.Columns...), i/len(parts))
		},
		Query: func(id uint32) string { return fmt.Sprint("query ", id) },
	}
	start, processor := time.Now(), processorTime()
	s, err := stats.Collect(context.Background(), in, stats.Options{Workers: workers})
	if err != nil {
		return err
	}
	wall, used := time.Since(start), processorTime()-processor
	if err := stats.Write(folder, s); err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(folder, stats.Folder, stats.PageName))
	if err != nil {
		return err
	}
	n := float64(s.Pairs)
	fmt.Println("| pairs | workers | pairs/s wall | processor us a pair | peak memory, MiB | of it not mapped files | page, kB |")
	fmt.Println("|---|---|---|---|---|---|---|")
	fmt.Printf("| %d | %d | %.0f | %.2f | %d | %d | %d |\n", s.Pairs, workers, n/wall.Seconds(), used.Seconds()*1e6/n, memory("VmHWM:"), memory("RssAnon:"), info.Size()/1000)
	return nil
}

// othered makes the pairs of a part those of another dataset, for time above 0.
func othered(rows iter.Seq2[*shard.Row, error], time int) iter.Seq2[*shard.Pair, error] {
	return func(yield func(*shard.Pair, error) bool) {
		var page, image, text []byte
		for row, err := range rows {
			if err != nil {
				yield(nil, err)
				return
			}
			p := &row.Pair
			if time > 0 {
				page, image, text = page[:0], append(image[:0], p.ImageURL...), append(text[:0], p.Text...)
				url := p.PageURL
				if p.PairID%4 == 0 {
					page = append(strconv.AppendInt(append(page, "https://t"...), int64(time), 10), '-')
					url = strings.TrimPrefix(url, "https://")
				}
				page = append(page, url...)
				for _, b := range []*[]byte{&page, &image, &text} {
					*b = strconv.AppendInt(append(*b, '?'), int64(time), 10)
				}
				p.PageURL, p.ImageURL, p.Text = view(page), view(image), view(text)
				p.PictureHash += uint64(time) << 7
				p.PairID += uint64(time) * 0x9e3779b97f4a7c15
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

// view is b as a string, until b is written again.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// memory is a figure of the process in MiB.
func memory(name string) int {
	status, _ := os.ReadFile("/proc/self/status")
	var n int
	if _, rest, ok := strings.Cut(string(status), name); ok {
		fmt.Sscan(rest, &n)
	}
	return n >> 10
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
