package evaluate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/batch"
)

// ErrTooFew is wrapped when there is nothing to tell apart; the error says what to do.
var ErrTooFew = errors.New("fewer than two held-out pairs")

// ResultName is the file that Run writes.
const ResultName = "eval.json"

// Run evaluates a checkpoint of dir/checkpoints on the held-out pairs
// of dir/shards and writes dir/evaluation/eval.json. classes may be empty.
// progress, which may be nil, counts embedded pairs.
func Run(ctx context.Context, dir string, o Options, classes []Class, progress func(done, total int64)) (Result, error) {
	if err := o.Validate(); err != nil {
		return Result{}, err
	}
	folder := filepath.Join(dir, shard.CheckpointsFolder)
	dataset, source, err := shardsOf(dir)
	if err != nil {
		return Result{}, err
	}
	defer source.Close()
	if source.Len() < 2 {
		return Result{}, tooFew(dir, source.Len(), 0)
	}
	e, c, err := Load(folder, o)
	if err != nil {
		return Result{}, err
	}
	defer e.Close()

	r := Result{SchemaVersion: SchemaVersion, ModelHash: e.Hash, Model: c.State.Model.Name, Checkpoint: filepath.Base(c.Path), Weights: o.Weights, File: e.File, Step: c.State.Step}
	if c.Foreign {
		r.Checkpoint = ""
	}
	rows, seen, err := unseen(source, dataset, c, o)
	if err != nil {
		return Result{}, err
	}
	pairs, images, texts, tally, err := e.embedAll(ctx, source, rows, o, progress)
	if err != nil {
		return Result{}, err
	}
	if seen.Rule == seenLeaveOut && seen.Pairs > 0 {
		tally.In += seen.Pairs
		tally.Dropped[SeenPairs] = seen.Pairs
	}
	if over := int64(source.Len()) - tally.In; over > 0 {
		tally.In += over
		tally.Dropped[OverLimit] = over
	}
	r.Tally, r.Pairs, r.Seen = tally, len(pairs), seen
	if len(pairs) < 2 {
		return Result{}, tooFew(dir, len(pairs), tally.Dropped[SeenPairs])
	}
	right := rightAnswers(pairs)
	for _, side := range []struct {
		to            *Retrieval
		asked, answer []float32
	}{{&r.ImageToText, images, texts}, {&r.TextToImage, texts, images}} {
		ranks := make([]int, len(pairs))
		err := e.scores(ctx, side.asked, side.answer, e.Dim(), func(i int, scores []float32) { ranks[i] = rankOf(pairs, i, scores) })
		if err != nil {
			return Result{}, err
		}
		*side.to = retrieval(ranks, right, o)
	}
	classifiers := filepath.Join(dir, shard.ClassifiersFolder)
	if r.ZeroShot, err = e.zeroShotPairs(ctx, classifiers, o, classes, pairs, images); err != nil {
		return Result{}, err
	}
	if err := e.runSets(ctx, c, dir, classifiers, o, &r); err != nil {
		return Result{}, err
	}
	if err := tally.Check(); err != nil {
		return Result{}, err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return Result{}, fmt.Errorf("write evaluation: %w", err)
	}
	return r, atomicfile.WriteFile(filepath.Join(dir, shard.EvaluationFolder, ResultName), append(text, '\n'))
}

// tooFew says what to do; seen are those that are left out since the model saw them.
func tooFew(dir string, pairs int, seen int64) error {
	but := ""
	if seen > 0 {
		but = fmt.Sprintf(", and %d that the model has seen", seen)
	}
	return fmt.Errorf("evaluate on %s: %w (there are %d that decode%s); raise shard.heldout_share, or wait until the dataset has grown", filepath.Join(dir, shard.ShardsFolder), ErrTooFew, pairs, but)
}

// embedAll embeds held-out pairs, batch by batch.
func (e *Embedder) embedAll(ctx context.Context, source *batch.Source, rows []int, o Options, progress func(done, total int64)) (pairs []heldOut, images, texts []float32, tally *shard.Tally, err error) {
	tally = shard.NewTally("eval", "pairs", "pairs")
	textNumbers, pictureNumbers := map[string]int{}, map[uint64]int{}
	err = e.EachPictures(ctx, chosen{ShardPictures{source}, rows}, o.Batch, func(done int, v Vectors) error {
		for _, bad := range v.Bad {
			tally.Drop(bad.Reason)
		}
		var captions []string
		for _, i := range v.Kept {
			row := rows[i]
			p, err := source.Facts(row)
			if err != nil {
				return err
			}
			tally.Keep()
			captions = append(captions, p.Text)
			h := heldOut{text: number(textNumbers, p.Text), queries: slices.Clone(p.QueryIDs)}
			// Hash 0 stands for an unknown picture, which equals no other.
			if h.picture = -row - 1; p.PictureHash != 0 {
				h.picture = number(pictureNumbers, p.PictureHash)
			}
			pairs = append(pairs, h)
		}
		y, err := e.Texts(ctx, captions, o.Batch)
		images, texts = append(images, v.Rows...), append(texts, y...)
		if progress != nil {
			progress(int64(done), int64(len(rows)))
		}
		return err
	})
	if err != nil {
		return nil, nil, nil, nil, err
	}
	tally.Out = tally.Kept
	return pairs, images, texts, tally, nil
}

// number gives equal keys equal numbers, from 0.
func number[K comparable](numbers map[K]int, key K) int {
	n, there := numbers[key]
	if !there {
		n = len(numbers)
		numbers[key] = n
	}
	return n
}
