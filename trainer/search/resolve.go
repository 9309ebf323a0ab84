package search

import (
	"fmt"
	"strings"

	"github.com/pairloom/pairloom/internal/still"
	"github.com/pairloom/pairloom/shard"
)

// Resolve looks hits up: those of shards in the folder shards, the others under
// the names that their files keep. Those of shards come with their picture; one that was
// deleted is an error, see [Index.LeaveOut].
func Resolve(shards string, hits []Hit) ([]Found, error) {
	var dataset *shard.Dataset // opened for the first hit of a shard
	open := map[string]*shard.PartReader[shard.Pair]{}
	defer func() {
		for _, r := range open {
			r.Close()
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
		reader := open[o.Source]
		if reader == nil {
			var err error
			if dataset == nil {
				if dataset, err = shard.OpenDataset(shards); err != nil {
					return nil, fmt.Errorf("look pairs up: %w", err)
				}
			}
			var part shard.Part
			if part, reader, err = dataset.OpenPart(o.Source); err != nil {
				return nil, err
			}
			if reader == nil || part.XXH64 != o.Input {
				if reader != nil {
					reader.Close()
				}
				return nil, fmt.Errorf("search %s: the shard %s is not what it was made from; run pairloom embed %s again", h.File.Path, o.Source, o.Of)
			}
			open[o.Source] = reader
		}
		if int(h.Row) >= reader.Len() {
			return nil, &shard.DamagedPart{Path: h.File.Path, Cause: fmt.Sprintf("it names row %d of %s, which has %d", h.Row, o.Source, reader.Len()), Cure: "run pairloom embed again"}
		}
		if dataset.Deleted(o.Source, int(h.Row)) {
			return nil, fmt.Errorf("search %s: row %d of %s was deleted meanwhile; search again", h.File.Path, h.Row, o.Source)
		}
		var p shard.Pair
		if err := reader.Read(int(h.Row), &p); err != nil {
			return nil, err
		}
		f.Text, f.PageURL, f.ImageURL = strings.Clone(p.Text), strings.Clone(p.PageURL), strings.Clone(p.ImageURL)
		f.Picture, f.MediaType = append([]byte(nil), p.Image...), still.MediaType(p.Format)
	}
	return found, nil
}
