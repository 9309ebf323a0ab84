package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pairloom/pairloom/crawl/fetch"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/filter"
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
	if os.Getenv(trainIn) != "" {
		trainInChild()
	}
	os.Exit(m.Run())
}

// pictureSite is a server of pictures that change, and a dataset whose pairs point
// at them.
type pictureSite struct {
	older   int64 // as the last run told it: pictures as other settings made them
	t       *testing.T
	server  *httptest.Server
	dir     string
	options FetchOptions
	gate    gate.Options
	picture filter.PictureOptions
	balance BalanceOptions
	now     time.Time
	ctx     context.Context

	mu     sync.Mutex
	robots string
	files  map[string]file
	asked  []string // path of each request for a picture, "?" before one on condition
	before func(path string, n int)
}

// file is what the site has at a path.
type file struct {
	colour uint8
	status int    // 0 is 200; -1 breaks the connection off
	tag    string // ETag
	header string // X-Robots-Tag
	later  string // Retry-After
}

// day 0 of the tests below.
var dayZero = time.Unix(1_700_000_000, 0)

func newPictureSite(t *testing.T, paths ...string) *pictureSite {
	t.Helper()
	s := &pictureSite{t: t, dir: t.TempDir(), files: map[string]file{}, now: dayZero, ctx: t.Context()}
	s.server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.server.Close)
	s.gate = gate.Options{
		Contact: "mailto:test@example.org", UserAgent: "pairloom", AllowAddresses: []string{"127.0.0.1"},
		Respect: gate.Wishes(), ConnectionsPerHost: 4, DialTimeout: time.Hour, HeaderTimeout: time.Hour, TotalTimeout: time.Hour,
		MaxRedirects: 5, MaxPageBytes: 1 << 16, MaxPictureBytes: 1 << 16, RobotsMaxBytes: 1 << 12, RobotsTTL: time.Hour,
	}
	s.options = FetchOptions{
		Options:      fetch.Options{Workers: 2, ImageSize: 64, OnlyIfBigger: true, Quality: 90, MaxMegapixels: 1, DecodeChildren: 1, PictureTimeout: time.Hour},
		PartPictures: 3, RevisitAfter: 30 * 24 * time.Hour,
	}
	for i, path := range paths {
		s.files[path] = file{colour: uint8(10 * i), tag: fmt.Sprintf(`"%d"`, i)}
	}
	s.pairs(dayZero, paths...)
	return s
}

func (s *pictureSite) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.URL.Path {
	case "/robots.txt":
		w.Write([]byte(s.robots))
		return
	case "/ai.txt", "/.well-known/tdmrep.json":
		w.WriteHeader(http.StatusNotFound)
		return
	}
	path := r.URL.Path
	mark := ""
	if r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Modified-Since") != "" {
		mark = "?"
	}
	s.asked = append(s.asked, mark+path)
	if s.before != nil {
		s.before(path, len(s.asked))
	}
	f, ok := s.files[path]
	if !ok {
		f.status = http.StatusNotFound
	}
	if f.header != "" {
		w.Header().Set("X-Robots-Tag", f.header)
	}
	if f.later != "" {
		w.Header().Set("Retry-After", f.later)
	}
	if f.tag != "" {
		w.Header().Set("ETag", f.tag)
	}
	switch {
	case f.status < 0:
		panic(http.ErrAbortHandler)
	case f.status > 0:
		w.WriteHeader(f.status)
	case f.tag != "" && r.Header.Get("If-None-Match") == f.tag:
		w.WriteHeader(http.StatusNotModified)
	default:
		w.Write(s.png(f.colour))
	}
}

func (s *pictureSite) png(colour uint8) []byte {
	img := image.NewNRGBA(image.Rect(0, 0, 70, 66))
	for y := range 66 {
		for x := range 70 {
			img.SetNRGBA(x, y, color.NRGBA{colour + uint8(x), uint8(y * 3), colour, 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		s.t.Error(err)
	}
	return b.Bytes()
}

// set changes what the site has at a path.
func (s *pictureSite) set(path string, f file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[path] = f
}

// pairs makes a pair of each picture, as of pages read at that time. A path may be an
// address of its own.
func (s *pictureSite) pairs(crawled time.Time, paths ...string) {
	s.t.Helper()
	var rows []shard.Matched
	for _, path := range paths {
		address := path
		if strings.HasPrefix(path, "/") {
			address = s.server.URL + path
		}
		rows = append(rows, shard.Matched{
			PairID: shard.PairID(address, "a cat"), ImageID: shard.ImageID(address), QueryIDs: []uint32{0},
			Candidate: shard.Candidate{PageURL: "https://page.example/", ImageURL: address, Text: "a cat", TextSource: "alt", Source: "live", CrawlTime: crawled.Unix()},
		})
	}
	slices.SortFunc(rows, func(a, b shard.Matched) int {
		if a.ImageID < b.ImageID {
			return -1
		}
		return 1
	})
	writeFolder(s.t, s.dir, shard.MatchedFolder, rows, 4)
}

func (s *pictureSite) stage() Fetch {
	return Fetch{s.dir, s.options, s.gate, s.picture, s.balance, 1, 16 << 20, "test", []string{"env", asChild + "=1", os.Args[0]}, func() time.Time { return s.now }}
}

// due is what the stage says of whether it must run.
func (s *pictureSite) due() string {
	s.t.Helper()
	stage := s.stage().Stage()
	why, err := stage.Stale()
	if err != nil {
		s.t.Fatal(err)
	}
	return why
}

// run fetches and returns what was asked for, sorted.
func (s *pictureSite) run() (asked []string) {
	s.t.Helper()
	tally, err := s.try()
	if err == nil {
		err = tally.Check()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.asked)
	asked, s.asked = s.asked, nil
	return asked
}

func (s *pictureSite) try() (*shard.Tally, error) {
	s.older = 0
	outcome, err := s.stage().Run(s.ctx, func(int64, int64) {})
	if outcome == nil {
		return nil, err
	}
	if fetched, ok := outcome.Result.(Fetched); ok {
		s.older = fetched.Older
	}
	return outcome.Tally, err
}

// rows are the rows of the images folder by path; of a picture there is one.
func (s *pictureSite) rows() map[string]shard.Image {
	s.t.Helper()
	rows := map[string]shard.Image{}
	for _, i := range rowsOf[shard.Image](s.t, s.dir, shard.ImagesFolder) {
		path := strings.TrimPrefix(i.ImageURL, s.server.URL)
		if _, twice := rows[path]; twice {
			s.t.Errorf("%s has two rows", path)
		}
		rows[path] = i
	}
	return rows
}

func (s *pictureSite) statuses() map[string]string {
	s.t.Helper()
	all := map[string]string{}
	for path, i := range s.rows() {
		all[path] = i.Status
	}
	return all
}

// disk is each file of the images folder.
func (s *pictureSite) disk() map[string]string {
	s.t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(filepath.Join(s.dir, shard.ImagesFolder))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(s.dir, shard.ImagesFolder, e.Name()))
		if err != nil {
			s.t.Fatal(err)
		}
		files[e.Name()] = string(data)
	}
	return files
}

// holds tells whether any file of the images folder holds these bytes.
func (s *pictureSite) holds(picture []byte) bool {
	for _, data := range s.disk() {
		if strings.Contains(data, string(picture)) {
			return true
		}
	}
	return false
}

// parts are the files that the manifest stands for.
func parts(disk map[string]string) map[string]string {
	own := maps.Clone(disk)
	maps.DeleteFunc(own, func(name, _ string) bool {
		return name == calendarName || strings.HasPrefix(name, "visits-")
	})
	return own
}
