package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"
)

// A site is one host's pages. What changes overnight is told by its answers alone:
// conditional requests are answered, as a site of files does.
type site struct {
	server *httptest.Server

	mu      sync.Mutex
	pages   map[string]*page
	shots   map[string]*shot
	robots  string
	down    bool
	answers map[string]int // by "page", "picture" or "other", with "unchanged" behind those
}

type page struct {
	texts  []string // of its pictures
	shots  []string // their paths
	status int      // instead of an answer, 0 for none
	tag    string   // X-Robots-Tag
}

// shot is a picture: a pattern by a seed, shown at a size and a brightness.
type shot struct {
	seed, size uint64
	shade      int
	status     int
	bytes      []byte
}

func newSite(address string) (*site, error) {
	s := &site{pages: map[string]*page{}, shots: map[string]*shot{}, answers: map[string]int{}}
	listener, err := net.Listen("tcp", address+":0")
	if err != nil {
		return nil, err
	}
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.server.Listener.Close()
	s.server.Listener = listener
	s.server.Config.ErrorLog = nil
	s.server.Start()
	return s, nil
}

func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		panic(http.ErrAbortHandler)
	}
	path, kind, status := r.URL.Path, "other", 0
	var body []byte
	switch p, picture := s.pages[path], s.shots[path]; {
	case path == "/robots.txt" && s.robots != "":
		body = []byte(s.robots)
	case path == "/":
		body = s.index()
	case p != nil:
		kind, status, body = "page", p.status, p.html()
		if p.tag != "" {
			w.Header().Set("X-Robots-Tag", p.tag)
		}
	case picture != nil:
		kind, status, body = "picture", picture.status, picture.png()
	default:
		status = http.StatusNotFound
	}
	if kind == "picture" {
		w.Header().Set("Content-Type", "image/png")
	} else if path != "/robots.txt" {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
	}
	if status == 0 {
		tag := fmt.Sprintf(`"%x"`, xxhash.Sum64(body))
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			kind, status = kind+" unchanged", http.StatusNotModified
		}
	}
	s.answers[kind]++
	if status != 0 {
		w.WriteHeader(status)
		return
	}
	w.Write(body)
}

// index links to all pages that were ever there, as an old menu does.
func (s *site) index() []byte {
	var b bytes.Buffer
	for _, path := range s.paths() {
		fmt.Fprintf(&b, "<a href=%s>%s</a>\n", path, path)
	}
	return b.Bytes()
}

func (s *site) paths() []string {
	var list []string
	for path := range s.pages {
		list = append(list, path)
	}
	slices.Sort(list)
	return list
}

func (p *page) html() []byte {
	var b bytes.Buffer
	fmt.Fprint(&b, "<html lang=en><title>animals</title>")
	for i, path := range p.shots {
		fmt.Fprintf(&b, "<p><img src=%s alt=%q></p>\n", path, p.texts[i])
	}
	return b.Bytes()
}

// png draws the picture: 25 fields of colours by its seed.
func (p *shot) png() []byte {
	if p.bytes != nil {
		return p.bytes
	}
	r := rand.New(rand.NewPCG(p.seed, 0))
	var fields [25]color.NRGBA
	for i := range fields {
		fields[i] = color.NRGBA{uint8(r.IntN(200)), uint8(r.IntN(200)), uint8(r.IntN(200)), 255}
	}
	side := int(p.size)
	img := image.NewNRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			c := fields[y*5/side*5+x*5/side]
			img.SetNRGBA(x, y, color.NRGBA{c.R + uint8(p.shade), c.G + uint8(p.shade), c.B + uint8(p.shade), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err) // a picture in memory encodes
	}
	p.bytes = b.Bytes()
	return p.bytes
}

var (
	manners = strings.Fields("sleeping running young old grey brown small large hungry wet tired playful curious quiet shy proud wild tame")
	animals = strings.Fields("fox owl hare wolf seal crow newt moth toad bear lynx otter badger beaver heron stork goose swan deer moose")
	places  = []string{"in the forest", "by the river", "on a rock", "in the snow", "at dusk", "near the village", "in tall grass", "under a tree", "on the beach", "in the rain"}
)

// A change is a night's, of some site.
type change struct {
	added, gone, replaced, retold, wishes int
	other                                 string
}

func (c change) String() string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{c.added, "new pages"}, {c.gone, "pages or pictures gone"}, {c.replaced, "pictures replaced"}, {c.retold, "texts changed"}, {c.wishes, "pages say noai"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprint(p.n, " ", p.what))
		}
	}
	if c.other != "" {
		parts = append(parts, c.other)
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// world are the sites and what decides how they change.
type world struct {
	*rand.Rand
	sites []*site
	next  int
	seeds []uint64 // of pictures that were shown
	left  map[uint64]bool
}

// withdraw notes that a picture is no longer shown.
func (w *world) withdraw(p *shot) { w.left[xxhash.Sum64(p.png())] = true }

func (w *world) text() string {
	return fmt.Sprintf("a %s %s %s", manners[w.IntN(len(manners))], animals[w.IntN(len(animals))], places[w.IntN(len(places))])
}

// shot draws a picture; one in eight is a copy of another in another size and light.
func (w *world) shot() *shot {
	if len(w.seeds) > 0 && w.IntN(8) == 0 {
		return &shot{seed: w.seeds[w.IntN(len(w.seeds))], size: 90 + uint64(w.IntN(60)), shade: w.IntN(40)}
	}
	w.seeds = append(w.seeds, w.Uint64())
	return &shot{seed: w.seeds[len(w.seeds)-1], size: 120}
}

func (w *world) add(s *site) {
	w.next++
	p := &page{}
	section := w.next % 8
	for i := range 3 {
		path := fmt.Sprintf("/s%d/p%d.%d.png", section, w.next, i)
		s.shots[path] = w.shot()
		p.shots, p.texts = append(p.shots, path), append(p.texts, w.text())
	}
	s.pages[fmt.Sprintf("/s%d/p%d.html", section, w.next)] = p
}

// living is a page that is read, nil where there is none.
func (w *world) living(s *site) *page {
	paths := slices.DeleteFunc(s.paths(), func(path string) bool { return s.pages[path].status != 0 || s.pages[path].tag != "" })
	if len(paths) == 0 {
		return nil
	}
	return s.pages[paths[w.IntN(len(paths))]]
}

// overnight changes a site.
func (w *world) overnight(s *site, c *change, added int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.added += added
	for range added {
		w.add(s)
	}
	for range w.IntN(3) {
		if p := w.living(s); p != nil {
			c.gone++
			p.status = []int{http.StatusGone, http.StatusNotFound}[w.IntN(2)]
			for _, path := range p.shots {
				w.withdraw(s.shots[path])
			}
		}
	}
	for range w.IntN(3) {
		if p := w.living(s); p != nil {
			c.gone++
			picture := s.shots[p.shots[w.IntN(3)]]
			picture.status = http.StatusGone
			w.withdraw(picture)
		}
	}
	for range w.IntN(4) {
		if p := w.living(s); p != nil {
			c.replaced++
			path := p.shots[w.IntN(3)]
			w.withdraw(s.shots[path])
			s.shots[path] = w.shot()
		}
	}
	for range w.IntN(4) {
		if p := w.living(s); p != nil {
			c.retold++
			p.texts[w.IntN(3)] = w.text()
		}
	}
	if w.IntN(3) == 0 {
		if p := w.living(s); p != nil {
			c.wishes++
			p.tag = "noai"
			for _, path := range p.shots {
				w.withdraw(s.shots[path])
			}
		}
	}
}
