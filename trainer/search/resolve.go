package search

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/shard"
)

// Resolve looks hits up: those of shards in the folder shards, the others under
// the names that their files keep. Those of shards come with their JPEG.
func Resolve(shards string, hits []Hit) ([]Found, error) {
	open := map[string]*shard.PairReader{}
	defer func() {
		for _, r := range open {
			r.Close()
		}
	}()
	hashes, err := partHashes(shards, hits)
	if err != nil {
		return nil, err
	}
	found := make([]Found, len(hits))
	for i, h := range hits {
		o := h.File.Origin
		f := &found[i]
		*f = Found{Score: h.Score, ID: fmt.Sprintf("%016x", h.ID), File: o.Source, Row: h.Row, Name: h.Name}
		if o.Input == "" { // a folder or a file of texts
			if o.Of == Texts {
				f.Text, f.Name = h.Name, ""
			}
			continue
		}
		if hashes[o.Source] != o.Input {
			return nil, fmt.Errorf("search %s: the shard %s is not what it was made from; run pairloom embed %s again", h.File.Path, o.Source, o.Of)
		}
		r := open[o.Source]
		if r == nil {
			if r, err = shard.OpenPairs(filepath.Join(shards, o.Source)); err != nil {
				return nil, err
			}
			open[o.Source] = r
		}
		if int(h.Row) >= r.Len() {
			return nil, &shard.DamagedPart{Path: h.File.Path, Cause: fmt.Sprintf("it names row %d of %s, which has %d", h.Row, o.Source, r.Len()), Cure: "run pairloom embed again"}
		}
		p := r.At(int(h.Row))
		f.Text, f.PageURL, f.ImageURL = strings.Clone(p.Text), strings.Clone(p.PageURL), strings.Clone(p.ImageURL)
		f.JPEG = append([]byte(nil), p.Image...)
	}
	return found, nil
}

// partHashes reads the hashes of the parts of shards, where a hit needs them.
func partHashes(shards string, hits []Hit) (map[string]string, error) {
	hashes := map[string]string{}
	for _, h := range hits {
		if h.File.Origin.Input == "" {
			continue
		}
		m, err := shard.ReadManifest(shards)
		if err != nil {
			return nil, fmt.Errorf("look pairs up: %w", err)
		}
		for _, p := range m.Parts {
			hashes[p.Name] = p.XXH64
		}
		break
	}
	return hashes, nil
}
