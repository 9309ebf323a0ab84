package gate

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// answerOf is what a test's DNS says of a name: addresses, or an error.
type answerOf struct {
	addrs []netip.Addr
	err   error
}

var (
	noName   = &net.DNSError{Err: "no such host", IsNotFound: true}
	dnsFails = &net.DNSError{Err: "server misbehaving", IsTemporary: true}
)

// How long an answer is kept: a second request after that time asks anew, one before
// does not.
func TestNamesAreKept(t *testing.T) {
	there := answerOf{addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
	for _, tt := range []struct {
		name   string
		answer answerOf
		kept   time.Duration
	}{
		{"a name", there, 5 * time.Minute},
		{"none", answerOf{err: noName}, time.Minute},
		{"a failure", answerOf{err: dnsFails}, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newResolver(machineClock{}, time.Second)
			defer r.close()
			asked := 0
			r.lookup = func(context.Context, string) ([]netip.Addr, error) {
				asked++
				return tt.answer.addrs, tt.answer.err
			}
			for i, pause := range []time.Duration{0, tt.kept - 1, 1} {
				if err := r.clock.Sleep(t.Context(), pause); err != nil { // in the test's own time
					t.Fatal(err)
				}
				addrs, err := r.addresses(t.Context(), "a.example")
				if !slices.Equal(addrs, tt.answer.addrs) || !errors.Is(err, tt.answer.err) {
					t.Errorf("%s: %v, %v", tt.name, addrs, err)
				}
				if want := 1 + i/2; asked != want {
					t.Errorf("%s: request %d, after %v: DNS was asked %d times, want %d", tt.name, i, pause, asked, want)
				}
			}
		})
	}
}

// However many wait for a name, DNS is asked once; one that gives up leaves the lookup
// to the others.
func TestOneLookupForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newResolver(machineClock{}, time.Minute)
		defer r.close()
		var asked atomic.Int64
		r.lookup = func(ctx context.Context, _ string) ([]netip.Addr, error) {
			asked.Add(1)
			return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, r.clock.Sleep(ctx, 5*time.Second)
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.addresses(impatient, "a.example"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one that gives up: %v", err)
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if addrs, err := r.addresses(t.Context(), "a.example"); err != nil || len(addrs) != 1 {
					t.Errorf("%v, %v", addrs, err)
				}
			})
		}
		all.Wait()
		if asked.Load() != 1 {
			t.Errorf("DNS was asked %d times", asked.Load())
		}
	})
}

// Names that are slow to come hold up nobody while there is a turn left, and each for
// no longer than its time.
func TestSlowNames(t *testing.T) {
	for _, tt := range []struct {
		slow int
		want time.Duration // until the fast one has its address
	}{
		{0, 0}, {mostLookups - 1, 0}, {mostLookups, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newResolver(machineClock{}, 10*time.Second)
			defer r.close()
			most, under := 0, 0
			var mu sync.Mutex
			r.lookup = func(ctx context.Context, name string) ([]netip.Addr, error) {
				mu.Lock()
				under++
				most = max(most, under)
				mu.Unlock()
				if name != "fast.example" {
					<-ctx.Done()
				}
				mu.Lock()
				under--
				mu.Unlock()
				return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, ctx.Err()
			}
			for i := range tt.slow {
				go r.addresses(t.Context(), fmt.Sprintf("slow-%d.example", i))
			}
			synctest.Wait()
			began := time.Now()
			if _, err := r.addresses(t.Context(), "fast.example"); err != nil || time.Since(began) != tt.want {
				t.Errorf("beside %d slow names: %v after %v, want %v", tt.slow, err, time.Since(began), tt.want)
			}
			if most > mostLookups {
				t.Errorf("%d names were asked for at one time", most)
			}
			r.end()
		})
	}
}

func TestFewNamesAreKept(t *testing.T) {
	r := newResolver(machineClock{}, time.Minute)
	defer r.close()
	r.lookup = func(context.Context, string) ([]netip.Addr, error) { return nil, noName }
	for i := range keptNames + 10 {
		r.addresses(t.Context(), fmt.Sprintf("%d.example", i))
	}
	if n := len(r.names); n > keptNames {
		t.Errorf("%d names are kept", n)
	}
}

// A name whose answer is another when it is looked up anew gains nothing: each address
// that is dialled is looked at.
func TestNamesThatLeadInside(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("inside")) }))
	defer s.Close()
	port := s.Listener.Addr().(*net.TCPAddr).Port
	for _, tt := range []struct {
		name  string
		addrs string // of the name, at each lookup
		want  string // reasons, in turn
	}{
		{"allowed", "127.0.0.1", ""},
		{"private", "10.0.0.1", AddressRefused},
		{"mapped", "::ffff:10.0.0.1", AddressRefused},
		{"of the cloud's inside", "169.254.169.254", AddressRefused},
		{"another address of the machine", "127.0.0.2", AddressRefused},
		{"an allowed one behind one that is not", "127.0.0.2,127.0.0.1", ""},
		{"an allowed one of the other family", "::1,127.0.0.1", ""},
		{"rebound", "127.0.0.1 10.0.0.1", " " + AddressRefused},
		{"none", "-", DNS},
	} {
		clock := &turned{}
		o := quick()
		o.Clock, o.Respect = clock, nil
		g := newGate(t, o)
		lookups := strings.Fields(tt.addrs)
		n := 0
		g.names.lookup = func(_ context.Context, name string) ([]netip.Addr, error) {
			var addrs []netip.Addr
			for a := range strings.SplitSeq(lookups[n], ",") {
				if a == "-" {
					return nil, noName
				}
				addrs = append(addrs, netip.MustParseAddr(a))
			}
			return addrs, nil
		}
		for i, want := range strings.Split(tt.want, " ") {
			n = i
			_, _, err := get(g, Page, fmt.Sprintf("http://rebind.example:%d/", port))
			if reason, rule := Reason(err); reason != want {
				t.Errorf("%s, request %d: %q (%s), want %q", tt.name, i, reason, rule, want)
			}
			g.transport.CloseIdleConnections()
			clock.by.Add(int64(48 * time.Hour))
		}
	}
}

// The gate speaks HTTP/2 to a server that does, on one connection, and keeps the
// connection of one that does not; the host's pace holds with both.
func TestConnectionsAreKept(t *testing.T) {
	for _, h2 := range []bool{true, false} {
		var connections, most, under atomic.Int64
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for n := under.Add(1); ; {
				if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
					break
				}
			}
			defer under.Add(-1)
			if (r.ProtoMajor == 2) != h2 {
				t.Errorf("%s where HTTP/2 is %v", r.Proto, h2)
			}
			w.Write([]byte("picture"))
		}))
		s.EnableHTTP2 = h2
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				connections.Add(1)
			}
		}
		s.StartTLS()
		defer s.Close()
		g := newGate(t, quick())
		g.transport.TLSClientConfig = &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 5 {
					if _, body, err := get(g, Picture, s.URL+"/a"); err != nil || body != "picture" {
						t.Errorf("%q, %v", body, err)
					}
				}
			})
		}
		all.Wait()
		if connections.Load() != 1 || most.Load() != 1 {
			t.Errorf("HTTP/2 %v: %d connections, %d requests at one time; want 1", h2, connections.Load(), most.Load())
		}
	}
}
