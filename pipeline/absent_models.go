package pipeline

import (
	"errors"
	"maps"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/checkpoint"
)

// checkpoints names the models that learned from what is refused, by the tables of what
// they were trained on. These have no addresses: a picture is found by its address or
// host, a page by its host or by the pairs that the dataset's folders still name.
func (s *looking) checkpoints() error {
	folder := filepath.Join(s.Dir, shard.CheckpointsFolder)
	if !exists(folder) {
		return nil
	}
	all, err := checkpoint.List(folder)
	if err != nil {
		return err
	}
	images := maps.Clone(s.spelled)
	for _, e := range s.List.Entries {
		if e.Kind != refusal.Address {
			continue
		}
		images[shard.ImageID(e.Text)] = e
		if _, rest, ok := strings.Cut(e.Text, "://"); ok {
			images[shard.ImageID("http://"+rest)], images[shard.ImageID("https://"+rest)] = e, e
		}
	}
	known := map[string]Place{} // by the tables that count
	for _, c := range all.Whole {
		name, err := filepath.Rel(s.Dir, c.Path)
		if err != nil {
			return err
		}
		key := ""
		for _, t := range c.SeenTables() {
			key += t.Path + "\n"
		}
		if p, ok := known[key]; ok {
			p.Place = filepath.ToSlash(name)
			s.places = append(s.places, p)
			continue
		}
		err = s.place(name, "pairs", "train anew, or say so: what a model has learned cannot be taken out", func(p *Place) error {
			for row, err := range c.Seen() {
				if errors.Is(err, checkpoint.ErrUnknown) {
					p.State, p.Note = PlaceUntold, err.Error()
					if p.Found > 0 {
						p.State = PlaceTrained
					}
					return nil
				}
				if err == nil {
					err = s.ctx.Err()
				}
				if err != nil {
					return err
				}
				p.Looked++
				if e, refused := s.seen(row, images); refused {
					p.found("pair "+shard.FormatPairID(row.PairID), e)
				}
			}
			if p.Found > 0 {
				p.State = PlaceTrained
			}
			return nil
		})
		if err != nil {
			return err
		}
		last := &s.places[len(s.places)-1]
		if last.State == PlaceUnknown { // a table that is damaged
			last.State = PlaceUntold
		}
		known[key] = *last
	}
	return nil
}

// seen decides on a pair that a model was trained on.
func (s *looking) seen(row *checkpoint.SeenPair, images map[uint64]refusal.Entry) (refusal.Entry, bool) {
	if e, ok := images[row.ImageID]; ok {
		return e, true
	}
	for _, host := range []string{row.PageHost, row.ImageHost} {
		if e, ok := s.List.RefusesHost(host); ok {
			return e, true
		}
	}
	e, refused := s.List.Refuses(&refusal.Facts{PairID: row.PairID, PictureHash: row.PictureHash, PHash: row.PHash})
	if !refused {
		e, refused = s.pairs[row.PairID]
	}
	return e, refused
}
