package gate

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkRoundTrip asks hosts on one server, one after another, for pages of
// 10 KB, through the gate and through its transport alone.
// go test -bench RoundTrip -benchtime 20000x ./crawl/gate
func BenchmarkRoundTrip(b *testing.B) {
	const workers = 16
	page := []byte(strings.Repeat("<p>text</p>", 1000))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/page" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		w.Write(page)
	}))
	defer s.Close()
	for _, bm := range []struct {
		hosts   int
		through string
	}{{200, "gate"}, {200, "transport"}, {2000, "gate"}, {2000, "transport"}} {
		hosts := bm.hosts
		b.Run(fmt.Sprintf("hosts=%d/through=%s", hosts, bm.through), func(b *testing.B) {
			o := quick()
			o.Policies = true
			g, err := New(o, "1.0")
			if err != nil {
				b.Fatal(err)
			}
			defer g.Close()
			dial := g.transport.DialContext
			g.transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return dial(ctx, network, s.Listener.Addr().String())
			}
			var trip http.RoundTripper = g
			if bm.through == "transport" {
				trip = g.transport
			}
			ask := func(host int) error {
				req, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://h%d.example/page", host), nil)
				if err != nil {
					return err
				}
				resp, err := trip.RoundTrip(req)
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				_, err = io.Copy(io.Discard, resp.Body)
				return err
			}
			for host := range hosts { // the files of each site
				if err := ask(host); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			before := processorTime(b)
			var next atomic.Int64
			errs := make(chan error)
			for w := range workers {
				go func() {
					for n := w; next.Add(1) <= int64(b.N); n += workers {
						if err := ask(n % hosts); err != nil {
							errs <- err
							return
						}
					}
					errs <- nil
				}()
			}
			for range workers {
				if err := <-errs; err != nil {
					b.Error(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pages/s")
			b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/page")
		})
	}
}

// processorTime is what this process, server included, has used so far: a figure
// that others on the machine do not change.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
