package pipeline

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/crawl"
	"github.com/pairloom/pairloom/crawl/fetch"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/crawl/optout"
	"github.com/pairloom/pairloom/shard"
)

var update = flag.Bool("update", false, "write the golden files anew")

// yearHost is one of the two sites that the year is spent with.
type yearHost struct {
	name   string
	server *httptest.Server
	files  map[string]string // by path: a page, a file for crawlers, "picture N" in colour N, or "pattern N SIDE", see pattern
	status map[string]int    // by path, instead of an answer
	header map[string]string // by path: X-Robots-Tag
	down   bool
}

// year is a dataset, two sites and a clock that turns by a night at a time.
type year struct {
	t      *testing.T
	dir    string
	o      *Options
	night  int
	now    time.Time
	hosts  []*yearHost
	labels map[uint64]string // of a picture's hash

	mu    sync.Mutex
	asked []string
}

// Now and Sleep make the year the gate's clock: nobody waits.
func (y *year) Now() time.Time { return y.now }

func (y *year) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func (y *year) host(name, address string) *yearHost {
	h := &yearHost{name: name, files: map[string]string{}, status: map[string]int{}, header: map[string]string{}}
	h.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { y.serve(h, w, r) }))
	listener, err := net.Listen("tcp", address+":0")
	if err != nil {
		y.t.Fatal(err)
	}
	h.server.Listener.Close()
	h.server.Listener = listener
	h.server.Config.ErrorLog = nil
	h.server.Start()
	y.t.Cleanup(h.server.Close)
	y.hosts = append(y.hosts, h)
	return h
}

func (y *year) serve(h *yearHost, w http.ResponseWriter, r *http.Request) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if h.down {
		y.asked = append(y.asked, h.name+r.URL.Path+" (down)")
		panic(http.ErrAbortHandler)
	}
	text, ok := h.files[r.URL.Path]
	status := h.status[r.URL.Path]
	if !ok && status == 0 {
		status = http.StatusNotFound
	}
	var body []byte
	var colour uint8
	var seed, side int
	if _, err := fmt.Sscanf(text, "picture %d", &colour); err == nil {
		body = y.picture(colour)
		w.Header().Set("Content-Type", "image/png")
	} else if _, err := fmt.Sscanf(text, "pattern %d %d", &seed, &side); err == nil {
		body = pattern(seed, side)
		w.Header().Set("Content-Type", "image/png")
	} else {
		body = []byte(strings.ReplaceAll(text, "OTHER", y.hosts[1].server.URL))
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
	}
	tag := fmt.Sprintf(`"%x"`, xxhash.Sum64(body))
	w.Header().Set("ETag", tag)
	if line := h.header[r.URL.Path]; line != "" {
		w.Header().Set("X-Robots-Tag", line)
	}
	mark := ""
	if r.Header.Get("If-None-Match") != "" && status == 0 {
		if mark = " (changed)"; r.Header.Get("If-None-Match") == tag {
			mark, status = " (unchanged)", http.StatusNotModified
		}
	}
	y.asked = append(y.asked, h.name+r.URL.Path+mark)
	if status != 0 {
		w.WriteHeader(status)
		return
	}
	w.Write(body)
}

// picture is a square of one colour, with an edge of another.
func (y *year) picture(colour uint8) []byte {
	img := image.NewNRGBA(image.Rect(0, 0, 80, 80))
	for i := range 6400 {
		img.SetNRGBA(i%80, i/80, color.NRGBA{colour, uint8(i / 80 * 3), uint8(i % 80 * 3), 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		y.t.Error(err)
	}
	y.labels[xxhash.Sum64(b.Bytes())] = fmt.Sprint(colour)
	return b.Bytes()
}

// newYear is the evening before the first night.
func newYear(t *testing.T) (y *year, a, b *yearHost) {
	t.Helper()
	y = &year{t: t, dir: t.TempDir(), labels: map[uint64]string{}, now: time.Date(2026, 1, 1, 2, 17, 0, 0, time.UTC)}
	a, b = y.host("a", "127.0.0.1"), y.host("b", "127.0.0.2")
	y.site(a, b)
	y.o = testOptions()
	y.o.Crawl = crawl.Options{
		Seeds: []string{a.server.URL + "/"}, Scope: "host", Hosts: []string{strings.TrimPrefix(b.server.URL, "http://")},
		MaxHops: 20, Workers: 2, Attempts: 2, RevisitAfter: 30 * aDay, Sitemaps: true, PartCandidates: 1000,
	}
	y.o.Gate = gate.Options{
		Contact: "mailto:test@example.org", UserAgent: "pairloom", AllowAddresses: []string{"127.0.0.1"}, Respect: gate.Wishes(), Policies: true,
		ConnectionsPerHost: 1, DialTimeout: time.Hour, HeaderTimeout: time.Hour, TotalTimeout: time.Hour, MaxDelay: time.Minute,
		MaxRedirects: 5, MaxPageBytes: 1 << 16, MaxPictureBytes: 1 << 16, RobotsMaxBytes: 1 << 12, RobotsTTL: 12 * time.Hour, Clock: y,
	}
	y.o.Fetch = FetchOptions{
		Options:      fetch.Options{Workers: 2, ImageSize: 64, OnlyIfBigger: true, Quality: 90, MaxMegapixels: 1, DecodeChildren: 1, PictureTimeout: time.Hour},
		PartPictures: 100, RevisitAfter: 30 * aDay,
	}
	writeList(t, filepath.Join(y.dir, "list.zst"), "fox", "owl", "hare", "wolf", "seal", "crow", "newt", "moth", "toad")
	return y, a, b
}

// run is one night: every stage whose settings or input changed, up to the shards.
func (y *year) run() error {
	y.t.Helper()
	road := Road(Work{Dir: y.dir, Options: *y.o, Now: y.Now, Version: "test",
		PictureChild: []string{"env", asChild + "=1", os.Args[0]}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	stages, err := Select(road, CrawlName, ShardName)
	if err == nil {
		_, err = Do(y.t.Context(), stages, false, slog.New(slog.NewTextHandler(io.Discard, nil)), noWatcher{})
	}
	return err
}

type noWatcher struct{}

func (noWatcher) Begin(*Stage, int, int) Progress { return func(int64, int64) {} }
func (noWatcher) End()                            {}

// holds lists the dataset: text, host and colour of each pair.
func (y *year) holds() string {
	y.t.Helper()
	var pairs []string
	for _, p := range rowsOf[shard.Pair](y.t, y.dir, shard.ShardsFolder) {
		for _, h := range y.hosts {
			if strings.HasPrefix(p.ImageURL, h.server.URL+"/") {
				pairs = append(pairs, fmt.Sprintf("%s (%s %s)", p.Text, h.name, y.labels[p.PictureHash]))
			}
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ", ")
}

// compact writes the shards anew.
func (y *year) compact() {
	y.t.Helper()
	o := *y.o
	o.Shard.Compact = true
	runStages(y.t, y.dir, &o, ShardName)
}

// onDisk tells whether a file of the folders with pictures holds the picture that a
// pair of the dataset no longer has: its bytes would be those of a stored row, be it
// deleted or not.
func (y *year) onDisk(colour uint8) bool {
	want := xxhash.Sum64(y.picture(colour))
	for _, i := range rowsOf[shard.Image](y.t, y.dir, shard.ImagesFolder) {
		if i.PictureHash == want && len(i.Bytes) > 0 {
			return true
		}
	}
	m, err := shard.ReadManifest(filepath.Join(y.dir, shard.ShardsFolder))
	if err != nil {
		y.t.Fatal(err)
	}
	for p, err := range shard.Rows[shard.Pair](filepath.Join(y.dir, shard.ShardsFolder), m.Parts) {
		if err != nil {
			y.t.Fatal(err)
		}
		if p.PictureHash == want {
			return true
		}
	}
	return false
}

// TestYearOfCron spends a year with two sites, a run a night, while pages and
// pictures change, go, are refused and come back, servers are down, and settings
// change. testdata/year.txt has what was asked for in each night and what the
// dataset holds from then on; nights in which nothing was asked for are left out.
func TestYearOfCron(t *testing.T) {
	nights := 366
	if testing.Short() {
		nights = 70
	}
	y, a, b := newYear(t)
	events := y.events(a, b)
	var diary strings.Builder
	held := ""
	for y.night = 0; y.night < nights; y.night++ {
		event := events[y.night]
		if event.change != nil {
			y.mu.Lock()
			event.change()
			y.mu.Unlock()
		}
		if err := y.run(); err != nil {
			t.Fatalf("night %d: %v", y.night, err)
		}
		y.mu.Lock()
		asked := y.asked
		y.asked = nil
		y.mu.Unlock()
		now := y.holds()
		if event.name != "" || len(asked) > 0 || now != held {
			fmt.Fprintf(&diary, "night %d", y.night)
			if event.name != "" {
				fmt.Fprintf(&diary, ": %s", event.name)
			}
			diary.WriteByte('\n')
			slices.Sort(asked)
			for _, h := range y.hosts {
				if line := askedOf(asked, h.name); line != "" {
					fmt.Fprintf(&diary, "  asked of %s: %s\n", h.name, line)
				}
			}
			if now != held {
				fmt.Fprintf(&diary, "  dataset: %s\n", now)
			}
			held = now
		}
		// By then what happened is known of, and shards that are compacted keep nothing: the hare's page and the owl's picture, the
		// picture that robots.txt kept back and the seal's, the wolf's and the fox's page.
		gone := map[int][]uint8{30: {11, 12}, 61: {14, 15}, 72: {13}, 136: {10}, 240: {13}}
		if len(gone[y.night]) > 0 {
			if y.compact(); y.holds() != now {
				t.Errorf("night %d: compacted, the dataset holds %s; before it was %s", y.night, y.holds(), now)
			}
		}
		for _, colour := range gone[y.night] {
			if y.onDisk(colour) {
				t.Errorf("night %d: picture %d is still on the disk", y.night, colour)
			}
		}
		y.now = y.now.Add(aDay)
	}
	compareGolden(t, filepath.Join("testdata", "year.txt"), diary.String(), nights < 366)
}

// When a site withdraws all that it had, nothing is left of it, and the run says so.
func TestNothingStaysOfASiteThatWithdrawsAll(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	for _, tt := range []struct {
		name   string
		change func(*yearHost)
	}{
		{"its pages are gone", func(a *yearHost) {
			for path := range a.files {
				a.status[path] = http.StatusGone
			}
		}},
		{"robots.txt disallows all", func(a *yearHost) { a.files["/robots.txt"] = "User-agent: *\nDisallow: /\n" }},
		{"its pages say noai", func(a *yearHost) {
			for path := range a.files {
				a.header[path] = "noai"
			}
		}},
		{"its pictures are gone", func(a *yearHost) {
			for path := range a.files {
				if strings.HasSuffix(path, ".png") {
					a.status[path] = http.StatusNotFound
				}
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			y, a, _ := newYear(t)
			if err := y.run(); err != nil || y.holds() == "" {
				t.Fatalf("the first night ends with %v and holds %q", err, y.holds())
			}
			y.mu.Lock()
			tt.change(a)
			y.mu.Unlock()
			y.now = y.now.Add(31 * aDay)
			if err := y.run(); !errors.Is(err, ErrNothingKept) {
				t.Errorf("the run ends with %v", err)
			}
			if held := y.holds(); held != "" {
				t.Errorf("the dataset holds %s", held)
			}
			for colour := uint8(10); colour < 16; colour++ {
				if y.onDisk(colour) {
					t.Errorf("picture %d is still on the disk", colour)
				}
			}
		})
	}
}

// askedOf lists the paths asked of a host, each once.
func askedOf(asked []string, host string) string {
	var paths []string
	for _, line := range asked {
		if path, ok := strings.CutPrefix(line, host); ok && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return strings.Join(paths, " ")
}

// compareGolden holds text against a golden file, or against the beginning of it.
func compareGolden(t *testing.T, path, text string, beginning bool) {
	t.Helper()
	if *update && !beginning {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%v; run go test -update", err)
	}
	if string(want) == text || beginning && strings.HasPrefix(string(want), text) {
		return
	}
	got, wanted := strings.Split(text, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(got), len(wanted)) {
		if got[i] != wanted[i] {
			t.Fatalf("%s, line %d: got\n%s\nwant\n%s", path, i+1, got[i], wanted[i])
		}
	}
	t.Fatalf("%s has %d lines, got %d", path, len(wanted), len(got))
}

// site is what the two sites are at the beginning: a page for each animal.
func (y *year) site(a, b *yearHost) {
	a.files["/"] = `<a href=fox.html>a</a><a href=owl.html>b</a><a href=hare.html>c</a><a href=wolf.html>d</a><a href=seal.html>e</a>` +
		`<a href=private/crow.html>f</a><a href=news.html>g</a><a href=OTHER/>h</a>`
	b.files["/"] = `<a href=newt.html>a</a><a href=moth.html>b</a>`
	for i, path := range []string{"/fox", "/owl", "/hare", "/wolf", "/seal", "/private/crow"} {
		a.files[path+".html"] = fmt.Sprintf(`<img src=%s.png alt="a %s">`, path, filepath.Base(path))
		a.files[path+".png"] = fmt.Sprint("picture ", 10+i)
	}
	for i, path := range []string{"/newt", "/moth"} {
		b.files[path+".html"] = fmt.Sprintf(`<img src=%s.png alt="a %s">`, path, filepath.Base(path))
		b.files[path+".png"] = fmt.Sprint("picture ", 20+i)
	}
	a.files["/news.html"] = `<img src=toad.png alt="a toad in week 0">`
	a.files["/toad.png"] = "picture 30"
}

// event is what happens before a night's run.
type event struct {
	name   string
	change func()
}

func (y *year) events(a, b *yearHost) map[int]event {
	all := map[int]event{
		0:   {name: "the sites as they are; 127.0.0.2 is not allowed", change: func() {}},
		2:   {name: "gate.allow_addresses has 127.0.0.2 too", change: func() { y.o.Gate.AllowAddresses = []string{"127.0.0.1", "127.0.0.2"} }},
		5:   {name: "a/fox.html has another text", change: func() { a.files["/fox.html"] = `<img src=fox.png alt="an arctic fox">` }},
		12:  {name: "a/owl.png is replaced by picture 99", change: func() { a.files["/owl.png"] = "picture 99" }},
		20:  {name: "a/hare.html is gone", change: func() { a.status["/hare.html"] = http.StatusGone }},
		33:  {name: "robots.txt of a disallows /private/", change: func() { a.files["/robots.txt"] = "User-agent: *\nDisallow: /private/\n" }},
		45:  {name: "a/wolf.html says noai", change: func() { a.header["/wolf.html"] = "noai" }},
		50:  {name: "b is down", change: func() { b.down = true }},
		60:  {name: "a/seal.png is deleted", change: func() { delete(a.files, "/seal.png") }},
		75:  {name: "b is up again", change: func() { b.down = false }},
		100: {name: "gate.respect is without noai", change: func() { y.respect(optout.NoAI, false) }},
		130: {name: "tdmrep.json of a reserves /fox.html", change: func() {
			a.files[optout.TDMRepPath] = `[{"location": "/fox.html", "tdm-reservation": 1}]`
		}},
		150: {name: "ai.txt of b disallows pictures", change: func() { b.files[optout.AITxtPath] = "User-Agent: *\nDisallow: *.png\n" }},
		190: {name: "robots.txt of a allows all, and names a sitemap with a new page", change: func() {
			a.files["/robots.txt"] = "Sitemap: " + a.server.URL + "/sitemap.xml\n"
			a.files["/sitemap.xml"] = "<urlset><url><loc>" + a.server.URL + "/new.html</loc></url></urlset>"
			a.files["/new.html"] = `<img src=new.png alt="a new hare">`
			a.files["/new.png"] = "picture 31"
		}},
		240: {name: "gate.respect has noai again", change: func() { y.respect(optout.NoAI, true) }},
		270: {name: "ai.txt of b is gone", change: func() { delete(b.files, optout.AITxtPath) }},
	}
	for week := 1; week < 12; week++ {
		night, before := 7*week, all[7*week]
		all[night] = event{before.name, func() {
			if before.change != nil {
				before.change()
			}
			a.files["/news.html"] = fmt.Sprintf(`<img src=toad.png alt="a toad in week %d">`, week)
		}}
	}
	return all
}

// respect adds or removes a wish of those that are obeyed.
func (y *year) respect(word string, obeyed bool) {
	y.o.Gate.Respect = slices.DeleteFunc(slices.Clone(y.o.Gate.Respect), func(w string) bool { return w == word })
	if obeyed {
		y.o.Gate.Respect = append(y.o.Gate.Respect, word)
	}
}
