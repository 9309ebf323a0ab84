// Balance measures query/balance on a generated stream of (query, pair) rows:
// seconds, rows a second and the process's largest resident memory. run.sh runs
// it for 1, 10 and 100 million rows; a process measures one size, since its peak
// never falls.
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/query/balance"
	"golang.org/x/sys/unix"
)

func main() {
	rows := flag.Int64("rows", 1_000_000, "(query, pair) rows")
	mode := flag.String("mode", string(balance.Cap), "cap or probability")
	queries := flag.Int("queries", 500_000, "queries of the list")
	limit := flag.Int("limit", 20_000, "pairs a query")
	memory := flag.Int("memory", 170, "memory given to the balance in MiB; 170 is what curate gives it by default")
	dir := flag.String("dir", os.TempDir(), "folder for what does not fit")
	flag.Parse()
	if err := measure(balance.Mode(*mode), *rows, *queries, *limit, *memory<<20, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "balance:", err)
		os.Exit(1)
	}
}

func measure(mode balance.Mode, rows int64, queries, limit, memory int, dir string) error {
	c, err := balance.New(balance.Options{Mode: mode, Limit: limit, Seed: 1, Queries: queries, Memory: memory, Dir: dir})
	if err != nil {
		return err
	}
	defer c.Close()
	// Batches are made with the watch stopped.
	s := &stream{queries: queries}
	var total watch
	var b batch
	for s.rows < rows {
		b.fill(s, rows)
		total.start()
		for i, id := range b.pairIDs {
			if err := c.Add(b.place+uint64(i), id, b.queryIDs[b.ends[i]:b.ends[i+1]]); err != nil {
				return err
			}
		}
		total.stop()
	}
	added := total
	total.start()
	var kept int64
	digest := xxhash.New()
	if err := c.Settle(); err != nil {
		return err
	}
	total.stop()
	for s := (&stream{queries: queries}); s.rows < rows; { // the same pairs again
		b.fill(s, rows)
		total.start()
		for i, id := range b.pairIDs {
			if place := b.place + uint64(i); c.Stays(place, id, b.queryIDs[b.ends[i]:b.ends[i+1]]) {
				kept++
				digest.Write(binary.LittleEndian.AppendUint64(nil, place))
			}
		}
		total.stop()
	}
	fmt.Printf("rows %d pairs %d kept %d seconds %.2f (add %.2f) cpu_seconds %.2f Mrows/s %.1f peak_MiB %s places %016x\n",
		s.rows, s.pairs, kept, total.wall.Seconds(), added.wall.Seconds(), total.cpu.Seconds(),
		float64(s.rows)/1e6/total.wall.Seconds(), peak(), digest.Sum64())
	return nil
}

// batch is some pairs made ahead.
type batch struct {
	place    uint64 // of the first
	pairIDs  []uint64
	queryIDs []uint32
	ends     []int // pair i has queryIDs[ends[i]:ends[i+1]]
}

func (b *batch) fill(s *stream, rows int64) {
	b.place, b.pairIDs, b.queryIDs, b.ends = s.pairs, b.pairIDs[:0], b.queryIDs[:0], append(b.ends[:0], 0)
	for len(b.pairIDs) < 65536 && s.rows < rows {
		b.pairIDs = append(b.pairIDs, s.next())
		b.queryIDs = append(b.queryIDs, s.queryIDs...)
		b.ends = append(b.ends, len(b.queryIDs))
	}
}

// watch adds up the time, and the processor time of the whole process, which
// other processes disturb less.
type watch struct {
	wall, cpu time.Duration
	began     time.Time
	used      time.Duration
}

func (w *watch) start() { w.began, w.used = time.Now(), processor() }

func (w *watch) stop() {
	w.wall += time.Since(w.began)
	w.cpu += processor() - w.used
}

func processor() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peak is the largest resident memory so far, in MiB.
func peak() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return fmt.Sprint(kib >> 10)
		}
	}
	return "unknown"
}
