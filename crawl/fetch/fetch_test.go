package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"go.uber.org/goleak"

	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/crawl/optout"
	"github.com/pairloom/pairloom/internal/picture"
	"github.com/pairloom/pairloom/shard"
)

// asChild makes the test binary a picture decoder.
const asChild = "PAIRLOOM_TEST_PICTURE_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(asChild) != "" {
		if err := picture.Serve(os.Stdin, os.Stdout, picture.Limits{}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

const clock = 1_700_000_000

// ample is longer than any machine takes: a test that hangs is ended by go
// test's own limit.
const ample = time.Hour

func newFetcher(t *testing.T, workers int, change func(*gate.Options)) *Fetcher {
	t.Helper()
	o := gate.Options{
		Contact: "mailto:test@example.org", UserAgent: "pairloom", AllowAddresses: []string{"127.0.0.1"},
		Respect: gate.Wishes(), MaxDelay: 100 * time.Millisecond, ConnectionsPerHost: 1,
		DialTimeout: ample, HeaderTimeout: ample, TotalTimeout: ample,
		MaxRedirects: 5, MaxPageBytes: 1 << 16, MaxPictureBytes: 1 << 16, RobotsMaxBytes: 1 << 12,
		RobotsTTL: time.Hour,
	}
	if change != nil {
		change(&o)
	}
	g, err := gate.New(o, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	options := Options{Workers: workers, ImageSize: 64, OnlyIfBigger: true, Quality: 90, MaxMegapixels: 1, PictureTimeout: ample}
	po := options.PoolOptions()
	po.Env = []string{asChild + "=1"}
	pool, err := picture.NewPool([]string{os.Args[0]}, 2, po)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	return New(options, g, pool, func() time.Time { return time.Unix(clock, 0) })
}

func pngOf(t *testing.T, w, h int, c color.NRGBA) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, color.NRGBA{c.R + uint8(x), c.G + uint8(y), c.B, 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// badSite is a server with a path for each way to go wrong.
func badSite(t *testing.T) *httptest.Server {
	t.Helper()
	good := pngOf(t, 128, 96, color.NRGBA{R: 50})
	mux := http.NewServeMux()
	handle := func(path string, h http.HandlerFunc) { mux.HandleFunc(path, h) }
	handle("/good.png", func(w http.ResponseWriter, _ *http.Request) { w.Write(good) })
	handle("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/good.png", http.StatusFound) })
	handle("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	handle("/reset", func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	})
	handle("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	handle("/wall.png", func(w http.ResponseWriter, r *http.Request) { // wants to see its cookie come back
		if _, err := r.Cookie("seen"); err != nil {
			http.SetCookie(w, &http.Cookie{Name: "seen", Value: "yes"})
			http.Redirect(w, r, "/wall.png", http.StatusFound)
			return
		}
		w.Write(good)
	})
	handle("/endless", func(w http.ResponseWriter, r *http.Request) {
		chunk := make([]byte, 4096)
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	handle("/page", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<!DOCTYPE html><html>Gone")) })
	handle("/cut.png", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(good)))
		w.Write(good[:len(good)/2])
	})
	handle("/half.png", func(w http.ResponseWriter, _ *http.Request) { w.Write(good[:len(good)/2]) })
	handle("/empty", func(http.ResponseWriter, *http.Request) {})
	handle("/huge.png", func(w http.ResponseWriter, _ *http.Request) {
		var b bytes.Buffer
		if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1001, 1000))); err != nil {
			t.Error(err)
		}
		w.Write(b.Bytes())
	})
	handle("/noai.png", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Robots-Tag", "noai")
		w.Write(good)
	})
	handle("/secret/", func(w http.ResponseWriter, _ *http.Request) { w.Write(good) })
	handle("/robots.txt", func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("User-agent: *\nDisallow: /secret/\n"))
	})
	s := httptest.NewUnstartedServer(mux)
	s.Config.ErrorLog = nil
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// each gives the requests.
func each(requests ...Request) iter.Seq2[Request, error] {
	return func(yield func(Request, error) bool) {
		for _, r := range requests {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// part asks for pictures; each request has one answer.
func part(t *testing.T, f *Fetcher, requests []Request) []shard.Image {
	t.Helper()
	rows, times := make([]shard.Image, len(requests)), make([]int, len(requests))
	if err := f.All(t.Context(), each(requests...), len(requests), func(i int, row *shard.Image) error {
		rows[i] = *row
		times[i]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for i, n := range times {
		if n != 1 {
			t.Fatalf("%s was answered %d times", requests[i].URL, n)
		}
	}
	return rows
}

func fetchAll(t *testing.T, f *Fetcher, urls ...string) []shard.Image {
	t.Helper()
	var requests []Request
	for _, u := range urls {
		requests = append(requests, Request{ImageID: shard.ImageID(u), URL: u})
	}
	rows := part(t, f, requests)
	for i, r := range rows {
		if r.ImageURL != urls[i] || r.ImageID != shard.ImageID(urls[i]) || r.FetchTime != clock {
			t.Errorf("row %d is of %s at %d", i, r.ImageURL, r.FetchTime)
		}
		if (r.Status == "") != (len(r.Bytes) > 0) {
			t.Errorf("%s: status %q with %d bytes", r.ImageURL, r.Status, len(r.Bytes))
		}
	}
	return rows
}

func TestPartStatuses(t *testing.T) {
	s := badSite(t)
	f := newFetcher(t, 4, nil)
	for _, tt := range []struct {
		path, status string
		http         int32
		detail       string // a part of it
	}{
		{"/good.png", "", 200, ""},
		{"/moved", "", 200, ""},
		{"/wall.png", "", 200, ""},
		{"/none.png", "http_404", 404, "Not Found"},
		{"/reset", gate.ConnectionReset, 0, ""},
		{"/loop", gate.RedirectLoop, 302, ""},
		{"/endless", gate.TooLarge, 200, ""},
		{"/page", picture.ReasonFormatUnknown, 200, "text/html"},
		{"/cut.png", gate.ConnectionReset, 200, ""},
		{"/half.png", picture.ReasonCorrupt, 200, ""},
		{"/empty", picture.ReasonEmpty, 200, ""},
		{"/huge.png", picture.ReasonTooManyPixels, 200, "1001 x 1000"},
		{"/noai.png", OptOut, 200, "noai"},
		{"/secret/a.png", gate.RobotsDisallowed, 0, "/secret/"},
	} {
		t.Run(strings.Trim(tt.path, "/"), func(t *testing.T) {
			row := fetchAll(t, f, s.URL+tt.path)[0]
			if row.Status != tt.status || row.HTTPStatus != tt.http || !strings.Contains(row.Detail, tt.detail) {
				t.Errorf("status %q, HTTP %d, detail %q; want %q, %d, ... %q",
					row.Status, row.HTTPStatus, row.Detail, tt.status, tt.http, tt.detail)
			}
			if strings.Contains(row.Detail, "->") {
				t.Errorf("detail %q names our own port", row.Detail)
			}
		})
	}
	for _, u := range []string{"", "not a url", "//host/a.png", "http://%zz/"} {
		if row := fetchAll(t, f, u)[0]; row.Status != BadURL {
			t.Errorf("%q: status %q (%s)", u, row.Status, row.Detail)
		}
	}
	if row := fetchAll(t, f, "http://127.0.0.2:9/a.png")[0]; row.Status != gate.AddressRefused && row.Status != gate.PortRefused && row.Status != gate.RobotsUnreachable {
		t.Errorf("an address that is not allowed: %q (%s)", row.Status, row.Detail)
	}
}

// A picture that never comes runs into the limit, which grows until the site's
// robots.txt keeps it, however slow the machine is.
func TestPartTimeLimit(t *testing.T) {
	s := badSite(t)
	for limit := 50 * time.Millisecond; ; limit *= 2 {
		row := fetchAll(t, newFetcher(t, 1, func(o *gate.Options) { o.HeaderTimeout = limit }), s.URL+"/hang")[0]
		if row.Status == gate.RobotsUnreachable {
			continue
		}
		if row.Status != gate.Timeout || row.HTTPStatus != 0 {
			t.Errorf("status %q, HTTP %d, detail %q; want %q", row.Status, row.HTTPStatus, row.Detail, gate.Timeout)
		}
		return
	}
}

func TestPartFillsTheRow(t *testing.T) {
	s := badSite(t)
	row := fetchAll(t, newFetcher(t, 1, nil), s.URL+"/good.png")[0]
	good := pngOf(t, 128, 96, color.NRGBA{R: 50})
	if row.Width != 85 || row.Height != 64 || row.OriginalFormat != "png" || row.OriginalWidth != 128 || row.OriginalHeight != 96 {
		t.Errorf("%dx%d from %s %dx%d", row.Width, row.Height, row.OriginalFormat, row.OriginalWidth, row.OriginalHeight)
	}
	if row.PictureHash != xxhash.Sum64(good) || row.OriginalBytes != int64(len(good)) || row.PHash == 0 {
		t.Errorf("hash %x, %d bytes, perceptual hash %x", row.PictureHash, row.OriginalBytes, row.PHash)
	}
}

func TestPartRecordsOptOutsThatAreNotObeyed(t *testing.T) {
	s := badSite(t)
	f := newFetcher(t, 1, func(o *gate.Options) { o.Respect = []string{gate.RespectRobots} })
	if row := fetchAll(t, f, s.URL+"/noai.png")[0]; row.Status != "" || row.OptOut != optout.NoAI {
		t.Errorf("status %q, opt-out %q", row.Status, row.OptOut)
	}
}

// Rows are the same for any number of workers, errors included.
func TestPartIsTheSameForAnyWorkers(t *testing.T) {
	s, other := badSite(t), badSite(t)
	var urls []string
	for _, site := range []*httptest.Server{s, other} {
		for _, p := range []string{"/good.png", "/cut.png", "/reset", "/loop", "/page", "/half.png", "/none", "/noai.png", "/secret/x", "/endless", "/moved"} {
			urls = append(urls, site.URL+p)
		}
	}
	urls = append(urls, "bad url", strings.Replace(s.URL, "http", "ftp", 1))
	want := fetchAll(t, newFetcher(t, 1, nil), urls...)
	for _, workers := range []int{2, 8} {
		got := fetchAll(t, newFetcher(t, workers, nil), urls...)
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				a, b := want[i], got[i]
				a.Bytes, b.Bytes = nil, nil
				t.Errorf("%s: 1 worker %+v\n%d workers %+v", urls[i], a, workers, b)
			}
		}
	}
}

// What was answered before the context ended stands; the rest is cut off.
func TestPartEndsWithItsContext(t *testing.T) {
	good := pngOf(t, 64, 64, color.NRGBA{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/robots.txt":
		case "/good":
			w.Write(good)
		default:
			<-r.Context().Done()
		}
	}))
	defer s.Close()
	f := newFetcher(t, 1, nil)
	f.grace = time.Millisecond
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by the test")
	var answered []int
	err := f.All(ctx, each(Request{URL: s.URL + "/good"}, Request{URL: s.URL + "/b"}, Request{URL: s.URL + "/c"}), 3, func(i int, row *shard.Image) error {
		answered = append(answered, i)
		if row.Status != "" || len(row.Bytes) == 0 {
			t.Errorf("request %d: %q", i, row.Status)
		}
		cancel(stopped)
		return nil
	})
	if !slices.Equal(answered, []int{0}) || !errors.Is(err, stopped) && !errors.Is(err, context.Canceled) {
		t.Errorf("answered %v, then %v", answered, err)
	}
}

// What has been asked for when the part is stopped comes in still; what waits for its
// host's turn is not asked for.
func TestPartTakesInWhatIsUnderWay(t *testing.T) {
	good := pngOf(t, 64, 64, color.NRGBA{})
	ctx, cancel := context.WithCancel(t.Context())
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/robots.txt" {
			return
		}
		asked = append(asked, r.URL.Path)
		cancel()
		w.Write(good)
	}))
	defer s.Close()
	f := newFetcher(t, 2, nil)
	f.grace = ample
	var answered []int
	err := f.All(ctx, each(Request{URL: s.URL + "/a"}, Request{URL: s.URL + "/b"}, Request{URL: s.URL + "/c"}), 3, func(i int, row *shard.Image) error {
		if answered = append(answered, i); row.Status != "" || len(row.Bytes) == 0 {
			t.Errorf("request %d: %q", i, row.Status)
		}
		return nil
	})
	if len(answered) != 1 || len(asked) != 1 || !errors.Is(err, context.Canceled) {
		t.Errorf("asked for %v, answered %v, then %v", asked, answered, err)
	}
}

// An error of who takes the answers ends the part and is given back.
func TestPartEndsWithItsTaker(t *testing.T) {
	s := badSite(t)
	full := errors.New("disk full")
	var n int
	err := newFetcher(t, 3, nil).All(t.Context(), each(Request{URL: s.URL + "/good.png"}, Request{URL: s.URL + "/none"}, Request{URL: s.URL + "/page"}), 3,
		func(int, *shard.Image) error { n++; return full })
	if !errors.Is(err, full) || n == 0 {
		t.Errorf("after %d answers: %v", n, err)
	}
	if err := newFetcher(t, 1, nil).All(t.Context(), each(), 1, nil); err != nil {
		t.Errorf("no requests: %v", err)
	}
}

// A copy at hand is asked for on condition; the answer says that it holds, or brings
// what is there now.
func TestConditionalRequests(t *testing.T) {
	good := pngOf(t, 64, 64, color.NRGBA{})
	const tag, day = `"v2"`, "Tue, 14 Nov 2023 22:13:20 GMT"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/robots.txt":
			return
		case "/odd": // a tag that cannot be sent back unharmed
			w.Header().Set("ETag", "\"\xff\"")
			w.Write(good)
			return
		case "/304": // to all
			w.WriteHeader(http.StatusNotModified)
			return
		case "/noai":
			w.Header().Set("X-Robots-Tag", "noai")
		}
		w.Header().Set("ETag", tag)
		w.Header().Set("Last-Modified", day)
		if r.Header.Get("If-None-Match") == tag || r.Header.Get("If-None-Match") == "" && r.Header.Get("If-Modified-Since") == day {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Write(good)
	}))
	defer s.Close()
	f := newFetcher(t, 1, nil)
	for _, tt := range []struct {
		name            string
		request         Request
		unchanged       bool
		status          string
		etag, lastModif string
	}{
		{"no copy", Request{URL: "/a"}, false, "", tag, day},
		{"the tag holds", Request{URL: "/a", ETag: tag}, true, "", tag, day},
		{"another tag", Request{URL: "/a", ETag: `"v1"`, LastModified: day}, false, "", tag, day},
		{"the time holds", Request{URL: "/a", LastModified: day}, true, "", tag, day},
		{"another time", Request{URL: "/a", LastModified: "Tue, 14 Nov 2000 22:13:20 GMT"}, false, "", tag, day},
		{"a tag of bytes", Request{URL: "/odd"}, false, "", "", ""},
		{"a copy is confirmed that there is not", Request{URL: "/304"}, false, "http_304", "", ""},
		{"it holds, and asks not to be used", Request{URL: "/noai", ETag: tag}, false, OptOut, "", ""},
	} {
		tt.request.URL = s.URL + tt.request.URL
		row := part(t, f, []Request{tt.request})[0]
		if Unchanged(&row) != tt.unchanged || row.Status != tt.status || row.ETag != tt.etag || row.LastModified != tt.lastModif ||
			(len(row.Bytes) > 0) != (tt.status == "" && !tt.unchanged) {
			t.Errorf("%s: unchanged %v, status %q, tag %q, time %q, %d bytes", tt.name, Unchanged(&row), row.Status, row.ETag, row.LastModified, len(row.Bytes))
		}
	}
}
