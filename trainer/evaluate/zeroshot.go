package evaluate

import (
	"context"
	"math"
	"strings"
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

// classifier embeds each class by all templates: one row a class.
func (e *embedder) classifier(templates []string, classes []Class, batch int) ([]float32, error) {
	dim := e.model.Config.Embed
	rows := make([]float32, len(classes)*dim)
	var prompts []string
	for _, c := range classes {
		for _, t := range templates {
			prompts = append(prompts, strings.ReplaceAll(t, labelMark, c.Label))
		}
	}
	for first := 0; first < len(prompts); first += batch {
		part := prompts[first:min(first+batch, len(prompts))]
		x, err := e.texts(part)
		if err != nil {
			return nil, err
		}
		for i := range part {
			row := rows[(first+i)/len(templates)*dim:][:dim]
			for c := range row {
				row[c] += x[i*dim+c]
			}
		}
	}
	for i := range classes {
		row := rows[i*dim : (i+1)*dim]
		var sum float64
		for _, v := range row {
			sum += float64(v) * float64(v)
		}
		scale := float32(1 / max(math.Sqrt(sum), 1e-12))
		for c := range row {
			row[c] *= scale
		}
	}
	return rows, nil
}

// zeroShot classifies the pictures of pairs that belong to exactly one class.
func (e *embedder) zeroShot(ctx context.Context, o Options, classes []Class, pairs []heldOut, images []float32) (*ZeroShot, error) {
	if len(classes) == 0 {
		return nil, nil
	}
	byQuery := map[uint32]int{}
	z := &ZeroShot{Classes: len(classes), Templates: o.Templates}
	for i, c := range classes {
		byQuery[c.QueryID] = i
		z.Labels = append(z.Labels, ClassResult{Label: c.Label})
	}
	dim := e.model.Config.Embed
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
	weights, err := e.classifier(o.Templates, classes, o.Batch)
	if err != nil {
		return nil, err
	}
	top1, top5 := 0, 0
	err = e.scores(ctx, rows, weights, func(i int, scores []float32) {
		right, rank := truth[i], 1
		for class, s := range scores {
			if class != right && !(s < scores[right]) {
				rank++
			}
		}
		z.Labels[right].Pairs++
		if rank == 1 {
			top1++
			z.Labels[right].Right++
		}
		if rank <= 5 {
			top5++
		}
	})
	n, c := float64(len(truth)), float64(len(classes))
	z.Pairs, z.Top1, z.Top5 = len(truth), float64(top1)/n, float64(top5)/n
	z.Top1Chance, z.Top5Chance = 1/c, min(1, 5/c)
	return z, err
}
