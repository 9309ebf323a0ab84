package gate

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// codings are those that are asked for, as servers write them.
func codings() []struct {
	name, header string
	to           func(io.Writer) (io.WriteCloser, error)
} {
	gz := func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }
	return []struct {
		name, header string
		to           func(io.Writer) (io.WriteCloser, error)
	}{
		{"gzip", "gzip", gz},
		{"x-gzip", "x-gzip", gz},
		{"any case", "GZip", gz},
		{"with identity", "identity, gzip", gz},
		{"deflate", "deflate", func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil }},
		{"deflate without zlib", "deflate", func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) }},
		{"br", "br", func(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriter(w), nil }},
		{"zstd", "zstd", func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }},
	}
}

func encode(t *testing.T, to func(io.Writer) (io.WriteCloser, error), body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := to(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What each coding says reaches the caller, whole or up to the cap.
func TestContentCodings(t *testing.T) {
	page := strings.Repeat("<p>A page of some length. ", 1000)
	for _, tt := range codings() {
		t.Run(tt.name, func(t *testing.T) {
			whole := encode(t, tt.to, []byte(page))
			damaged := bytes.Clone(whole)
			for i := range damaged {
				damaged[i] ^= 0x5a
			}
			s := serve(t, map[string]http.HandlerFunc{
				"/page":    encoded(tt.header, whole),
				"/empty":   encoded(tt.header, nil),
				"/bomb":    encoded(tt.header, encode(t, tt.to, make([]byte, 1<<20))),
				"/damaged": encoded(tt.header, damaged),
				"/cut": hijack(t, func(c net.Conn) {
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nContent-Encoding: "+tt.header+"\r\n\r\n")
					c.Write(whole[:len(whole)/2])
				}),
			})
			g := newGate(t, quick())
			for _, want := range []struct {
				path, reason string
				kind         Kind
				bytes        int
			}{
				{"/page", "", Page, len(page)},
				{"/page", "", Picture, len(page)},
				{"/empty", "", Page, 0},
				{"/bomb", "", Page, 1 << 16},
				{"/bomb", TooLarge, Picture, 1 << 16},
				{"/damaged", BadEncoding, Page, -1},
				{"/cut", ConnectionReset, Page, -1},
			} {
				_, body, err := get(g, want.kind, s.URL+want.path)
				reason, rule := Reason(err)
				if reason != want.reason || want.bytes >= 0 && len(body) != want.bytes {
					t.Errorf("%s as kind %d: %d bytes, reason %q (%s); want %d, %q", want.path, want.kind, len(body), reason, rule, want.bytes, want.reason)
				}
				if want.path == "/page" && body != page {
					t.Errorf("%s has other bytes than were sent", want.path)
				}
			}
		})
	}
}

// What is asked for is what can be read, and the headers of a decoded body speak
// of it.
func TestAcceptEncoding(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/robots.txt" {
			http.NotFound(w, r)
			return
		}
		z := gzip.NewWriter(w)
		defer z.Close()
		w.Header().Set("Content-Encoding", "x-gzip")
		io.WriteString(z, r.Header.Get("Accept-Encoding"))
	}})
	req, err := http.NewRequest(http.MethodGet, s.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := newGate(t, quick()).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	asked, err := io.ReadAll(resp.Body)
	if err != nil || string(asked) != acceptEncoding {
		t.Errorf("asked for %q, %v", asked, err)
	}
	for coding := range strings.SplitSeq(string(asked), ", ") {
		if decoder(coding) == nil {
			t.Errorf("%s is asked for, and cannot be read", coding)
		}
	}
	if resp.Header.Get("Content-Encoding") != "" || resp.Header.Get("Content-Length") != "" || resp.ContentLength != -1 || !resp.Uncompressed {
		t.Errorf("headers %v, length %d, are of the coded body", resp.Header, resp.ContentLength)
	}
}

// Codings are undone from the last to the first, of up to three.
func TestSeveralCodings(t *testing.T) {
	to := map[string]func(io.Writer) (io.WriteCloser, error){}
	for _, c := range codings() {
		to[c.header] = c.to
	}
	for _, tt := range []struct{ header, reason string }{
		{"gzip, br", ""},
		{"gzip, gzip", ""},
		{"deflate, identity, zstd, gzip", ""},
		{"gzip, gzip, gzip, gzip", BadEncoding},
		{"gzip, rot13", BadEncoding},
	} {
		t.Run(tt.header, func(t *testing.T) {
			body := []byte("<p>A page.")
			for name := range strings.SplitSeq(tt.header, ", ") {
				if to[name] != nil {
					body = encode(t, to[name], body)
				}
			}
			s := serve(t, map[string]http.HandlerFunc{"/page": encoded(tt.header, body)})
			_, got, err := get(newGate(t, quick()), Page, s.URL+"/page")
			if reason, _ := Reason(err); reason != tt.reason || reason == "" && got != "<p>A page." {
				t.Errorf("%q, reason %q; want %q", got, reason, tt.reason)
			}
		})
	}
}
