package compare

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/evaluate"
	"github.com/pairloom/pairloom/trainer/token"
)

// Score is how well a model tells the classes of a set.
type Score struct {
	Set      string  `json:"set"`
	Classes  int     `json:"classes"`
	Pictures int     `json:"pictures"` // judged
	Bad      int     `json:"bad"`      // left out, since they do not decode
	Top1     float64 `json:"top1"`     // share of the pictures whose class has the best score
	Top5     float64 `json:"top5"`
}

// pictureBatch is the number of pictures that are on the device at a time.
const pictureBatch = 64

// judge classifies the pictures of a set. Ties count against the model.
func (m *model) judge(ctx context.Context, set *evaluate.Set, templates, trained []string, captionPictures int) (Score, error) {
	s := Score{Set: set.Name, Classes: len(set.Labels)}
	var numbers []int
	n := set.Pictures.Len()
	limit := n
	if m.Config.Objective == clip.Caption {
		limit = min(n, captionPictures)
	}
	for i := range limit {
		numbers = append(numbers, i*n/limit)
	}
	score, err := m.scorer(ctx, set.Labels, templates, trained)
	if err != nil {
		return s, err
	}
	top1, top5 := 0, 0
	for first := 0; first < len(numbers); first += pictureBatch {
		some := numbers[first:min(first+pictureBatch, len(numbers))]
		pixels, kept, err := m.pictures(ctx, set, some)
		if err != nil {
			return s, err
		}
		s.Bad += len(some) - len(kept)
		if len(kept) == 0 {
			continue
		}
		scores, err := score(pixels)
		if err != nil {
			return s, err
		}
		for i, number := range kept {
			row, better := scores[i*s.Classes:(i+1)*s.Classes], 0
			own := row[set.Class[number]]
			for _, v := range row {
				if v >= own {
					better++ // itself among them
				}
			}
			s.Pictures++
			if better == 1 {
				top1++
			}
			if better <= 5 {
				top5++
			}
		}
	}
	if s.Pictures == 0 {
		return s, fmt.Errorf("judge on %s: none of its %d pictures decodes", set.Name, n)
	}
	s.Top1, s.Top5 = float64(top1)/float64(s.Pictures), float64(top5)/float64(s.Pictures)
	return s, nil
}

// scorer makes the function that gives each picture a score for each label.
func (m *model) scorer(ctx context.Context, labels, templates, trained []string) (func(pixels []byte) ([]float32, error), error) {
	if m.Config.Objective == clip.Caption {
		prompts := m.prompts(labels, templates)
		return func(pixels []byte) ([]float32, error) {
			return m.likelihoods(ctx, pixels, prompts, len(labels), len(templates))
		}, nil
	}
	c, err := m.classifier(ctx, labels, templates, trained)
	if err != nil {
		return nil, err
	}
	return func(pixels []byte) ([]float32, error) {
		embed := m.Features
		if m.Config.Pairs() {
			embed = m.Images
		}
		x := embed(m.tape, m.Pictures(m.tape, pixels))
		scores, err := m.tape.Read(m.tape.Linear(x, m.tape.Floats(c.rows, len(labels), m.Config.Embed), nil))
		for i := range scores {
			scores[i] += c.bias[i%len(labels)]
		}
		return scores, err
	}, nil
}

// likelihoods is, for each picture and label, the mean over templates of the
// mean log-likelihood a token of the prompt.
func (m *model) likelihoods(ctx context.Context, pixels []byte, prompts *token.Captions, labels, templates int) ([]float32, error) {
	prefixes, err := m.tape.Read(m.Prefixes(m.tape, m.Pictures(m.tape, pixels)))
	if err != nil {
		return nil, err
	}
	pictures := len(prefixes) / m.Config.TextWidth
	scores := make([]float32, pictures*labels)
	for i := range pictures {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		prefix := prefixes[i*m.Config.TextWidth : (i+1)*m.Config.TextWidth]
		for first := 0; first < prompts.Len(); first += textBatch {
			some := &token.Captions{}
			for p := first; p < min(first+textBatch, prompts.Len()); p++ {
				some.Append(prompts.Tokens[prompts.Offsets[p]:prompts.Offsets[p+1]])
			}
			l, err := m.LogLikelihoods(m.tape, prefix, some, make([]int32, some.Len()))
			if err != nil {
				return nil, err
			}
			for k, v := range l {
				scores[i*labels+(first+k)/templates] += float32(v / float64(templates))
			}
		}
	}
	return scores, nil
}

// centres decodes pictures into pixels, and tells which are fine.
func centres(ctx context.Context, pictures evaluate.Pictures, numbers []int, pixels []byte, side, workers int) ([]bool, error) {
	size, fine := 3*side*side, make([]bool, len(numbers))
	group, ctx := errgroup.WithContext(ctx)
	for worker := range workers {
		group.Go(func() error {
			for i := worker; i < len(numbers); i += workers {
				err := pictures.Centre(ctx, pixels[i*size:(i+1)*size], numbers[i], side)
				var bad *evaluate.BadPicture
				if err != nil && !errors.As(err, &bad) {
					return err
				}
				fine[i] = err == nil
			}
			return ctx.Err()
		})
	}
	return fine, group.Wait()
}
