package archive

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/pairloom/pairloom/crawl/gate"
)

// brokenServer serves one file over connections that break.
type brokenServer struct {
	mu       sync.Mutex
	file     string
	etag     string
	ranges   bool // it can begin anywhere
	breakAt  int  // bytes of each response, 0 for all
	changes  bool // the file is another one from the second request on
	requests []string
}

func (s *brokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/robots.txt" || strings.HasPrefix(r.URL.Path, "/.well-known") {
		http.NotFound(w, r)
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, r.Header.Get("Range"))
	if s.changes && len(s.requests) > 1 {
		s.etag = `"other"`
	}
	s.mu.Unlock()
	w.Header().Set("Content-Encoding", "gzip") // as servers say of .gz files
	if s.etag != "" {
		w.Header().Set("ETag", s.etag)
	}
	from := 0
	if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); n == 1 && s.ranges && (r.Header.Get("If-Range") == "" || r.Header.Get("If-Range") == s.etag) {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(s.file)-1, len(s.file)))
		w.Header().Set("Content-Length", fmt.Sprint(len(s.file)-from))
		w.WriteHeader(http.StatusPartialContent)
	} else {
		from = 0
		w.Header().Set("Content-Length", fmt.Sprint(len(s.file)))
	}
	end := len(s.file)
	if s.breakAt > 0 && from+s.breakAt < end {
		end = from + s.breakAt
	}
	io.WriteString(w, s.file[from:end])
	if end < len(s.file) {
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// TestOverHTTP: a file that comes over connections that break is read as if it had
// come at once, or not at all.
func TestOverHTTP(t *testing.T) {
	file := strings.Repeat("0123456789abcdef", 4096)
	for _, test := range []struct {
		name   string
		server *brokenServer
		want   string // of the error; "" for none
		asked  int    // at most; 0 for any number
	}{
		{"at once", &brokenServer{ranges: true, etag: `"a"`}, "", 1},
		{"broken off, by range", &brokenServer{ranges: true, etag: `"a"`, breakAt: 10_000}, "", 8},
		{"broken off, without ETag", &brokenServer{ranges: true, breakAt: 10_000}, "", 8},
		{"broken off, weak ETag", &brokenServer{ranges: true, etag: `W/"a"`, breakAt: 10_000}, "", 8},
		{"broken off, a server that knows no ranges", &brokenServer{etag: `"a"`, breakAt: 40_000}, "times in a row", 0},
		{"changed meanwhile", &brokenServer{ranges: true, etag: `"a"`, breakAt: 10_000, changes: true}, "it changed while it was read", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.server.file = file
			server := httptest.NewServer(test.server)
			defer server.Close()
			g := testGate(t, server)
			defer g.Close()
			in, size, err := Source{URL: server.URL + "/a.warc.gz"}.Open(t.Context(), g)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			got, err := io.ReadAll(in)
			switch {
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Fatalf("got %v, want an error that says %q", err, test.want)
			case test.want == "" && (err != nil || string(got) != file || size != int64(len(file))):
				t.Fatalf("got %d bytes of %d, size %d, %v", len(got), len(file), size, err)
			}
			if test.asked > 0 && len(test.server.requests) > test.asked {
				t.Errorf("asked %d times: %q", len(test.server.requests), test.server.requests)
			}
		})
	}
}

// A server without ranges whose second answer is whole is read to the end.
func TestServerWithoutRanges(t *testing.T) {
	file := strings.Repeat("0123456789abcdef", 4096)
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/a" {
			http.NotFound(w, r)
			return
		}
		n++
		w.Header().Set("Content-Length", fmt.Sprint(len(file)))
		if n == 1 {
			io.WriteString(w, file[:5000])
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, file)
	}))
	defer server.Close()
	g := testGate(t, server)
	defer g.Close()
	in, _, err := Source{URL: server.URL + "/a"}.Open(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if got, err := io.ReadAll(in); err != nil || string(got) != file {
		t.Errorf("got %d bytes of %d, %v", len(got), len(file), err)
	}
}

// testGate is one that lets requests through to the server, at once.
func testGate(t *testing.T, server *httptest.Server) *gate.Gate {
	t.Helper()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	g, err := gate.New(gate.Options{
		Contact: "mailto:test@example.org", UserAgent: "pairloom", AllowAddresses: []string{"127.0.0.1:" + port},
		ConnectionsPerHost: 1, DialTimeout: 10e9, HeaderTimeout: 10e9, TotalTimeout: 10e9, MaxRedirects: 2, MaxPageBytes: 1, RobotsMaxBytes: 1000, RobotsTTL: 1e12,
	}, "test")
	if err != nil {
		t.Fatal(err)
	}
	return g
}
