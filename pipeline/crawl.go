package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
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
}

// Stage describes the stage.
func (c Crawl) Stage() Stage {
	return Stage{
		Name: CrawlName, Doing: "reading pages", Dir: c.Dir, Folder: shard.ProducerFolder(shard.ProducerCrawl),
		Settings: func() (string, error) { return settings.Hash(c.Options, c.Gate), nil },
		Due:      c.due, Run: tallyOnly(c.Run),
	}
}

// Run is the stage. When ctx ends, what was read is kept in the frontier, and
// the candidates stay those of the run before.
func (c Crawl) Run(ctx context.Context, progress Progress) (*shard.Tally, error) {
	g, err := gate.New(c.Gate, c.Version)
	if err != nil {
		return nil, &ConfigurationError{err}
	}
	defer g.Close()
	var out *folderWriter[shard.Candidate]
	defer func() {
		if out != nil {
			out.discard()
		}
	}()
	write := func(tally *shard.Tally, candidates iter.Seq2[shard.Candidate, error]) error {
		var err error
		if out, err = newFolderWriter[shard.Candidate](c.Stage()); err != nil {
			return err
		}
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
	tally, err := crawl.Run(ctx, c.Dir, c.Options, g, write, c.Now, progress)
	return tally, frontier.Damage(crawl.File(c.Dir), err)
}

// due tells whether a run would find pages to ask for.
func (c Crawl) due() (string, error) {
	counts, known, err := CrawlState(c.Dir)
	if err != nil {
		return "", err
	}
	if !known {
		return "nothing was crawled yet", nil
	}
	if n := counts.Due(c.Now(), c.Options.RevisitAfter); n > 0 {
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
