package export

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pairloom/pairloom/internal/readers"
)

// Keys of the test's server, which the environment gives the driver.
const testKey, testSecret = "test-key", "test-secret-never-to-be-seen"

// s3Server is an S3 server on loopback with a bucket of the name cats: versitygw, where
// PAIRLOOM_VERSITYGW names it, else moto's, where the readers have it.
func s3Server(t *testing.T) (endpoint string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	folder := t.TempDir()
	var c *exec.Cmd
	if program := os.Getenv("PAIRLOOM_VERSITYGW"); program != "" {
		if err := os.Mkdir(filepath.Join(folder, "cats"), 0o777); err != nil {
			t.Fatal(err)
		}
		c = exec.Command(program, "--port", address, "posix", folder)
	} else {
		python := readers.Python(t)
		if exec.Command(python, "-c", "import moto.server").Run() != nil {
			t.Skip("neither PAIRLOOM_VERSITYGW nor moto[server] is there")
		}
		_, port, _ := net.SplitHostPort(address)
		c = exec.Command(python, "-m", "moto.server", "-H", "127.0.0.1", "-p", port)
	}
	c.Dir = folder
	c.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+testKey, "ROOT_SECRET_KEY="+testSecret)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	endpoint = "http://" + address
	deadline := time.After(60 * time.Second)
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case <-deadline:
			t.Fatalf("%s does not answer", c.Path)
		case <-tick.C:
		}
		if answer, err := http.Get(endpoint); err == nil {
			answer.Body.Close()
			tick.Stop()
			break
		}
	}
	if os.Getenv("PAIRLOOM_VERSITYGW") == "" {
		ask, _ := http.NewRequest(http.MethodPut, endpoint+"/cats", nil)
		answer, err := http.DefaultClient.Do(ask)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("make a bucket: %v, %v", answer, err)
		}
		answer.Body.Close()
	}
	t.Setenv("AWS_ACCESS_KEY_ID", testKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", testSecret)
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	return endpoint
}

// at is the address of a prefix in the bucket.
func at(endpoint, prefix string) string {
	return "s3://cats/" + prefix + "?endpoint=" + endpoint + "&use_path_style=true&region=us-east-1"
}

// objects are those of a place with their content.
func objects(t *testing.T, to string) map[string]string {
	t.Helper()
	p, err := openPlace(t.Context(), to, false)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	files := map[string]string{}
	for e, err := range p.list(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		data, err := readFile(t.Context(), p, e.name)
		if err != nil || int64(len(data)) != e.size {
			t.Fatalf("%s: %d of %d bytes, %v", e.name, len(data), e.size, err)
		}
		files[e.name] = string(data)
	}
	return files
}

// TestBucket exports to a real server: what is there is what a folder would hold, while
// the dataset grows and shrinks.
func TestBucket(t *testing.T) {
	endpoint := s3Server(t)
	for _, o := range each() {
		t.Run(o.name(), func(t *testing.T) {
			g := newDataset(t)
			to := at(endpoint, "deep/"+o.Format)
			for step, change := range []func(){
				func() { g.change(7, [2]int{100, 110}, [2]int{0, 3}) },
				func() { g.change(7, [2]int{110, 113}, [2]int{}, 101, 104, 105, 106, 107) },
				func() { g.change(7, [2]int{}, [2]int{}, 0, 1, 2) },
			} {
				change()
				g.export(to, o)
				fresh := filepath.Join(t.TempDir(), "fresh")
				g.export(fresh, o)
				sameFiles(t, "in the bucket", objects(t, to), filesIn(t, fresh))
				g.wantRows(to, o)
				if again := g.export(to, o); again.Written+again.Renamed+again.Removed != 0 {
					t.Errorf("step %d, again: %+v", step, again)
				}
			}
		})
	}
}

// TestBucketFails lets the server refuse what is written, after ever more requests: the
// error names the object and says what to do, no key is in it, and the next run ends as
// if nothing had been.
func TestBucketFails(t *testing.T) {
	endpoint := s3Server(t)
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	var left atomic.Int64
	// The signature names the host: the driver's is that of the proxy, as is the server's.
	forward := &httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(p *httputil.ProxyRequest) {
		p.Out.URL.Scheme, p.Out.URL.Host = target.Scheme, target.Host
		p.Out.Host = p.In.Host
	}}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && left.Add(-1) < 0 {
			io.Copy(io.Discard, r.Body)
			http.Error(w, "out of order", http.StatusForbidden)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	g := newDataset(t).change(7, [2]int{100, 110}, [2]int{0, 3})
	o := Options{Format: WebDataset, Size: 4}
	fresh := filepath.Join(t.TempDir(), "fresh")
	g.export(fresh, o)
	faults := 0
	for n := int64(0); ; n += 3 {
		left.Store(n)
		to := at(proxy.URL, "failing-"+strings.Repeat("x", faults))
		_, err := (&Export{Dataset: g.open(), To: to, Options: o, Workers: 2}).Run(t.Context())
		if err == nil {
			break
		}
		faults++
		if text := err.Error(); !strings.Contains(text, "s3://cats/failing") || !strings.Contains(text, "run again to go on") || strings.Contains(text, testSecret) || strings.Contains(text, testKey) {
			t.Errorf("after %d requests: %v", n, err)
		}
		left.Store(1 << 40)
		g.export(to, o)
		sameFiles(t, "after a fault", objects(t, to), filesIn(t, fresh))
	}
	if faults < 3 {
		t.Errorf("only %d faults", faults)
	}
}

// TestAddresses lists addresses of buckets that are refused before a request is made.
func TestAddresses(t *testing.T) {
	g := newDataset(t).change(7, [2]int{100, 110}, [2]int{0, 3})
	for _, tt := range []struct{ to, want, not string }{
		{"s3://key:secret@bucket/x", "keys come from the environment alone", "secret"},
		{"s3:///x", "names no bucket", ""},
		{"ftp://bucket/x", "ftp:// is none of", ""},
		{"s3://bucket/%zz?x=secret", "is no address that can be read", "secret"},
		{"s3://bucket/x?endpont=http://127.0.0.1:1", "open s3://bucket/x: ", ""},
	} {
		_, err := (&Export{Dataset: g.open(), To: tt.to, Options: Options{Format: Parquet}}).Run(t.Context())
		var refused *RefusedError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), tt.want) || tt.not != "" && strings.Contains(err.Error(), tt.not) {
			t.Errorf("%s: %v", tt.to, err)
		}
	}
}
