package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/pairloom/pairloom/crawl"
	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/shard"
	"github.com/spf13/cobra"
)

// explanation is what is known of a URL.
type explanation struct {
	URL   string           `json:"url"`
	Page  *frontier.Record `json:"page,omitempty"`
	Image *imageReport     `json:"picture,omitempty"`
	Pairs []pairReport     `json:"pairs,omitempty"`
}

type imageReport struct {
	Status string `json:"status"`
	Detail string `json:"detail,omitempty"`
	HTTP   int32  `json:"http_status,omitempty"`
	Size   string `json:"original_size,omitempty"`
	OptOut string `json:"opt_out,omitempty"`
}

// pairReport is the road of one pair, up to where it was dropped.
type pairReport struct {
	PairID  string   `json:"pair_id"`
	Page    string   `json:"page"`
	Image   string   `json:"picture"`
	Text    string   `json:"text"`
	Source  string   `json:"text_source"`
	Queries []string `json:"queries,omitempty"`
	Stage   string   `json:"stage"`            // the last stage that saw it
	Reason  string   `json:"reason,omitempty"` // why it was dropped there
	Detail  string   `json:"detail,omitempty"`
	Shard   string   `json:"shard,omitempty"`
	id      uint64
}

// maxExplained bounds the pairs that explain lists of one page or picture.
const maxExplained = 50

func newExplain(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "explain URL", Short: "Tell what became of a page, a picture or a pair, and why",
		Long: `Tell what became of a page, a picture or a pair: URL is the address of a page or
of a picture, or a pair id of 16 hexadecimal digits. For each pair it names the
stage that dropped it, the reason, and the value that decided.`,
		Example: `  pairloom explain -C cats https://example.org/cats/
  pairloom explain -C cats https://example.org/cats/tabby.jpg
  pairloom explain -C cats 0123456789abcdef --json`,
		Args: func(c *cobra.Command, args []string) error {
			if err := cobra.ExactArgs(1)(c, args); err != nil {
				return &exitError{exitConfiguration, err}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			w, err := openWorkspace(g.dir, g.logger())
			if err != nil {
				return err
			}
			e, err := w.explain(args[0])
			if err != nil {
				return err
			}
			if g.json {
				data, err := json.MarshalIndent(e, "", "  ")
				if err == nil {
					fmt.Fprintf(g.stdout, "%s\n", data)
				}
				return err
			}
			fmt.Fprint(g.stdout, e.String())
			return nil
		},
	}
}

// explain asks every folder that is there. It reads them from end to end: an
// answer for a person, not an index.
func (w *workspace) explain(url string) (*explanation, error) {
	e := &explanation{URL: url}
	page, known, err := crawl.Explain(w.dir, url)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if known {
		e.Page = &page
	}
	if err := w.explainPairs(e); err != nil {
		return nil, err
	}
	byID := map[uint64]*pairReport{}
	for i := range e.Pairs {
		if p := &e.Pairs[i]; p.Reason == "" {
			byID[p.id] = p
		}
	}
	if err := w.explainMatched(byID); err != nil {
		return nil, err
	}
	if err := w.explainSelection(byID); err != nil {
		return nil, err
	}
	if err := w.explainShards(byID); err != nil {
		return nil, err
	}
	return e, w.explainPicture(e)
}

// parts lists a folder's parts, none when it is unfinished.
func (w *workspace) parts(folder string) []shard.Part {
	m, err := shard.ReadManifest(w.path(folder))
	if err != nil {
		return nil
	}
	return m.Parts
}

// explainPairs finds the candidates and what matching makes of them.
func (w *workspace) explainPairs(e *explanation) error {
	preference := preferences(w.cfg.Filter.Text.Sources)
	best := map[uint64]int{} // pair to its index in e.Pairs
	for c, err := range shard.Rows[shard.Candidate](w.path("candidates"), w.parts("candidates")) {
		if err != nil {
			return err
		}
		id := shard.PairID(c.ImageURL, c.Text)
		hex := fmt.Sprintf("%016x", id)
		if c.PageURL != e.URL && c.ImageURL != e.URL && hex != e.URL {
			continue
		}
		r := pairReport{PairID: hex, id: id, Page: strings.Clone(c.PageURL), Image: strings.Clone(c.ImageURL),
			Text: strings.Clone(c.Text), Source: strings.Clone(c.TextSource), Stage: stageMatch}
		if r.Reason, r.Detail, r.Queries, err = explainText(w, c); err != nil {
			return err
		}
		if b, again := best[id]; r.Reason == "" && again {
			repeat := &r
			if preference[r.Source] < preference[e.Pairs[b].Source] {
				repeat, best[id] = &e.Pairs[b], len(e.Pairs)
			}
			repeat.Reason, repeat.Detail = reasonRepeatOnTheWeb, "picture and text stand together elsewhere too; one of them goes on"
		} else if r.Reason == "" {
			best[id] = len(e.Pairs)
		}
		if e.Pairs = append(e.Pairs, r); len(e.Pairs) == maxExplained {
			return nil
		}
	}
	return nil
}

// explainMatched adds which pairs balancing left out before fetching: those that
// are missing where the match stage saw them.
func (w *workspace) explainMatched(pairs map[uint64]*pairReport) error {
	m, err := shard.ReadManifest(w.path("matched"))
	if err != nil || m.Tally.Dropped[reasonQueryCapBeforeFetch] == 0 {
		return nil // not finished, or none was left out
	}
	if stale, err := w.stale(stageNamed(stageMatch)); err != nil || stale != "" {
		return err
	}
	seen := map[uint64]bool{}
	for row, err := range shard.Rows[shard.Matched](w.path("matched"), m.Parts) {
		if err != nil {
			return err
		}
		if pairs[row.PairID] != nil {
			seen[row.PairID] = true
		}
	}
	for id, r := range pairs {
		if !seen[id] {
			r.Reason, r.Detail = reasonQueryCapBeforeFetch, w.balanceDetail(w.cfg.Balance.Margin)
		}
	}
	return nil
}

// explainSelection adds what the curate stage decided.
func (w *workspace) explainSelection(pairs map[uint64]*pairReport) error {
	for s, err := range shard.Rows[shard.Selection](w.path("selection"), w.parts("selection")) {
		if err != nil {
			return err
		}
		if r := pairs[s.PairID]; r != nil && r.Reason == "" {
			r.Stage, r.Reason, r.Detail = stageCurate, strings.Clone(s.Reason), strings.Clone(s.Detail)
		}
	}
	return nil
}

// explainShards adds where kept pairs lie.
func (w *workspace) explainShards(pairs map[uint64]*pairReport) error {
	for _, part := range w.parts("shards") {
		row := 0
		for p, err := range shard.Rows[shard.Pair](w.path("shards"), []shard.Part{part}) {
			if err != nil {
				return err
			}
			if r := pairs[p.PairID]; r != nil {
				r.Stage, r.Shard = stageShard, fmt.Sprintf("%s row %d", filepath.Join("shards", part.Name), row)
			}
			row++
		}
	}
	return nil
}

// explainPicture adds how fetching went when the URL is a picture's, or when
// all pairs point at one.
func (w *workspace) explainPicture(e *explanation) error {
	url := e.URL
	if len(e.Pairs) > 0 && e.Page == nil {
		url = e.Pairs[0].Image
	}
	id := shard.ImageID(url)
	for i, err := range shard.Rows[shard.Image](w.path("images"), w.parts("images")) {
		if err != nil {
			return err
		}
		if i.ImageID != id {
			continue
		}
		e.Image = &imageReport{Status: "fetched", Detail: strings.Clone(i.Detail), HTTP: i.HTTPStatus, OptOut: strings.Clone(i.OptOut)}
		if i.Status != "" {
			e.Image.Status = strings.Clone(i.Status)
		}
		if i.OriginalWidth > 0 {
			e.Image.Size = fmt.Sprintf("%s, %d x %d pixels, %d bytes", i.OriginalFormat, i.OriginalWidth, i.OriginalHeight, i.OriginalBytes)
		}
	}
	return nil
}

func (e *explanation) String() string {
	var b strings.Builder
	fmt.Fprintln(&b, e.URL)
	if e.Page == nil && e.Image == nil && len(e.Pairs) == 0 {
		fmt.Fprintln(&b, "  is not known: no page read so far links to it, and it is no seed")
	}
	if e.Page != nil {
		fmt.Fprintln(&b, "  page:", pageLine(e.Page))
	}
	if e.Image != nil {
		fmt.Fprintf(&b, "  picture: %s", e.Image.Status)
		for _, s := range []string{e.Image.Detail, e.Image.Size, e.Image.OptOut} {
			if s != "" {
				fmt.Fprintf(&b, "; %s", s)
			}
		}
		fmt.Fprintln(&b)
	}
	for _, p := range e.Pairs {
		fmt.Fprintf(&b, "  pair %s: %q (%s)\n", p.PairID, p.Text, p.Source)
		if p.Image != e.URL {
			fmt.Fprintf(&b, "    picture %s\n", p.Image)
		}
		if p.Page != e.URL {
			fmt.Fprintf(&b, "    page %s\n", p.Page)
		}
		if len(p.Queries) > 0 {
			fmt.Fprintf(&b, "    queries: %s\n", strings.Join(p.Queries, ", "))
		}
		switch {
		case p.Shard != "":
			fmt.Fprintf(&b, "    kept: %s\n", p.Shard)
		case p.Reason != "":
			fmt.Fprintf(&b, "    dropped by %s: %s (%s)\n", p.Stage, p.Reason, p.Detail)
		default:
			fmt.Fprintf(&b, "    passed %s; later stages have not seen it\n", p.Stage)
		}
	}
	if len(e.Pairs) == maxExplained {
		fmt.Fprintf(&b, "  only the first %d pairs are shown\n", maxExplained)
	}
	return b.String()
}

// pageLine tells where a page stands.
func pageLine(r *frontier.Record) string {
	var parts []string
	switch {
	case r.State != "decided":
		parts = append(parts, r.State)
	case r.Reason != "":
		parts = append(parts, "dropped by crawl: "+r.Reason)
	default:
		parts = append(parts, fmt.Sprintf("read, %d candidates", r.Candidates))
	}
	add := func(format string, value any, shown bool) {
		if shown {
			parts = append(parts, fmt.Sprintf(format, value))
		}
	}
	add("rule %s", r.Rule, r.Rule != "")
	add("HTTP status %d", r.Status, r.Status != 0)
	add("redirects to %s", r.Target, r.Target != "")
	add("opts out: %s", r.OptOut, r.OptOut != "")
	add("%d hops from a seed", r.Hops, r.Hops > 0)
	add("linked from %s", r.Referrer, r.Referrer != "")
	add("at %s", time.Unix(r.Fetched, 0).UTC().Format(time.RFC3339), r.Fetched != 0)
	return strings.Join(parts, "; ")
}
