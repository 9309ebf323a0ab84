package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/trainer"
	"github.com/pairloom/pairloom/trainer/evaluate"
)

// notesOf says a stage's result in lines for people.
func notesOf(result any) []string {
	switch r := result.(type) {
	case pipeline.Crawled:
		if r.Result != nil {
			return append(leftOut(r.Placeholders, r.Cut), refusedNotes(r.Refused)...)
		}
	case pipeline.Archived:
		return append(leftOut(r.Placeholders, r.Cut), refusedNotes(r.Refused)...)
	case pipeline.Imported:
		notes := []string{"go on with pairloom run --from match"}
		if r.Here > 0 {
			return append([]string{pipeline.Grouped(r.Here) + " candidates bring their picture along; fetch reads it where it lies, so the files must stay there"}, notes...)
		}
		return notes
	case pipeline.Matched:
		var notes []string
		for _, u := range r.LeftOut {
			notes = append(notes, u.Folder+" is not finished and was left out; "+u.GoOn)
		}
		return notes
	case pipeline.Fetched:
		return []string{pipeline.Grouped(r.Older) + " pictures are as other settings stored them, since they could not be had anew; pairloom explain tells of each, and fetch --retry asks again"}
	case pipeline.Reported:
		return append([]string{r.Page + " and stats.json beside it"}, r.Notes...)
	case *trainer.Result:
		return trainNotes(r)
	case *evaluate.Result:
		return evalNotes(r)
	}
	return nil
}

// leftOut tells what pages said that is not among the candidates.
func leftOut(placeholders, cut int64) (notes []string) {
	if placeholders > 0 {
		notes = append(notes, pipeline.Grouped(placeholders)+" candidates dropped: their address stands under four texts or more")
	}
	if cut > 0 {
		notes = append(notes, pipeline.Grouped(cut)+" candidates, links and sources left out: more than one page may have; pairloom explain tells of a page")
	}
	return notes
}

// refusedNotes tells of candidates that the refusal list keeps out.
func refusedNotes(refused int64) []string {
	if refused == 0 {
		return nil
	}
	return []string{pipeline.Grouped(refused) + " candidates left out: " + pipeline.RefusedName + " refuses them"}
}

// trainLine is the step in a few words, what matters most first: a narrow
// terminal cuts the rest.
func trainLine(s *trainer.Step) string {
	line := fmt.Sprintf("loss %.3f, %.0f pairs/s", s.Loss, s.PairsPerSecond)
	if s.Validation > 0 {
		line += fmt.Sprintf(", held-out loss %.3f", s.Validation)
	}
	return line + fmt.Sprintf(", epoch %d, temperature %.3f, %.0f%% of peak FLOP/s, waits for data %.0f%%",
		s.Epoch, s.Temperature, 100*s.PeakShare, 100*s.DataWait)
}

func trainNotes(r *trainer.Result) []string {
	guessing := fmt.Sprintf("%.3f", r.LossChance)
	if r.LossChance == math.Log(float64(r.Batch)) {
		guessing = fmt.Sprintf("ln %d = %.3f", r.Batch, r.LossChance)
	}
	notes := []string{fmt.Sprintf("loss %.3f at first, %.3f at last (guessing: %s); %s, %d steps of %d pairs, %.0f pairs/s",
		r.LossFirst, r.LossLast, guessing, r.Model, r.Steps, r.Batch, r.PairsPerSecond)}
	for _, s := range r.Sources {
		line := fmt.Sprintf("%s: %s pairs, and %s held out", s.Name, pipeline.Grouped(s.Training), pipeline.Grouped(s.HeldOut))
		if len(s.LeftOut) > 0 {
			line += "; left out: " + pipeline.ReasonsText(s.LeftOut)
		}
		notes = append(notes, line)
	}
	if r.Skipped > 0 {
		notes = append(notes, fmt.Sprintf("%d steps were skipped, since loss or gradient was not finite", r.Skipped))
	}
	if r.Outliers > 0 {
		notes = append(notes, fmt.Sprintf("%d steps were not taken, since the norm of their gradient was far above the median (train.skip_outliers)", r.Outliers))
	}
	if r.BestStep > 0 {
		notes = append(notes, fmt.Sprintf("held-out loss %.3f at last; %.3f at step %d, which checkpoints/best keeps", r.Validation, r.BestValidation, r.BestStep))
	}
	if r.FailedCheckpoints > 0 {
		notes = append(notes, fmt.Sprintf("%d checkpoints could not be written on the way; make room on the disk of the folder", r.FailedCheckpoints))
	}
	if r.Hint != "" {
		notes = append(notes, r.Hint)
	}
	return notes
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
	if r.File != "" {
		notes = append([]string{fmt.Sprintf("judged are the weights %s (xxh64 %s), a %s", r.Weights, r.File, r.Model)}, notes...)
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
		if p.Note != "" {
			notes = append(notes, "linear probe: "+p.Note)
		}
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
	if s.Seen > 0 {
		notes = append(notes, fmt.Sprintf("%s: the model was trained on %d of these pairs, which count all the same (eval.seen)", s.Set, s.Seen))
	}
	notes = append(notes, emptyNotes(s.Set, s.ZeroShot)...)
	if s.Classifier == evaluate.Rebuilt {
		notes = append(notes, fmt.Sprintf("%s: the classifier that was kept is damaged; it was made again", s.Set))
	}
	return notes
}
