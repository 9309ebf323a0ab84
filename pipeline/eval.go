package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"github.com/pairloom/pairloom/dedup/lookalike"
	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/internal/lines"
	"github.com/pairloom/pairloom/internal/picture"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/internal/still"
	"github.com/pairloom/pairloom/query"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/evaluate"
	"github.com/pairloom/pairloom/trainer/layout"
)

// Eval measures a checkpoint on the held-out pairs and on class sets.
type Eval struct {
	Dir          string
	Options      evaluate.Options
	Workers      int // children that decode pictures
	List         *QueryList
	PictureChild []string
}

// Stage describes the stage. Weights of others need no training.
func (e Eval) Stage() Stage {
	inputs := []string{shard.ShardsFolder, shard.CheckpointsFolder}
	given := e.Options.GivenWeights()
	if given != "" {
		inputs = inputs[:1]
	}
	return Stage{
		Name: EvalName, Doing: "evaluating", Dir: e.Dir, Folder: shard.EvaluationFolder,
		Inputs: inputs,
		Settings: func() (string, error) {
			hash, err := e.List.Hash()
			if err != nil {
				return "", err
			}
			if given == "" {
				return settings.Hash(e.Options, hash), nil
			}
			weights, err := layout.Hash(resolve(e.Dir, given))
			return settings.Hash(e.Options, hash, weights), err
		},
		Run: e.Run,
	}
}

// Run is the stage. Its outcome's result is *[evaluate.Result].
func (e Eval) Run(ctx context.Context, progress Progress) (*Outcome, error) {
	s := e.Stage()
	if _, err := s.inputs(); err != nil {
		return nil, err
	}
	list, err := e.List.Get()
	if err != nil {
		return nil, err
	}
	var classes []evaluate.Class
	if e.Options.ClassList != "" {
		classes, err = listedClasses(resolve(e.Dir, e.Options.ClassList), list)
	} else {
		classes, err = e.zeroShotClasses(list)
	}
	if err != nil {
		return nil, err
	}
	pictures, err := NewPictureConverter(e.PictureChild, e.Workers)
	if err != nil {
		return nil, err
	}
	defer pictures.Close()
	o := e.Options
	o.Convert, o.Near = pictures.Upright, nearPictures
	if given := o.GivenWeights(); given != "" {
		o.Weights = resolve(e.Dir, given)
	}
	result, err := evaluate.Run(ctx, e.Dir, o, classes, progress)
	if errors.Is(err, evaluate.ErrSeen) {
		return nil, configurationError("%w", err)
	}
	if err != nil {
		return nil, err
	}
	return &Outcome{Tally: result.Tally, Result: &result}, s.finish(result.Tally, evaluate.ResultName)
}

// nearPictures is an [evaluate.Near].
func nearPictures(hashes []uint64, distance int) func(hash uint64, visit func(number int)) {
	index := lookalike.NewIndex(hashes, distance)
	return func(hash uint64, visit func(number int)) {
		index.Near(hash, func(number, _ int) bool { visit(number); return true })
	}
}

// evaluationShortSide is what pictures are scaled down to before a model's own
// scaling: no published model takes more.
const evaluationShortSide = 448

// PictureConverter makes what the trainer decodes of picture files of any format, in
// child processes.
type PictureConverter struct{ pool *picture.Pool }

// NewPictureConverter starts that many children with the command line child.
func NewPictureConverter(child []string, children int) (*PictureConverter, error) {
	pool, err := picture.NewPool(child, children, picture.PoolOptions{Size: evaluationShortSide, Quality: 95})
	if err != nil {
		return nil, err
	}
	return &PictureConverter{pool}, nil
}

// Upright is an [evaluate.Convert]. A picture that the trainer's decoders show as it is
// to be seen stays as it is, so that a model gets the very pixels that open_clip gives
// it; of others it makes what Convert does.
func (p *PictureConverter) Upright(ctx context.Context, data []byte) (shown []byte, reason, detail string, err error) {
	if still.Opaque(data) && !picture.Turned(data) {
		return data, "", "", nil
	}
	return p.Convert(ctx, data)
}

// Convert makes a small JPEG: upright, in sRGB, over white where the picture is
// transparent.
func (p *PictureConverter) Convert(ctx context.Context, data []byte) (jpeg []byte, reason, detail string, err error) {
	r, err := p.pool.Process(ctx, data)
	return r.Bytes, r.Reason, r.Detail, err
}

// Close ends the children.
func (p *PictureConverter) Close() { p.pool.Close() }

// listedClasses are the lines of a file, each the text of a query.
func listedClasses(path string, list *query.List) ([]evaluate.Class, error) {
	labels, err := lines.Read(path)
	if err == nil && len(labels) == 0 {
		err = fmt.Errorf("%s is empty; write one class a line", path)
	}
	if err != nil {
		return nil, configurationError("eval.class_list: %w", err)
	}
	places := map[string]int{} // folded label to its place in labels
	var faults []error
	for i, label := range labels {
		text := fold.Text(label.Text)
		if before, there := places[text]; there {
			faults = append(faults, fmt.Errorf("line %d, %q, is the query of line %d", label.Number, label.Text, labels[before].Number))
			continue
		}
		places[text] = i
	}
	classes, found := make([]evaluate.Class, len(labels)), make([]bool, len(labels))
	for id, e := range list.Entries {
		if i, there := places[fold.Text(e.Text)]; there && !found[i] {
			classes[i], found[i] = evaluate.Class{Label: labels[i].Text, QueryID: uint32(id)}, true
		}
	}
	for i, label := range labels {
		if !found[i] && places[fold.Text(label.Text)] == i {
			faults = append(faults, fmt.Errorf("line %d, %q, is no query of the list; pairloom queries lookup shows which are in a text", label.Number, label.Text))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, configurationError("eval.class_list: read %s: %w", path, err)
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
func (e Eval) zeroShotClasses(list *query.List) ([]evaluate.Class, error) {
	pairs, err := e.heldOutQueries()
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
		if len(classes) == e.Options.Classes {
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
func (e Eval) heldOutQueries() ([][]uint32, error) {
	dataset, err := shard.OpenDataset(filepath.Join(e.Dir, shard.ShardsFolder))
	if err != nil {
		return nil, err
	}
	var pairs [][]uint32
	for row, err := range dataset.Rows(shard.HeldOut, "query_ids") {
		if err != nil {
			return nil, err
		}
		if pairs = append(pairs, slices.Clone(row.QueryIDs)); len(pairs) == e.Options.MaxPairs {
			break
		}
	}
	return pairs, nil
}
