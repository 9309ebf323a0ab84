package search

import (
	"fmt"
	"strings"

	"github.com/pairloom/pairloom/internal/still"
	"github.com/pairloom/pairloom/shard"
)

// Resolve looks hits up: those of shards in the folder shards, the others under
// the names that their files keep. Those of shards come with their picture.
func Resolve(shards string, hits []Hit) ([]Found, error) {
	var dataset *shard.Dataset // opened for the first hit of a shard
	open := map[string]*shard.View{}
	defer func() {
		for _, v := range open {
			v.Close()
		}
	}()
	found := make([]Found, len(hits))
	for i, h := range hits {
		o := h.File.Origin
		f := &found[i]
		*f = Found{Score: h.Score, ID: shard.FormatPairID(h.ID), File: o.Source, Row: h.Row, Name: h.Name}
		if o.Input == "" { // a folder or a file of texts
			if o.Of == Texts {
				f.Text, f.Name = h.Name, ""
			}
			continue
		}
		view := open[o.Source]
		if view == nil {
			var err error
			if dataset == nil {
				if dataset, err = shard.OpenDataset(shards); err != nil {
					return nil, fmt.Errorf("look pairs up: %w", err)
				}
			}
			if parts := dataset.Parts(o.Source); len(parts) != 1 || parts[0].XXH64 != o.Input {
				return nil, fmt.Errorf("search %s: the shard %s is not what it was made from; run pairloom embed %s again", h.File.Path, o.Source, o.Of)
			}
			if view, err = dataset.Open(o.Source); err != nil {
				return nil, err
			}
			open[o.Source] = view
		}
		if int(h.Row) >= view.Len() {
			return nil, &shard.DamagedPart{Path: h.File.Path, Cause: fmt.Sprintf("it names row %d of %s, which has %d", h.Row, o.Source, view.Len()), Cure: "run pairloom embed again"}
		}
		p, err := view.Pair(int(h.Row))
		if err != nil {
			return nil, err
		}
		f.Text, f.PageURL, f.ImageURL = strings.Clone(p.Text), strings.Clone(p.PageURL), strings.Clone(p.ImageURL)
		f.Picture, f.MediaType = append([]byte(nil), p.Image...), still.MediaType(p.Format)
	}
	return found, nil
}
