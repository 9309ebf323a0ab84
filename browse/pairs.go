package browse

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/pairloom/pairloom/shard"
)

// onPage is how many pairs a page of the grid has.
const onPage = 96

// mostNear is how many pairs a search by meaning looks through: the conditions hold
// among them.
const mostNear = 2000

// byMeaning is the value of the field "by" that asks for a search by meaning.
const byMeaning = "meaning"

// found is the answer to a search.
type found struct {
	entries []entry
	scores  []float32 // cosines; nil of a search by words
	counts  []int     // pairs of each verdict that the search would find
}

// recent keeps the last answers, so that going through one of them, page by page or
// pair by pair, does not search again.
type recent struct {
	mu   sync.Mutex
	list []recentAnswer // last used first
}

type recentAnswer struct {
	key string
	found
}

// mostRecent bounds them: each takes 4 bytes for each pair it found.
const mostRecent = 8

func (c *recent) get(key string) (found, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.list, func(a recentAnswer) bool { return a.key == key })
	if i < 0 {
		return found{}, false
	}
	a := c.list[i]
	c.list = slices.Insert(slices.Delete(c.list, i, i+1), 0, a)
	return a.found, true
}

func (c *recent) put(key string, f found) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = slices.Insert(c.list, 0, recentAnswer{key, f})
	c.list = c.list[:min(len(c.list), mostRecent)]
}

func (c *recent) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = nil
}

// find answers a search.
func (s *Server) search(ctx context.Context, a ask, meaning bool) (found, error) {
	key := strconv.FormatBool(meaning) + a.Text
	if f, ok := s.recent.get(key); ok {
		return f, nil
	}
	f, err := s.searchAnew(ctx, a, meaning)
	if err == nil {
		s.recent.put(key, f)
	}
	return f, err
}

func (s *Server) searchAnew(ctx context.Context, a ask, meaning bool) (f found, err error) {
	like := a.value(keyLike)
	if !meaning && like == "" {
		f.entries, f.counts = s.index.newFilter(a, false).all()
		return f, nil
	}
	nearest := Nearest{Text: a.words(), Most: mostNear}
	if like != "" {
		nearest.Text = ""
		if nearest.Pair, err = strconv.ParseUint(like, 16, 64); err != nil {
			return f, &notFound{fmt.Sprintf("like:%s names no pair; a pair id has 16 hexadecimal digits", like)}
		}
	}
	if s.Near == nil {
		return f, &notFound{"there are no embeddings to search by meaning; make them with pairloom train and pairloom embed pictures, and start pairloom browse again"}
	}
	if nearest.Text == "" && like == "" {
		return s.searchAnew(ctx, a, false)
	}
	near, err := s.Near(ctx, nearest)
	if err != nil {
		return f, err
	}
	filter := s.index.newFilter(a, like == "")
	f.counts = make([]int, len(s.index.verdicts))
	for _, n := range near {
		if e, known := s.index.find(n.PairID); known && filter.finds(e) {
			f.entries = append(f.entries, e)
			f.scores = append(f.scores, n.Score)
			f.counts[s.index.verdict[e]]++
		}
	}
	return f, nil
}

// cell is a pair in the grid.
type cell struct {
	ID, Link      string
	Text, Host    string
	Reason        string // of a dropped pair
	Is            string
	Score         string // of a search by meaning
	Picture       bool   // there is one
	Refused       bool
	Width, Height int32
}

// cell reads what the grid shows of a pair.
func (s *Server) cell(e entry) (c cell, err error) {
	r, err := s.index.row(e, false)
	if err != nil {
		return c, err
	}
	v := s.index.verdicts[s.index.verdict[e]]
	id := shard.FormatPairID(r.PairID)
	return cell{
		ID: id, Link: "/pair/" + id, Text: r.Text, Host: s.index.hosts[s.index.page[e]].Name, Reason: v.Reason, Is: v.Is,
		Picture: r.Width > 0, Refused: s.isRefused(&r.Pair), Width: r.Width, Height: r.Height,
	}, nil
}

func (s *Server) cells(entries []entry) ([]cell, error) {
	cells := make([]cell, len(entries))
	for i, e := range entries {
		var err error
		if cells[i], err = s.cell(e); err != nil {
			return nil, err
		}
	}
	return cells, nil
}

// choice is a link of a row of them.
type choice struct {
	Name, Link string
	Count      int
	Here       bool
}

// grid is the page of what a search finds.
type grid struct {
	Cells               []cell
	Tabs, Reasons       []choice
	Terms               []choice // the search's conditions, each with the search without it
	Total, First, Last  int
	Took                string
	Previous, Next      string
	Pages, Page         int
	Meaning, Everything bool // the search is by meaning; it has no condition
}

// pairs is the first page: the grid of what the search field asks for.
func (s *Server) pairs(r *http.Request, f *frame) error {
	began := time.Now()
	a := parseAsk(r.FormValue("q"))
	f.Template, f.Title, f.Place, f.Body = "pairs.html", "Pairs", "pairs", &grid{}
	if a.Text != "" {
		f.Title = a.Text
	}
	found, err := s.search(r.Context(), a, f.Meaning)
	if err != nil {
		return err
	}
	g := &grid{Total: len(found.entries), Meaning: found.scores != nil, Everything: len(a.terms) == 0}
	f.Body = g
	address := func(text string, page int) string {
		v := url.Values{}
		if text != "" {
			v.Set("q", text)
		}
		if f.Meaning {
			v.Set("by", byMeaning)
		}
		if page > 1 {
			v.Set("page", strconv.Itoa(page))
		}
		if len(v) == 0 {
			return "/"
		}
		return "/?" + v.Encode()
	}
	g.Pages = max(1, (g.Total+onPage-1)/onPage)
	g.Page = pageNumber(r, g.Pages)
	first := (g.Page - 1) * onPage
	last := min(first+onPage, g.Total)
	if g.Cells, err = s.cells(found.entries[first:last]); err != nil {
		return err
	}
	for i := range g.Cells {
		c := &g.Cells[i]
		c.Link += fmt.Sprintf("?at=%d", first+i)
		if a.Text != "" {
			c.Link += "&q=" + url.QueryEscape(a.Text)
		}
		if f.Meaning {
			c.Link += "&by=" + byMeaning
		}
		if found.scores != nil {
			c.Score = strconv.FormatFloat(float64(found.scores[first+i]), 'f', 3, 32)
		}
	}
	g.First, g.Last = min(first+1, g.Total), last
	if g.Page > 1 {
		g.Previous = address(a.Text, g.Page-1)
	}
	if g.Page < g.Pages {
		g.Next = address(a.Text, g.Page+1)
	}
	s.tabs(g, a, found.counts, address)
	for i, t := range a.terms {
		if t.key != "" && t.key != phrase && t.key != keyIs {
			g.Terms = append(g.Terms, choice{Name: t.String(), Link: address(a.without(i), 1)})
		}
	}
	g.Took = time.Since(began).Round(time.Millisecond / 10).String()
	return nil
}

// tabs counts what the search would find among what pairs can be, and by reason.
func (s *Server) tabs(g *grid, a ask, counts []int, address func(string, int) string) {
	is := s.index.effective(a)
	byIs := map[string]int{}
	all := 0
	for i, n := range counts {
		v := s.index.verdicts[i]
		byIs[v.Is] += n
		all += n
	}
	byIs[isKept] = byIs[isTraining] + byIs[isHeldOut]
	byIs[isAny] = all
	for _, t := range []struct{ name, is string }{
		{"Kept", isKept}, {"Dropped", isDropped}, {"Held out", isHeldOut}, {"Training", isTraining}, {"Waiting", isWaiting}, {"All", isAny},
	} {
		if byIs[t.is] == 0 && t.is != is && t.is != isKept {
			continue
		}
		without := ask{terms: slices.DeleteFunc(slices.Clone(a.terms), func(x term) bool { return x.key == keyReason && t.is != isDropped })}
		g.Tabs = append(g.Tabs, choice{Name: t.name, Link: address(without.with(keyIs, t.is), 1), Count: byIs[t.is], Here: t.is == is})
	}
	if is != isDropped {
		return
	}
	for i, n := range counts {
		if v := s.index.verdicts[i]; v.Is == isDropped && n > 0 {
			g.Reasons = append(g.Reasons, choice{Name: v.Reason, Link: address(a.with(keyReason, v.Reason), 1), Count: n, Here: a.value(keyReason) != "" && v.because(a.value(keyReason))})
		}
	}
	slices.SortStableFunc(g.Reasons, func(a, b choice) int { return b.Count - a.Count })
}

// pageNumber is the page that is asked for, from 1.
func pageNumber(r *http.Request, pages int) int {
	n, err := strconv.Atoi(r.FormValue("page"))
	if err != nil {
		return 1
	}
	return max(1, min(n, pages))
}
