package archive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/crawl/gate"
)

// maxRobotsBytes is read of a robots.txt (RFC 9309, 2.5).
const maxRobotsBytes = 500 << 10

// robotsRedirects are followed from one site's robots.txt to another's (RFC 9309,
// 2.3.1.2).
const robotsRedirects = 5

// Robots holds the robots.txt files of archives on disk, and 40 bytes for each in
// memory. Which one of a site's holds does not depend on the order in which they
// were added: see newer. After the last Add it may be used by many goroutines.
type Robots struct {
	token string
	file  *os.File
	size  int64
	sites map[uint64]robotsPlace
}

type robotsPlace struct {
	at   int64
	size int32
	date int64
	sum  uint64
	bad  bool // 429 or 5xx: the site could not say
}

// siteRules are those of one site.
type siteRules struct {
	robots *gate.RobotsRules
	unread bool // its robots.txt could not be had
}

// NewRobots returns an empty collection for the agent with that product token. Its
// file in folder has no name, so that nothing of it stays.
func NewRobots(token, folder string) (*Robots, error) {
	f, err := os.CreateTemp(folder, ".robots-*.tmp")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return &Robots{token: token, file: f, sites: map[uint64]robotsPlace{}}, nil
}

// Close gives the disk back.
func (r *Robots) Close() error { return r.file.Close() }

// Len is the number of sites.
func (r *Robots) Len() int { return len(r.sites) }

// Sum stands for all that is in it.
func (r *Robots) Sum() uint64 {
	var sum uint64
	for site, p := range r.sites { // in no order: a sum that needs none
		var b [25]byte
		binary.LittleEndian.PutUint64(b[:], site)
		binary.LittleEndian.PutUint64(b[8:], p.sum)
		binary.LittleEndian.PutUint64(b[16:], uint64(p.date))
		sum += xxhash.Sum64(b[:])
	}
	return sum
}

// A RobotsEntry is what one record says of a site's robots.txt.
type RobotsEntry struct {
	Site   string
	Date   int64
	Status int
	Body   []byte // of a 2xx: the file; of a 3xx: the site whose file holds
}

// isRobots tells whether an address is that of a robots.txt.
func isRobots(u *url.URL) bool { return u.Path == "/robots.txt" && u.RawQuery == "" }

// RobotsOf returns what a record says of a site's robots.txt; false for a record
// of something else.
func (x *Extractor) RobotsOf(r *Record) (RobotsEntry, bool) {
	if r.Type != "response" || !bytes.HasSuffix([]byte(r.URI), []byte("/robots.txt")) {
		return RobotsEntry{}, false
	}
	u, ok := pageURL(r.URI)
	if !ok || !isRobots(u) {
		return RobotsEntry{}, false
	}
	resp, ok := parseResponse(r.Block)
	if !ok {
		return RobotsEntry{}, false
	}
	e := RobotsEntry{Site: gate.Site(u), Date: r.Date, Status: resp.status}
	switch {
	case resp.status >= 200 && resp.status < 300:
		body, reason := x.body(&resp)
		if reason != "" {
			return e, false
		}
		if len(body) > maxRobotsBytes { // half a rule would be another rule
			body = body[:bytes.LastIndexAny(body[:maxRobotsBytes+1], "\r\n")+1]
		}
		e.Body = body
	case resp.status >= 300 && resp.status < 400:
		target, err := u.Parse(resp.header.Get("Location"))
		if err == nil && isRobots(target) && gate.Site(target) != e.Site {
			e.Body = []byte(gate.Site(target))
		}
	}
	return e, true
}

// Add takes an entry in.
func (r *Robots) Add(e RobotsEntry) error {
	p := robotsPlace{date: e.Date, bad: e.Status == http.StatusTooManyRequests || e.Status >= 500, size: int32(len(e.Body))}
	if e.Status >= 300 && e.Status < 400 {
		p.size = -p.size
	}
	p.sum = xxhash.Sum64(e.Body) ^ uint64(e.Status)
	key := xxhash.Sum64String(e.Site)
	if old, known := r.sites[key]; known && !newer(p, old) {
		return nil
	}
	p.at = r.size
	if _, err := r.file.WriteAt(e.Body, p.at); err != nil {
		return fmt.Errorf("keep the robots.txt files of archives: %w", err)
	}
	r.size += int64(len(e.Body))
	r.sites[key] = p
	return nil
}

// newer tells which of two holds: one that could be had before one that could not,
// then the later one, then whichever has the greater sum.
func newer(a, b robotsPlace) bool {
	switch {
	case a.bad != b.bad:
		return b.bad
	case a.date != b.date:
		return a.date > b.date
	}
	return a.sum > b.sum
}

// of returns the rules of a site; one that the archives do not know allows all.
func (r *Robots) of(site string) siteRules {
	for range robotsRedirects + 1 {
		p, known := r.sites[xxhash.Sum64String(site)]
		switch {
		case !known || p.size == 0 && !p.bad:
			return siteRules{robots: &gate.RobotsRules{}}
		case p.bad:
			return siteRules{robots: &gate.RobotsRules{}, unread: true}
		}
		body := make([]byte, max(p.size, -p.size))
		if _, err := r.file.ReadAt(body, p.at); err != nil && err != io.EOF {
			return siteRules{robots: &gate.RobotsRules{}, unread: true}
		}
		if p.size > 0 {
			return siteRules{robots: gate.ParseRobots(body, r.token)}
		}
		site = string(body)
	}
	return siteRules{robots: &gate.RobotsRules{}}
}
