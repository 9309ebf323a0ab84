package archive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/crawl/optout"
)

// maxRobotsBytes is read of a robots.txt (RFC 9309, 2.5).
const maxRobotsBytes = 500 << 10

// robotsRedirects are followed from one site's robots.txt to another's (RFC 9309,
// 2.3.1.2).
const robotsRedirects = 5

// Robots holds the robots.txt and tdmrep.json files of archives on disk, and 40 bytes
// for each in memory. Which one of a site's holds does not depend on the order in which they
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

	reserved optout.Reservations // of its tdmrep.json
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

// A RobotsEntry is what one record says of a site's robots.txt or tdmrep.json.
type RobotsEntry struct {
	Path   string `json:"path"` // /robots.txt or optout.TDMRepPath
	Site   string `json:"site"`
	Date   int64  `json:"date"`
	Status int    `json:"status"`
	Body   []byte `json:"body"` // of a 2xx: the file; of a 3xx: the site whose file holds
}

const robotsPath = "/robots.txt"

// ruleFile is the path of an address of a site's rules; "" for another address.
func ruleFile(u *url.URL) string {
	if u.RawQuery == "" && (u.Path == robotsPath || u.Path == optout.TDMRepPath) {
		return u.Path
	}
	return ""
}

// mayBeRules tells, before an address is read, whether it may be one of rules.
func mayBeRules(uri string) bool {
	return strings.HasSuffix(uri, robotsPath) || strings.HasSuffix(uri, optout.TDMRepPath)
}

// rulesReason is why a record of rules is no page; "" for another address.
func rulesReason(u *url.URL) string {
	switch ruleFile(u) {
	case robotsPath:
		return RobotsFile
	case optout.TDMRepPath:
		return PolicyFile
	}
	return ""
}

// RobotsOf returns what a record says of a site's robots.txt or tdmrep.json; false
// for a record of something else.
func (x *Extractor) RobotsOf(r *Record) (RobotsEntry, bool) {
	if r.Type != "response" || !mayBeRules(r.URI) {
		return RobotsEntry{}, false
	}
	u, ok := pageURL(r.URI)
	if !ok || ruleFile(u) == "" {
		return RobotsEntry{}, false
	}
	resp, ok := parseResponse(r.Block)
	if !ok {
		return RobotsEntry{}, false
	}
	e := RobotsEntry{Path: u.Path, Site: gate.Site(u), Date: r.Date, Status: resp.status}
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
		if err == nil && ruleFile(target) == e.Path && gate.Site(target) != e.Site {
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
	key := fileKey(e.Path, siteKey(e.Site))
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

// siteKey is what a site is known by.
func siteKey(site string) uint64 { return xxhash.Sum64String(site) }

// fileKey is that of a site's file.
func fileKey(path string, site uint64) uint64 {
	if path == optout.TDMRepPath {
		return ^site
	}
	return site
}

// find follows the redirects of a site's file. ok is false for one that the archives
// do not know, and for one that is not there.
func (r *Robots) find(path string, site uint64) (p robotsPlace, ok bool) {
	for range robotsRedirects + 1 {
		p, ok = r.sites[fileKey(path, site)]
		if !ok || p.bad || p.size >= 0 {
			return p, ok && (p.bad || p.size > 0)
		}
		at, err := r.read(p)
		if err != nil {
			p.bad = true
			return p, true
		}
		site = siteKey(string(at))
	}
	return p, false
}

func (r *Robots) read(p robotsPlace) ([]byte, error) {
	body := make([]byte, max(p.size, -p.size))
	if _, err := r.file.ReadAt(body, p.at); err != nil && err != io.EOF {
		return nil, err
	}
	return body, nil
}

// of returns the rules of a site; one that the archives do not know allows all.
func (r *Robots) of(site string) siteRules {
	rules := siteRules{robots: &gate.RobotsRules{}}
	if p, ok := r.find(robotsPath, siteKey(site)); ok {
		body, err := r.read(p)
		if rules.unread = p.bad || err != nil; !rules.unread {
			rules.robots = gate.ParseRobots(body, r.token)
		}
	}
	if p, ok := r.find(optout.TDMRepPath, siteKey(site)); ok && !p.bad {
		if body, err := r.read(p); err == nil {
			rules.reserved = optout.ParseTDMRep(body)
		}
	}
	return rules
}

// SumOf stands for what is known of these sites.
func (r *Robots) SumOf(sites []uint64) uint64 {
	d := xxhash.New()
	for _, site := range sites {
		fmt.Fprintf(d, "%x\n", site)
		for _, path := range []string{robotsPath, optout.TDMRepPath} {
			if p, ok := r.find(path, site); ok {
				fmt.Fprintf(d, "%x %v\n", p.sum, p.bad)
			} else {
				d.WriteString("-\n")
			}
		}
	}
	return d.Sum64()
}

// Sites are those whose rules decided on the records so far, by what they are known
// by, sorted; see [Robots.SumOf].
func (x *Extractor) Sites() []uint64 {
	slices.Sort(x.asked)
	x.asked = slices.Compact(x.asked)
	return x.asked
}

// wishes are those of a response with these headers, in the order in which a live
// crawl has them.
func (r siteRules) wishes(path string, h http.Header, token string) optout.Wishes {
	w := append(optout.Headers(h, token), r.robots.Wishes(path)...)
	if !optout.ReservationStated(h) {
		w = append(w, r.reserved.Wishes(path)...)
	}
	return w
}
