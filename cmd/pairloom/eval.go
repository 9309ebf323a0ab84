package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/query"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/evaluate"
)

// evalStage measures the last checkpoint on the held-out pairs.
func evalStage(ctx context.Context, w *workspace, progress func(done, total int64)) (*outcome, error) {
	shards, err := w.manifest("shards")
	if err != nil {
		return nil, err
	}
	if _, err := w.manifest("checkpoints"); err != nil {
		return nil, err
	}
	list, err := w.queryList()
	if err != nil {
		return nil, err
	}
	classes, err := zeroShotClasses(w, shards, list)
	if err != nil {
		return nil, err
	}
	result, err := evaluate.Run(ctx, w.dir, w.cfg.Eval, classes, progress)
	if err != nil {
		return nil, err
	}
	return &outcome{tally: result.Tally, result: result, notes: evalNotes(&result)}, w.finishStage(stageNamed(stageEval), result.Tally)
}

// commonShare is the share of held-out pairs above which a query says too
// little of a picture to be a class.
const commonShare = 0.2

// zeroShotClasses makes classes of the queries that most held-out pairs have,
// but for those that stand nearly everywhere. Ties go to the lower id.
func zeroShotClasses(w *workspace, shards *shard.Manifest, list *query.List) ([]evaluate.Class, error) {
	counts := map[uint32]int{}
	pairs := 0
	for _, part := range shards.Parts {
		if !strings.HasPrefix(part.Name, "heldout-") {
			continue
		}
		for p, err := range shard.Rows[shard.Pair](w.path("shards"), []shard.Part{part}) {
			if err != nil {
				return nil, err
			}
			pairs++
			for _, q := range p.QueryIDs {
				counts[q]++
			}
		}
	}
	var ids []uint32
	for id, n := range counts {
		if float64(n) <= commonShare*float64(pairs) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uint32) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b))
	})
	var classes []evaluate.Class
	for _, id := range ids[:min(len(ids), w.cfg.Eval.Classes)] {
		classes = append(classes, evaluate.Class{Label: list.Name(id), QueryID: id})
	}
	return classes, nil
}

func evalNotes(r *evaluate.Result) []string {
	retrieval := func(name string, x evaluate.Retrieval) string {
		var parts []string
		for _, k := range x.Recall {
			parts = append(parts, fmt.Sprintf("R@%d %.1f%% (chance %.1f%%)", k.K, 100*k.Rate, 100*k.Chance))
		}
		return fmt.Sprintf("%s among %d held-out pairs: %s; median rank %g (chance %g)",
			name, r.Pairs, strings.Join(parts, ", "), x.MedianRank, x.MedianRankChance)
	}
	notes := []string{retrieval("picture to text", r.ImageToText), retrieval("text to picture", r.TextToImage)}
	if z := r.ZeroShot; z != nil {
		notes = append(notes, fmt.Sprintf("zero-shot over %d queries, %d pictures: top-1 %.1f%% (chance %.1f%%), top-5 %.1f%% (chance %.1f%%)",
			z.Classes, z.Pairs, 100*z.Top1, 100*z.Top1Chance, 100*z.Top5, 100*z.Top5Chance))
	}
	return notes
}
