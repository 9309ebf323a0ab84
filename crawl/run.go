package crawl

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"time"

	"github.com/pairloom/pairloom/crawl/archive"
	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/shard"
)

// File is the frontier's path in a project folder.
func File(dir string) string { return filepath.Join(dir, "crawl.db") }

// Job is one crawl of a folder, whose lock the caller holds.
type Job struct {
	Dir     string
	Options Options
	Gate    *gate.Gate
	Manners gate.Options // of Gate: what they refused is asked for again when they change
	Now     func() time.Time
	// Write gets the tally and all candidates, ordered by page address.
	Write func(*shard.Tally, iter.Seq2[shard.Candidate, error]) error
	// Score says how much is wanted of what a link's text and address speak of; 0
	// for nothing. It may be nil, and is called by several goroutines.
	Score func(text string) int64
	// Refusals say what must not be in the dataset.
	Refusals Refusals
	// Progress may be nil.
	Progress func(done, total int64)
}

// Result says how a run ended.
type Result struct {
	Tally *shard.Tally `json:"-"`      // of the frontier: all pages decided in this run or before
	Asked int64        `json:"asked"`  // pages, in the budget of this run
	Bytes int64        `json:"bytes"`  // of their bodies, decoded
	Left  int64        `json:"left"`   // pages known and still to be asked for
	Known int64        `json:"known"`  // pages
	Spent string       `json:"budget"` // the key of the budget that ended the run; "" for none
	// Placeholders counts candidates of all pages that were dropped, since their
	// address stands under many texts of the page; Cut what lay beyond the bounds on
	// one page; Past, among the Tally's HostCap, addresses that sitemaps and feeds
	// name of hosts that have many. A later visit of the list looks at those again.
	Placeholders int64 `json:"placeholders"`
	Cut          int64 `json:"cut"`
	Past         int64 `json:"past_max_per_host"`
	// NotRefreshed counts, by reason, pages of the Tally's Kept that were due and
	// could not be asked for: what is known of them stays, and the next run asks.
	NotRefreshed map[string]int64 `json:"not_refreshed"`
	// Refused counts candidates of pages that may be read, which Job.Refusals refuse.
	Refused int64 `json:"refused"`
}

// Run crawls until nothing is left, a budget is used up, or ctx ends, and then
// has the candidates written; Write may be called with those of earlier runs
// alone. The run ends after Write has returned, so that a kill within it resumes
// the same run. When ctx ends, pages under way are finished and stored, what is
// known by then is written, and ctx's cause is returned beside the result; the
// next Run goes on with the same budget. Options.MaxDuration is by the machine's
// clock, whatever clock the gate and j have: it bounds what a run costs.
func Run(ctx context.Context, j Job) (*Result, error) {
	if err := j.Options.Validate(); err != nil {
		return nil, err
	}
	f, resumed, err := frontier.Open(File(j.Dir), j.Now().Unix())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	j.Gate.Refuse(j.Refusals.Address)
	defer j.Gate.Refuse(nil)
	c := &crawler{job: j, o: j.Options, gate: j.Gate, frontier: f, now: j.Now, began: j.Now()}
	if err := c.begin(resumed); err != nil {
		return nil, err
	}
	if j.Options.WARC {
		if c.warc, err = archive.NewWriter(filepath.Join(j.Dir, shard.WARCFolder), j.Gate.UserAgent(), j.Now); err != nil {
			return nil, err
		}
		j.Gate.Keep(func(f gate.File) { // its first error ends the run, see below
			_ = c.warc.Write(archive.Exchange{URL: f.URL, Time: j.Now(), Status: f.Status, Header: f.Header, Body: f.Body, Cut: f.Cut})
		})
		defer j.Gate.Keep(nil)
	}
	spent, stopped, err := c.crawl(ctx)
	if c.warc != nil {
		if werr := c.warc.Close(); err == nil && werr != nil {
			err = fmt.Errorf("keep pages as WARC files: %w", werr)
		}
	}
	if err != nil {
		return nil, err
	}
	r, err := c.result(spent)
	if err != nil {
		return nil, err
	}
	if err := j.Write(r.Tally, f.Candidates()); err != nil {
		return nil, err
	}
	if stopped {
		return r, context.Cause(ctx)
	}
	if err := f.FinishRun(j.Now().Unix()); err != nil {
		return nil, err
	}
	return r, nil
}

func (c *crawler) result(spent string) (*Result, error) {
	tally, err := c.frontier.Tally()
	if err != nil {
		return nil, err
	}
	counts, err := c.frontier.Counts()
	if err != nil {
		return nil, err
	}
	used, err := c.frontier.Spent()
	if err != nil {
		return nil, err
	}
	stale, err := c.frontier.NotRefreshed()
	if err != nil {
		return nil, err
	}
	refused, err := c.frontier.Refused()
	if err != nil {
		return nil, err
	}
	if counts.Past > 0 {
		tally.In += counts.Past
		tally.Dropped[HostCap] += counts.Past
	}
	return &Result{
		Tally: tally, Asked: used.Pages, Bytes: used.Bytes, Left: counts.Pending, Known: counts.Pages, Spent: spent,
		Placeholders: counts.Placeholders, Cut: counts.Cut, Past: counts.Past, NotRefreshed: stale, Refused: refused,
	}, nil
}

// begin prepares the frontier: seeds, changed rules, pages that are due.
func (c *crawler) begin(resumed bool) error {
	var seeds []string
	var links []frontier.Link
	for _, s := range c.o.Seeds {
		u, err := seedURL(s)
		if err != nil {
			return err
		}
		seeds = append(seeds, u)
		links = append(links, frontier.Link{URL: u})
	}
	var err error
	if c.scope, err = newScope(c.o, seeds); err != nil {
		return err
	}
	c.scope.refuse = c.job.Refusals.Address
	if err := c.apply(seeds); err != nil {
		return err
	}
	if !resumed {
		if err := c.frontier.Due(c.now().Unix(), revisit(c.o.RevisitAfter), passing()); err != nil {
			return err
		}
	}
	if err := c.frontier.Seed(links); err != nil {
		return err
	}
	if c.job.Score == nil || !c.o.Steer {
		return c.frontier.Rescore(nil)
	}
	return c.frontier.Rescore(c.weigh)
}

// weigh is the priority of a page whose link has that text.
func (c *crawler) weigh(address, text string) int64 {
	if c.job.Score == nil || !c.o.Steer {
		return 0
	}
	return c.job.Score(text + "\n" + words(address))
}
