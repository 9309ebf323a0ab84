package browse

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
)

// onList is how many lines a page of a list has.
const onList = 200

// clustersOnPage is how many clusters a page has, and shownOfCluster of each the pairs
// beside the one that stays.
const (
	clustersOnPage = 24
	shownOfCluster = 9
	shownOfReason  = 8
)

// account is what a stage did, for people.
type account struct {
	*shard.Tally
	Folder  string
	Reasons []reason
}

// reason is what one rule dropped.
type reason struct {
	Name   string
	Count  int64
	Share  float64 // of what came in, percent
	Link   string  // "" where its pairs are in no folder
	Sample []cell
}

// dropped is the page of what each rule dropped.
func (s *Server) dropped(_ *http.Request, f *frame) error {
	f.Template, f.Title, f.Place = "dropped.html", "Dropped", "dropped"
	var accounts []account
	for _, folder := range s.folders() {
		m, err := shard.ReadManifestAlone(filepath.Join(s.Dir, folder))
		if errors.Is(err, shard.ErrUnfinished) {
			continue
		}
		if err != nil {
			return err
		}
		a := account{Tally: m.Tally, Folder: folder}
		for _, name := range m.Tally.Reasons() {
			n := m.Tally.Dropped[name]
			why := reason{Name: name, Count: n, Share: 100 * float64(n) / float64(max(m.Tally.In, 1))}
			if folder == shard.MatchedFolder && pipeline.DecidedByText(name) {
				why.Link = "/texts?" + url.Values{"reason": {name}}.Encode()
			}
			a.Reasons = append(a.Reasons, why)
		}
		if folder == shard.SelectionFolder || folder == shard.ImagesFolder {
			if err := s.sample(a.Reasons); err != nil {
				return err
			}
		}
		accounts = append(accounts, a)
	}
	f.Body = accounts
	return nil
}

// folders are those whose stages drop, in order of the road.
func (s *Server) folders() []string {
	var list []string
	producers, err := os.ReadDir(filepath.Join(s.Dir, shard.CandidatesFolder))
	if err == nil { // where there is none, matched pairs are from elsewhere
		for _, p := range producers {
			list = append(list, shard.ProducerFolder(p.Name()))
		}
	}
	return append(list, shard.MatchedFolder, shard.ImagesFolder, shard.SelectionFolder, shard.ShardsFolder)
}

// sample adds to reasons the first of the pairs that are known to be dropped for them.
func (s *Server) sample(reasons []reason) error {
	x := s.index
	first := make([][]entry, len(x.verdicts))
	for e := x.finished; e < x.len(); e++ {
		if v := x.verdict[e]; len(first[v]) < shownOfReason {
			first[v] = append(first[v], entry(e))
		}
	}
	for i := range reasons {
		r := &reasons[i]
		for v, entries := range first {
			if x.verdicts[v].Is != isDropped || !x.verdicts[v].because(r.Name) {
				continue
			}
			r.Link = search(term{key: keyReason, value: r.Name}.String())
			cells, err := s.cells(entries[:min(len(entries), shownOfReason-len(r.Sample))])
			if err != nil {
				return err
			}
			r.Sample = append(r.Sample, cells...)
		}
	}
	return nil
}

// group is a cluster on its page.
type group struct {
	Stays cell
	Rest  []cell
	Total int // pairs that were dropped
	Link  string
}

// alike is the page of the clusters of copies.
func (s *Server) alike(r *http.Request, f *frame) error {
	clusters := s.index.clusters
	l := newList(r, "/alike", len(clusters), clustersOnPage, nil)
	f.Template, f.Title, f.Place, f.Body = "alike.html", "Look-alikes", "alike", l
	var groups []group
	for _, c := range clusters[l.First:l.Last] {
		stays, err := s.cell(c.stays)
		if err != nil {
			return err
		}
		rest, err := s.cells(c.dropped[:min(len(c.dropped), shownOfCluster)])
		if err != nil {
			return err
		}
		groups = append(groups, group{stays, rest, len(c.dropped), search(keyCopies + ":" + stays.ID)})
	}
	l.Rows = groups
	return nil
}

// list is a page of a long list.
type list struct {
	Rows           any
	Filter         string
	Total          int
	First, Last    int // rows of the page, from 0
	Page, Pages    int
	Previous, Next string
}

func newList(r *http.Request, path string, total, onPage int, query url.Values) *list {
	l := &list{Total: total, Pages: max(1, (total+onPage-1)/onPage)}
	l.Page = pageNumber(r, l.Pages)
	l.First = (l.Page - 1) * onPage
	l.Last = min(l.First+onPage, total)
	address := func(page int) string {
		v := url.Values{}
		maps.Copy(v, query)
		v.Set("page", strconv.Itoa(page))
		return path + "?" + v.Encode()
	}
	if l.Page > 1 {
		l.Previous = address(l.Page - 1)
	}
	if l.Page < l.Pages {
		l.Next = address(l.Page + 1)
	}
	return l
}

// line is one of a list of queries or hosts.
type line struct {
	Name, Link    string
	Kept, Dropped int
	Pictures      int // of hosts: kept pairs whose picture is there
	Share         float64
}

// countedLines are the lists of queries and hosts, those with most kept pairs first. They
// are made with the index, since sorting hundreds of thousands takes a moment.
func (x *index) countedLines() (queries, hosts []line) {
	for _, n := range x.names {
		queries = append(queries, line{Name: n.Name, Kept: n.Kept, Dropped: n.Dropped})
	}
	for _, h := range x.hosts {
		if h.Name != "" {
			hosts = append(hosts, line{Name: h.Name, Kept: h.Pages, Pictures: h.Pictures, Dropped: h.DroppedPages})
		}
	}
	for _, lines := range [][]line{queries, hosts} {
		slices.SortFunc(lines, func(a, b line) int {
			return cmp.Or(b.Kept+b.Pictures-a.Kept-a.Pictures, b.Dropped-a.Dropped, cmp.Compare(a.Name, b.Name))
		})
	}
	return queries, hosts
}

// queries is the page of the queries that pairs have.
func (s *Server) queries(r *http.Request, f *frame) error {
	f.Template, f.Title, f.Place = "lines.html", "Queries", "queries"
	return listed(r, f, keyQuery, s.index.queryLines)
}

// hosts is the page of the hosts of pages and pictures.
func (s *Server) hosts(r *http.Request, f *frame) error {
	f.Template, f.Title, f.Place = "lines.html", "Hosts", "hosts"
	return listed(r, f, keyHost, s.index.hostLines)
}

// listed shows the lines whose name has what is asked for.
func listed(r *http.Request, f *frame, key string, lines []line) error {
	wanted := strings.ToLower(strings.TrimSpace(r.FormValue("has")))
	query := url.Values{}
	if wanted != "" {
		query.Set("has", wanted)
		var with []line
		for _, l := range lines {
			if strings.Contains(strings.ToLower(l.Name), wanted) {
				with = append(with, l)
			}
		}
		lines = with
	}
	l := newList(r, "/"+f.Place, len(lines), onList, query)
	most := 1
	if len(lines) > 0 {
		most = max(1, lines[0].Kept)
	}
	shown := slices.Clone(lines[l.First:l.Last])
	for i := range shown {
		n := &shown[i]
		n.Link, n.Share = search(term{key: key, value: n.Name}.String()), min(100, 100*float64(n.Kept)/float64(most))
	}
	l.Filter, l.Rows = wanted, shown
	f.Body = l
	return nil
}
