package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"github.com/pairloom/pairloom/crawl"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/shard"
)

// crawlStage reads pages and writes all candidates, of this crawl and those
// before it, in order of the page's address.
func crawlStage(ctx context.Context, w *workspace, progress func(done, total int64)) (*shard.Tally, error) {
	g, err := gate.New(w.cfg.Gate, version)
	if err != nil {
		return nil, &exitError{exitConfiguration, err}
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
		if out, err = newFolderWriter[shard.Candidate](w, stageCrawl); err != nil {
			return err
		}
		for c, err := range candidates {
			if err == nil {
				err = out.write(&c)
			}
			if err == nil && out.rows() == w.cfg.Crawl.PartCandidates {
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
		return out.finish(tally)
	}
	return crawl.Run(ctx, w.dir, w.cfg.Crawl, g, write, w.now, progress)
}

// crawlDue tells whether a run would find pages to ask for.
func crawlDue(w *workspace) (string, error) {
	counts, err := crawl.State(w.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "nothing was crawled yet", nil
	}
	if err != nil {
		return "", err
	}
	if n := counts.Due(w.now(), w.cfg.Crawl.RevisitAfter); n > 0 {
		return fmt.Sprintf("%d pages are due", n), nil
	}
	return "", nil
}

// crawlState describes the crawl for status.
func crawlState(w *workspace) ([]string, error) {
	counts, err := crawl.State(w.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("pages: %s known, %s read, %s dropped, %s to be read, on %s hosts",
		grouped(counts.Pages), grouped(counts.Kept), grouped(counts.Dropped), grouped(counts.Pending), grouped(counts.Hosts))}, nil
}
