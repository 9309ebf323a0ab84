package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pairloom/pairloom/crawl"
	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
)

// Crawl reads pages and writes all candidates, of this crawl and those before it,
// in order of the page's address.
type Crawl struct {
	Dir     string
	Options crawl.Options
	Gate    gate.Options
	Version string
	Now     func() time.Time
	// List and Mode are those of matching, by which a crawl is steered.
	List *QueryList
	Mode string
}

// Crawled are a crawl's figures.
type Crawled struct {
	*crawl.Result
	Note string `json:"note,omitempty"` // what a budget left undone, and what was not refreshed, for people
	// Refused counts candidates of pages that may be read which the refusal list keeps out.
	Refused int64 `json:"refused,omitempty"`
}

// Stage describes the stage.
func (c Crawl) Stage() Stage {
	return Stage{
		Name: CrawlName, Doing: "reading pages", Dir: c.Dir, Folder: shard.ProducerFolder(shard.ProducerCrawl),
		Settings: func() (string, error) { return withRefusals(c.Dir, settings.Hash(c.Options, c.Gate), candidateKinds) },
		Due:      c.due, Run: c.Run,
	}
}

// Run is the stage. When ctx ends, what was read is kept in the frontier, and the
// candidates of all that is known by then are written: the stages behind can work
// with them, and the next run goes on.
func (c Crawl) Run(ctx context.Context, progress Progress) (*Outcome, error) {
	g, err := gate.New(c.Gate, c.Version)
	if err != nil {
		return nil, &ConfigurationError{err}
	}
	defer g.Close()
	score, done, err := c.steer()
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := Refusals(c.Dir)
	if err != nil {
		return nil, err
	}
	result, err := crawl.Run(ctx, crawl.Job{
		Dir: c.Dir, Options: c.Options, Gate: g, Manners: c.Gate, Now: c.Now, Write: c.write, Score: score, Progress: progress,
		Refusals: refusalsOf(list),
	})
	if result == nil {
		return nil, frontier.Damage(crawl.File(c.Dir), err)
	}
	crawled := Crawled{Result: result, Note: noteOf(result), Refused: result.Refused}
	out := &Outcome{Tally: result.Tally, Result: crawled}
	if err != nil && ctx.Err() != nil {
		return out, &StoppedError{context.Cause(ctx), keptOf(result.Known-result.Left, result.Known, "pages")}
	}
	return out, err
}

// noteOf says what a crawl has not done.
func noteOf(r *crawl.Result) string {
	var notes []string
	if r.Spent != "" && r.Left > 0 {
		notes = append(notes, fmt.Sprintf("%s reached: %s pages asked for, %s left; run again to go on", r.Spent, Grouped(r.Asked), Grouped(r.Left)))
	}
	var all int64
	var reasons []string
	for _, reason := range slices.Sorted(maps.Keys(r.NotRefreshed)) {
		n := r.NotRefreshed[reason]
		all, reasons = all+n, append(reasons, reason+" "+Grouped(n))
	}
	if all > 0 {
		notes = append(notes, fmt.Sprintf("%s pages could not be refreshed: %s; what is known of them stays", Grouped(all), strings.Join(reasons, ", ")))
	}
	return strings.Join(notes, "; ")
}

// write makes the stage's folder anew.
func (c Crawl) write(tally *shard.Tally, candidates iter.Seq2[shard.Candidate, error]) error {
	out, err := newFolderWriter[shard.Candidate](c.Stage())
	if err != nil {
		return err
	}
	defer out.discard()
	for candidate, err := range candidates {
		if err == nil {
			err = out.write(&candidate)
		}
		if err == nil && out.rows() == c.Options.PartCandidates {
			err = out.endPart()
		}
		if err != nil {
			return err
		}
	}
	if err := out.endPart(); err != nil {
		return err
	}
	tally.Out, tally.OutUnit = out.manifest.Rows(), "candidates"
	return out.finish(tally, nil)
}

// due tells whether a run would find pages to ask for.
func (c Crawl) due() (string, error) {
	n, err := crawl.Due(c.Dir, c.Now(), c.Options)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "nothing was crawled yet", nil
	case err != nil:
		return "", err
	case n > 0:
		return fmt.Sprintf("%d pages are due", n), nil
	}
	return "", nil
}

// CrawlState counts the pages of the crawl in dir; known is false when nothing
// was crawled yet. It only reads.
func CrawlState(dir string) (counts frontier.Counts, known bool, err error) {
	counts, err = crawl.State(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return counts, false, nil
	}
	return counts, err == nil, err
}
