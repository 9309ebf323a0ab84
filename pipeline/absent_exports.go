package pipeline

import (
	"fmt"

	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/export"
)

// exports looks into what was exported, where it was named.
func (s *looking) exports() error {
	for _, to := range s.Exports {
		err := s.place("export "+to, "pairs", "run pairloom export again, which takes out what left the dataset, or delete it", func(p *Place) error {
			for row, err := range export.Walk(s.ctx, to) {
				if err != nil {
					return err
				}
				p.Looked++
				e, refused := s.List.Refuses(&refusal.Facts{
					PageURL: row.PageURL, ImageURL: row.ImageURL, PairID: row.PairID, PictureHash: row.PictureHash, PHash: row.PHash, SHA256: row.SHA256,
				})
				if !refused {
					e, refused = s.pairs[row.PairID]
				}
				if refused {
					p.found(fmt.Sprintf("%s row %d: pair %s", row.File, row.Number, shard.FormatPairID(row.PairID)), e)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if last := &s.places[len(s.places)-1]; last.State == PlaceMissing { // who names one means one that is there
			last.State, last.Note = PlaceUnknown, "there is no export"
		}
	}
	return nil
}
