package evaluate

import (
	"context"
)

// classOf is the one class that the queries name, or -1.
func classOf(queries []uint32, byQuery map[uint32]int) int {
	found := -1
	for _, q := range queries {
		class, there := byQuery[q]
		if !there || class == found {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = class
	}
	return found
}

// zeroShotPairs classifies the pictures of held-out pairs that belong to exactly
// one class.
func (e *Embedder) zeroShotPairs(ctx context.Context, folder string, o Options, classes []Class, pairs []heldOut, images []float32) (*ZeroShot, error) {
	if len(classes) == 0 {
		return nil, nil
	}
	byQuery := map[uint32]int{}
	var labels []string
	for i, c := range classes {
		byQuery[c.QueryID] = i
		labels = append(labels, c.Label)
	}
	dim := e.Dim()
	var rows []float32
	var truth []int
	for i, p := range pairs {
		if class := classOf(p.queries, byQuery); class >= 0 {
			truth = append(truth, class)
			rows = append(rows, images[i*dim:(i+1)*dim]...)
		}
	}
	if len(truth) == 0 {
		return nil, nil
	}
	return e.zeroShot(ctx, folder, o, labels, truth, rows)
}

// zeroShot classifies pictures, of which rows are the vectors and truth the
// classes.
func (e *Embedder) zeroShot(ctx context.Context, folder string, o Options, labels []string, truth []int, rows []float32) (*ZeroShot, error) {
	templates, err := Templates(o.Templates)
	if err != nil {
		return nil, err
	}
	c, err := e.Classifier(ctx, folder, labels, templates, o.Batch)
	if err != nil {
		return nil, err
	}
	z := &ZeroShot{Classes: len(labels), Pictures: len(truth), Templates: o.Templates, Prompts: len(templates), Classifier: c.From}
	for _, label := range labels {
		z.Labels = append(z.Labels, ClassResult{Label: label})
	}
	var weights []float32
	for _, row := range c.Rows {
		weights = append(weights, row...)
	}
	top1, top5 := make([]float64, len(truth)), make([]float64, len(truth))
	err = e.scores(ctx, rows, weights, e.Dim(), func(i int, scores []float32) {
		right, rank := truth[i], 1
		for class, s := range scores {
			if class != right && !(s < scores[right]) {
				rank++
			}
		}
		z.Labels[right].Pictures++
		if rank == 1 {
			top1[i] = 1
			z.Labels[right].Right++
		}
		if rank <= 5 {
			top5[i] = 1
		}
	})
	n := float64(len(labels))
	z.Top1, z.Top5 = accuracyOf(top1, 1/n, o), accuracyOf(top5, min(1, 5/n), o)
	seen := 0.0
	for _, l := range z.Labels {
		if l.Pictures == 0 {
			z.Empty = append(z.Empty, l.Label)
			continue
		}
		seen++
		z.ClassMean += float64(l.Right) / float64(l.Pictures)
	}
	z.ClassMean /= seen
	return z, err
}

// accuracyOf is the mean of hits, each 0 or 1, with its interval.
func accuracyOf(hits []float64, chance float64, o Options) Accuracy {
	var sum float64
	for _, h := range hits {
		sum += h
	}
	return Accuracy{Rate: sum / float64(len(hits)), Interval: bootstrap(hits, o.Bootstrap, o.Seed), Chance: chance}
}
