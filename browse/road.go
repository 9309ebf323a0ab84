package browse

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
)

// What is asked of the folders themselves: each of these pages reads them from end to
// end, so that one is made at a time, and without the index's lock.

// explain does one of these when no other is done, or nothing when whoever asked is
// gone by then: who turns over pairs does not wait for those passed.
func (s *Server) explain(ctx context.Context, do func() error) error {
	select {
	case s.explaining <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.explaining }()
	return do()
}

// road answers with what became of an address or a pair: the same that pairloom explain
// says. The page of a pair asks for it apart, as a fragment.
func (s *Server) road(w http.ResponseWriter, r *http.Request) {
	asked := strings.TrimSpace(r.FormValue("asked"))
	var e *pipeline.Explanation
	err := s.explain(r.Context(), func() (err error) {
		e, err = pipeline.Explain(s.Dir, s.Settings, asked)
		return err
	})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.answer(w, r, func(f *frame) error {
		f.Template, f.Title, f.Body = "road.html", asked, tell(e)
		if r.FormValue("part") != "" {
			f.Template = "way"
		}
		return nil
	})
}

// mostTexts is how many texts a page shows that a rule dropped.
const mostTexts = 200

// text is a candidate that was dropped for its text.
type text struct {
	Text, Source, Page, Host, Detail string
	Picture                          string // the id of its address, where it is stored for another text
}

// texts is the page of texts that a rule of the match stage dropped.
func (s *Server) texts(w http.ResponseWriter, r *http.Request) {
	reason := r.FormValue("reason")
	var list []pipeline.DroppedText
	err := s.explain(r.Context(), func() (err error) {
		list, err = pipeline.DroppedTexts(r.Context(), s.Dir, s.Settings, reason, mostTexts)
		return err
	})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.answer(w, r, func(f *frame) error {
		f.Template, f.Title, f.Place = "texts.html", reason, "dropped"
		var texts []text
		for _, d := range list {
			t := text{Text: d.Text, Source: d.TextSource, Page: d.PageURL, Host: hostIn(d.PageURL), Detail: d.Detail}
			if id := shard.ImageID(d.ImageURL); s.index.images.has(id) {
				t.Picture = shard.FormatPairID(id)
			}
			texts = append(texts, t)
		}
		f.Body = texts
		return nil
	})
}

// step is a stage of a pair's way.
type step struct {
	Stage, State string // State is kept, dropped or open
	Says         string
	Lines        []string
}

// way is that of one candidate.
type way struct {
	Page, Text, Source string
	Steps              []step
	Note               string
}

// told is an explanation, for people.
type told struct {
	Asked string
	Known bool
	Page  *step
	Image *step
	Ways  []way
	More  bool
}

// tell says an explanation step by step.
func tell(e *pipeline.Explanation) *told {
	t := &told{Asked: e.Asked, Known: e.Known(), More: e.More}
	if p := e.Page; p != nil {
		t.Page = &step{Stage: "page", State: "kept", Says: "read, " + pipeline.Grouped(int64(p.Candidates)) + " candidates"}
		switch {
		case p.State != "decided":
			t.Page.State, t.Page.Says = "open", p.State
		case p.Reason == p.Kind: // a sitemap or feed
			t.Page.Says = "read for the addresses in it"
		case p.Reason != "":
			t.Page.State, t.Page.Says = "dropped", p.Reason
		}
		for _, line := range []struct{ name, value string }{{"rule", p.Rule}, {"redirects to", p.Target}, {"opts out:", p.OptOut}, {"linked from", p.Referrer}} {
			if line.value != "" {
				t.Page.Lines = append(t.Page.Lines, line.name+" "+line.value)
			}
		}
	}
	fetched := fetchStep(e.Image)
	for i := range e.Pairs {
		p := &e.Pairs[i]
		t.Ways = append(t.Ways, way{Page: p.Page, Text: p.Text, Source: p.Source, Note: p.Note, Steps: steps(p, fetched)})
	}
	if len(e.Pairs) == 0 {
		t.Image = fetched
	}
	return t
}

func fetchStep(i *pipeline.ImageReport) *step {
	if i == nil {
		return nil
	}
	f := &step{Stage: pipeline.FetchName, State: "kept", Says: i.Size}
	if i.Status != "fetched" {
		f.State, f.Says = "dropped", i.Status
	}
	for _, line := range append([]string{i.Detail, i.OptOut, i.Failure}, i.OptOutFrom...) {
		if line != "" {
			f.Lines = append(f.Lines, line)
		}
	}
	if i.Asked.Unix() > 0 {
		f.Lines = append(f.Lines, "asked for "+i.Asked.Format("2006-01-02 15:04 MST"))
	}
	return f
}

// steps are a candidate's way up to where it was dropped, or to the shard.
func steps(p *pipeline.PairReport, fetched *step) []step {
	found := step{Stage: "found", State: "kept", Says: p.Source}
	if p.From != "" && p.From != "live" {
		found.Lines = []string{p.From}
	}
	list := []step{found}
	end := func(stage string) bool { return p.Stage == stage && p.Reason != "" }
	dropped := func(stage string) []step {
		d := step{Stage: stage, State: "dropped", Says: p.Reason}
		if p.Detail != "" {
			d.Lines = []string{p.Detail}
		}
		return append(list, d)
	}
	open := func(stage string) []step {
		return append(list, step{Stage: stage, State: "open", Says: "has not seen it yet"})
	}
	switch {
	case end(pipeline.MatchName):
		return dropped(pipeline.MatchName)
	case p.Stage != pipeline.MatchName && p.Stage != pipeline.CurateName && p.Stage != pipeline.ShardName:
		return open(pipeline.MatchName)
	}
	matched := step{Stage: pipeline.MatchName, State: "kept", Says: strings.Join(p.Queries, ", ")}
	if p.Language != "" {
		matched.Lines = []string{"language " + p.Language}
	}
	list = append(list, matched)
	if fetched == nil {
		return open(pipeline.FetchName)
	}
	list = append(list, *fetched)
	switch {
	case end(pipeline.CurateName) && p.Reason == pipeline.ReasonNotFetched:
		return list
	case end(pipeline.CurateName):
		return dropped(pipeline.CurateName)
	case p.Stage == pipeline.MatchName:
		return open(pipeline.CurateName)
	}
	list = append(list, step{Stage: pipeline.CurateName, State: "kept", Says: "stays"})
	if p.Shard == "" {
		return open(pipeline.ShardName)
	}
	return append(list, step{Stage: pipeline.ShardName, State: "kept", Says: fmt.Sprintf("%s, row %d", p.Shard, p.Row)})
}
