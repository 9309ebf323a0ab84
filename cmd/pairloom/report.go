package main

import (
	"context"
	"fmt"
	"iter"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

// reportStage writes the figures and the page.
func reportStage(ctx context.Context, w *workspace, progress func(done, total int64)) (*outcome, error) {
	s := stageNamed(stageReport)
	shards, err := w.manifest("shards")
	if err != nil {
		return nil, err
	}
	list, err := w.queryList()
	if err != nil {
		return nil, err
	}
	var tallies []shard.Tally
	for _, folder := range s.inputs {
		m, err := w.manifest(folder)
		if err != nil {
			return nil, err
		}
		tallies = append(tallies, *m.Tally)
	}
	tally := shard.NewTally(stageReport, "pairs", "pairs")
	total := shards.Rows()
	pairs := iter.Seq2[shard.Pair, error](func(yield func(shard.Pair, error) bool) {
		for p, err := range shard.Rows[shard.Pair](w.path("shards"), shards.Parts) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(shard.Pair{}, err)
				return
			}
			tally.Keep()
			progress(tally.In, total)
			if !yield(*p, nil) {
				return
			}
		}
	})
	figures, err := stats.Collect(pairs, tallies, list.Name, stats.Options{})
	if err != nil {
		return nil, err
	}
	counts, err := stats.ReadQueryCounts(w.path("selection"))
	if err != nil {
		return nil, err
	}
	figures.Balance = stats.BalanceOf(counts, len(list.Entries), w.cfg.Balance.Mode, int64(w.cfg.Balance.MaxPairsPerQuery))
	if err := stats.Write(w.dir, figures); err != nil {
		return nil, err
	}
	tally.Out = tally.Kept
	note := fmt.Sprintf("%s and stats.json beside it", w.path("report/index.html"))
	return &outcome{tally: tally, notes: []string{note}}, w.finishStage(s, tally)
}

// finishStage writes the manifest of a stage whose folder holds no parts.
func (w *workspace) finishStage(s stage, tally *shard.Tally) error {
	input, err := w.inputHash(s)
	if err != nil {
		return err
	}
	settings, err := s.settings(w)
	if err != nil {
		return err
	}
	return shard.WriteManifest(w.path(s.folder), &shard.Manifest{Stage: s.name, Settings: settings, Input: input, Tally: tally})
}
