package frontier

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pairloom/pairloom/shard"
)

// grow crawls a made web breadth first: pages of 200 hosts with a menu of ten
// links and so many new ones that n addresses are known in the end, of which a
// tenth are read. took has what each page took to be handed out: its share of
// the lease that it came in.
func grow(tb testing.TB, f *Frontier, n int) (took []time.Duration, committing time.Duration) {
	tb.Helper()
	const perPage = 10
	address := func(i int) string {
		return fmt.Sprintf("http://host-%d.example.org/gallery/section-%d/page-%d.html", i%200, i/200%37, i)
	}
	var seeds []Link
	for i := range 200 {
		seeds = append(seeds, Link{URL: address(i)})
	}
	if err := f.Seed(seeds); err != nil {
		tb.Fatal(err)
	}
	known := len(seeds)
	var results []Result
	for known < n {
		level, ok, err := f.Level(nil)
		if err != nil || !ok {
			tb.Fatal(ok, err)
		}
		for known < n {
			began := time.Now()
			leases, err := f.Lease(level, 256, Rules{PerHost: 1 << 30})
			if err != nil {
				tb.Fatal(err)
			}
			if len(leases) == 0 {
				break
			}
			took = append(took, slices.Repeat([]time.Duration{time.Since(began) / time.Duration(len(leases))}, len(leases))...)
			for _, l := range leases {
				r := Result{Lease: l, Fetched: 1, Status: 200, BodyHash: 1, Candidates: []shard.Candidate{{ImageURL: l.URL + "/picture.jpg", Text: "a red fox in the snow", TextSource: "alt"}}}
				for i := range perPage {
					r.Links = append(r.Links, Link{URL: address(i), Text: "menu"})
				}
				for range min(perPage, n-known) {
					r.Links = append(r.Links, Link{URL: address(known), Text: "the page " + strconv.Itoa(known)})
					known++
				}
				results = append(results, r)
			}
			began = time.Now()
			if _, _, err := f.Commit(results, 0); err != nil {
				tb.Fatal(err)
			}
			committing += time.Since(began)
			results = results[:0]
		}
	}
	slices.Sort(took)
	return took, committing
}

// peakMemory is the most that the process has held, in MiB.
func peakMemory(tb testing.TB) int {
	tb.Helper()
	file, err := os.Open("/proc/self/status")
	if err != nil {
		tb.Skip("no /proc")
	}
	defer file.Close()
	for s := bufio.NewScanner(file); s.Scan(); {
		if kib, ok := strings.CutPrefix(s.Text(), "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.Fields(kib)[0])
			if err != nil {
				tb.Fatal(err)
			}
			return n / 1024
		}
	}
	tb.Skip("no VmHWM")
	return 0
}

// BenchmarkFrontier fills a frontier: go test -run '^$' -bench Frontier/pages=1000000 -benchtime 1x
func BenchmarkFrontier(b *testing.B) {
	for _, n := range []int{100_000, 300_000, 1_000_000, 5_000_000} {
		b.Run(fmt.Sprintf("pages=%d", n), func(b *testing.B) {
			for b.Loop() {
				f, _, err := Open(filepath.Join(b.TempDir(), "crawl.db"), 1)
				if err != nil {
					b.Fatal(err)
				}
				began := time.Now()
				took, committing := grow(b, f, n)
				read := float64(len(took))
				b.ReportMetric(read/time.Since(began).Seconds(), "pages/s")
				b.ReportMetric(float64(committing.Microseconds())/read, "commit-µs/page")
				b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-lease-µs/page")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-lease-µs/page")
				b.ReportMetric(float64(took[len(took)-1].Microseconds()), "most-lease-µs/page")
				b.ReportMetric(float64(peakMemory(b)), "peak-MiB")
				began = time.Now()
				c, err := f.Counts()
				if err != nil || c.Pages < int64(n) {
					b.Fatal(c, err)
				}
				b.ReportMetric(float64(time.Since(began).Milliseconds()), "counts-ms")
				f.Close()
			}
		})
	}
}
