package gate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"weak"
)

// Nothing stays of a request that is over, however long the run lasts in which it was
// made.
func TestNothingStaysOfRequests(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("picture")) }))
	defer s.Close()
	g := newGate(t, quick())
	type held [64]byte
	type key struct{}
	run, end := context.WithCancel(t.Context())
	defer end()
	for _, tt := range []struct{ name, url, reason string }{
		{"answered", s.URL + "/%d", ""},
		{"refused", "http://10.1.0.%d/a.png", AddressRefused},
	} {
		var all []weak.Pointer[held]
		for i := range 100 {
			h := &held{}
			all = append(all, weak.Make(h))
			_, _, err := getWith(context.WithValue(run, key{}, h), g, Picture, fmt.Sprintf(tt.url, i))
			if reason, _ := Reason(err); reason != tt.reason {
				t.Fatalf("%s: %v", tt.name, err)
			}
		}
		runtime.GC()
		runtime.GC()
		stay := 0
		for _, p := range all {
			if p.Value() != nil {
				stay++
			}
		}
		if stay > 10 { // the last one, and what the machine has not let go of yet
			t.Errorf("%s: %d of 100 requests stay in memory", tt.name, stay)
		}
	}
}

// Hosts to which no connection comes about take no memory, however many they are.
func TestDeadHostsTakeNoMemory(t *testing.T) {
	const hosts, limit = 20_000, 4 << 20 // each would take some 500 bytes
	dead := errors.New("nobody listens")
	r := newRoad(&http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, dead }})
	r.most = 500
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for i := range hosts {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://%d.example/", i), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.RoundTrip(req); !errors.Is(err, dead) {
			t.Fatal(err)
		}
	}
	if grown := heap() - before; grown > limit {
		t.Errorf("%d hosts took %d KiB, want %d at most", hosts, grown>>10, limit>>10)
	}
	runtime.KeepAlive(r)
}
