package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/query"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/evaluate"
)

// evalStage measures a checkpoint on the held-out pairs.
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
	var classes []evaluate.Class
	if w.cfg.Eval.ClassList != "" {
		classes, err = listedClasses(w.resolve(w.cfg.Eval.ClassList), list)
	} else {
		classes, err = zeroShotClasses(w, shards, list)
	}
	if err != nil {
		return nil, err
	}
	pictures, err := newPictureConverter(w.workers())
	if err != nil {
		return nil, err
	}
	defer pictures.Close()
	o := w.cfg.Eval
	o.Convert = pictures.convert
	result, err := evaluate.Run(ctx, w.dir, o, classes, progress)
	if err != nil {
		return nil, err
	}
	return &outcome{tally: result.Tally, result: result, notes: evalNotes(&result)}, w.finishStage(stageNamed(stageEval), result.Tally)
}

// listedClasses are the lines of a file, each the text of a query.
func listedClasses(path string, list *query.List) ([]evaluate.Class, error) {
	labels, err := evaluate.ReadLabels(path)
	if err != nil {
		return nil, &exitError{exitConfiguration, fmt.Errorf("eval.class_list: %w", err)}
	}
	lines := map[string]int{} // folded label to its line, from 1
	var faults []error
	for i, label := range labels {
		text := fold.Text(label)
		if before := lines[text]; before > 0 {
			faults = append(faults, fmt.Errorf("line %d, %q, is the query of line %d", i+1, label, before))
		}
		lines[text] = i + 1
	}
	classes, found := make([]evaluate.Class, len(labels)), make([]bool, len(labels))
	for id, e := range list.Entries {
		if i := lines[fold.Text(e.Text)] - 1; i >= 0 && !found[i] {
			classes[i], found[i] = evaluate.Class{Label: labels[i], QueryID: uint32(id)}, true
		}
	}
	for i, there := range found {
		if !there && lines[fold.Text(labels[i])] == i+1 {
			faults = append(faults, fmt.Errorf("line %d, %q, is no query of the list; pairloom queries lookup shows which are in a text", i+1, labels[i]))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, &exitError{exitConfiguration, fmt.Errorf("eval.class_list: read %s: %w", path, err)}
	}
	return classes, nil
}

const (
	// commonShare is the share of held-out pairs above which a query says too
	// little of a picture to be a class.
	commonShare = 0.2
	// classCharacters is the least length of a class: shorter queries, such as
	// A and on, are seldom what a picture shows.
	classCharacters = 3
)

// zeroShotClasses makes classes of the queries that most held-out pairs have.
// Left out are queries that stand nearly everywhere, short ones, and those of
// whose pairs more than half belong to a class already: pairs of two classes are
// not used. Ties go to the lower id.
func zeroShotClasses(w *workspace, shards *shard.Manifest, list *query.List) ([]evaluate.Class, error) {
	pairs, err := heldOutQueries(w, shards)
	if err != nil {
		return nil, err
	}
	byQuery := map[uint32][]int{} // query to its pairs
	for i, queries := range pairs {
		for _, q := range queries {
			byQuery[q] = append(byQuery[q], i)
		}
	}
	ids := slices.SortedFunc(maps.Keys(byQuery), func(a, b uint32) int {
		return cmp.Or(len(byQuery[b])-len(byQuery[a]), cmp.Compare(a, b))
	})
	var classes []evaluate.Class
	taken := make([]bool, len(pairs)) // belongs to a class
	for _, id := range ids {
		label, own := list.Name(id), byQuery[id]
		free := 0
		for _, i := range own {
			if !taken[i] {
				free++
			}
		}
		if len(classes) == w.cfg.Eval.Classes {
			break
		}
		if utf8.RuneCountInString(label) < classCharacters || float64(len(own)) > commonShare*float64(len(pairs)) || 2*free < len(own) {
			continue
		}
		for _, i := range own {
			taken[i] = true
		}
		classes = append(classes, evaluate.Class{Label: label, QueryID: id})
	}
	return classes, nil
}

// heldOutQueries reads the queries of the held-out pairs that are evaluated.
func heldOutQueries(w *workspace, shards *shard.Manifest) ([][]uint32, error) {
	var pairs [][]uint32
	for _, part := range shards.Parts {
		if !strings.HasPrefix(part.Name, "heldout-") {
			continue
		}
		for p, err := range shard.Rows[shard.Pair](w.path("shards"), []shard.Part{part}) {
			if err != nil {
				return nil, err
			}
			if pairs = append(pairs, slices.Clone(p.QueryIDs)); len(pairs) == w.cfg.Eval.MaxPairs {
				return pairs, nil
			}
		}
	}
	return pairs, nil
}

// share writes an accuracy in percent, with its interval where there is one.
func share(a evaluate.Accuracy) string {
	text := fmt.Sprintf("%.1f%%", 100*a.Rate)
	if a.Interval != (evaluate.Interval{}) {
		text += fmt.Sprintf(" [%.1f, %.1f]", 100*a.Interval[0], 100*a.Interval[1])
	}
	return text + fmt.Sprintf(" (chance %.1f%%)", 100*a.Chance)
}

func evalNotes(r *evaluate.Result) []string {
	retrieval := func(name string, x evaluate.Retrieval) string {
		var parts []string
		for _, k := range x.Recall {
			parts = append(parts, fmt.Sprintf("R@%d %s", k.K, share(k.Accuracy)))
		}
		return fmt.Sprintf("%s among %d held-out pairs: %s; median rank %g (chance %g)",
			name, r.Pairs, strings.Join(parts, ", "), x.MedianRank, x.MedianRankChance)
	}
	notes := []string{retrieval("picture to text", r.ImageToText), retrieval("text to picture", r.TextToImage)}
	if r.Weights == "initial" {
		notes = append([]string{"judged are the random weights from before the first step of training"}, notes...)
	}
	if z := r.ZeroShot; z != nil {
		notes = append(notes, fmt.Sprintf("zero-shot over %d queries, %d pictures: top-1 %s, top-5 %s",
			z.Classes, z.Pictures, share(z.Top1), share(z.Top5)))
		notes = append(notes, emptyNotes("held-out pairs", z)...)
	}
	for _, s := range r.Sets {
		notes = append(notes, setNotes(&s)...)
	}
	if p := r.Probe; p != nil {
		notes = append(notes, fmt.Sprintf("linear probe on %s, learned from %d pictures of %s, %d features each: %s; lambda %.3g, best of %d in validation",
			p.Test, p.Pictures, p.Train, p.Dim, share(p.Accuracy), p.Lambda, p.Fits-1))
	}
	if x := r.Robustness; x != nil {
		notes = append(notes, fmt.Sprintf("effective robustness on %s: %+.1f points (%s; models of its accuracy on %s have %.1f%%, by the line of %d)",
			x.Shifted, 100*x.Effective, share(x.Accuracy), x.Standard, 100*x.Predicted, x.Models))
	}
	return notes
}

// emptyNotes tells of classes that have no picture.
func emptyNotes(where string, z *evaluate.ZeroShot) []string {
	if len(z.Empty) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: %d classes have no picture, such as %q; they count as answers, not in the mean of classes", where, len(z.Empty), z.Empty[0])}
}

func setNotes(s *evaluate.SetResult) []string {
	notes := []string{fmt.Sprintf("zero-shot on %s, %d classes, %d pictures, %d prompts a class: top-1 %s, top-5 %s, mean of classes %.1f%%",
		s.Set, s.Classes, s.Pictures, s.Prompts, share(s.Top1), share(s.Top5), 100*s.ClassMean)}
	for _, reason := range s.Tally.Reasons() {
		notes = append(notes, fmt.Sprintf("%s: %d of %d pictures left out: %s", s.Set, s.Tally.Dropped[reason], s.Tally.In, reason))
	}
	notes = append(notes, emptyNotes(s.Set, s.ZeroShot)...)
	if s.Classifier == evaluate.Rebuilt {
		notes = append(notes, fmt.Sprintf("%s: the classifier that was kept is damaged; it was made again", s.Set))
	}
	return notes
}
