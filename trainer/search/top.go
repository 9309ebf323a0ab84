package search

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sort"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/device/cpu"
)

// A Hit is one row of the answer.
type Hit struct {
	Score  float32 // cosine, since all vectors have length 1
	Number int     // of the row, among those of all files
	File   *shard.Embeddings
	shard.EmbeddingRow
}

// candidate is a row in a heap.
type candidate struct {
	score  float32
	number int
}

// better orders candidates; no two are equal.
func better(a, b candidate) bool {
	return a.score > b.score || a.score == b.score && a.number < b.number
}

// heap keeps the k best candidates, the worst of them first.
type heap struct {
	k    int
	list []candidate
}

func (h *heap) add(c candidate) {
	if len(h.list) < h.k {
		h.list = append(h.list, c)
		for i := len(h.list) - 1; i > 0; {
			up := (i - 1) / 2
			if better(h.list[i], h.list[up]) {
				return
			}
			h.list[i], h.list[up] = h.list[up], h.list[i]
			i = up
		}
		return
	}
	if !better(c, h.list[0]) {
		return
	}
	h.list[0] = c
	for i := 0; ; {
		down := 2*i + 1
		if down >= len(h.list) {
			return
		}
		if down+1 < len(h.list) && better(h.list[down], h.list[down+1]) {
			down++
		}
		if better(h.list[down], h.list[i]) {
			return
		}
		h.list[i], h.list[down] = h.list[down], h.list[i]
		i = down
	}
}

// Top returns the k rows with the largest product with query, best first, fewer
// where there are fewer rows. Rows whose product is no number are never in it.
// workers of 0 means one a processor.
func (x *Index) Top(ctx context.Context, query []float32, k, workers int) ([]Hit, error) {
	if len(query) != x.Dim {
		return nil, fmt.Errorf("search: the query has %d words, the vectors of %s %d", len(query), x.Files[0].Path, x.Dim)
	}
	if workers <= 0 {
		workers = runtime.NumCPU()
	}
	heaps := make([]heap, workers)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for w := range workers {
		group.Go(func() error {
			h := heap{k: max(k, 1)}
			scores := make([]float32, max(1, blockBytes/(4*x.Dim)))
			for {
				i := int(next.Add(1)) - 1
				if i >= len(x.blocks) {
					heaps[w] = h
					return nil
				}
				if ctx.Err() != nil {
					return ctx.Err()
				}
				x.scan(&h, x.blocks[i], scores, query)
			}
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var best []candidate
	for _, h := range heaps {
		best = append(best, h.list...)
	}
	slices.SortFunc(best, func(a, b candidate) int {
		if better(a, b) {
			return -1
		}
		return 1
	})
	var hits []Hit
	for _, c := range best[:min(max(k, 1), len(best))] {
		hits = append(hits, x.hit(c))
	}
	return hits, nil
}

// scan scores a block and offers its rows to the heap.
func (x *Index) scan(h *heap, b block, scores, query []float32) {
	vectors := x.Files[b.file].Batches[b.batch].Vectors
	scores = scores[:b.rows]
	cpu.Scan(scores, vectors[b.first*x.Dim:(b.first+b.rows)*x.Dim], query)
	for i, s := range scores {
		if s == s && (len(h.list) < h.k || s >= h.list[0].score) && !x.gone(b, i) {
			h.add(candidate{s, b.number + i})
		}
	}
}

// gone tells whether row i of a block is of a pair that was deleted.
func (x *Index) gone(b block, i int) bool {
	o := &x.Files[b.file].Origin
	return x.deleted != nil && o.Input != "" && x.deleted(o.Source, int(x.Files[b.file].Batches[b.batch].Rows[b.first+i]))
}

// hit looks a candidate's row up.
func (x *Index) hit(c candidate) Hit {
	b := x.blocks[sort.Search(len(x.blocks), func(i int) bool { return x.blocks[i].number > c.number })-1]
	file := x.Files[b.file]
	batch, row := &file.Batches[b.batch], b.first+c.number-b.number
	return Hit{c.score, c.number, file, shard.EmbeddingRow{ID: batch.IDs[row], Row: batch.Rows[row], Name: batch.Name(row)}}
}
