package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/pairloom/pairloom/crawl/archive"
	"github.com/pairloom/pairloom/crawl/optout"
)

// measure reads a file as pairloom crawl --archive does, on one processor, and
// prints a line of figures: program, processor seconds, candidates, pages. profile,
// if any, is written for go tool pprof.
func measure(path, profile string) error {
	runtime.GOMAXPROCS(1)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if profile != "" {
		out, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer out.Close()
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	broken := 0
	r := archive.NewReader(f, func(string, int64) { broken++ })
	defer r.Close()
	x := archive.NewExtractor(archive.Options{Token: "pairloom", Respect: optout.Words(), MaxPageBytes: 5 << 20, Now: time.Now()}, nil)
	pages, pairs := 0, 0
	for {
		record, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		candidates, reason := x.Record(record, "x")
		if reason == "" {
			pages++
		}
		pairs += len(candidates)
	}
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return err
	}
	seconds := float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
	fmt.Printf("pairloom\t%.2f\t%d\t%d pages, %d broken, %d MiB at most\n", seconds, pairs, pages, broken, u.Maxrss>>10)
	return nil
}
