package pipeline

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/shard"
)

// A picture may be refused without its address or its bytes being named: where a request
// names the pages that show it, or its pairs, and nothing that stays does so too.

// namedPictures are pictures of the images folder, and which of them something names that
// is not refused. It takes nine bytes for each.
type namedPictures struct {
	ids   []uint64 // in order, once sorted
	named []bool
}

func (s *namedPictures) sort() {
	slices.Sort(s.ids)
	s.ids = slices.Compact(s.ids)
	s.named = make([]bool, len(s.ids))
}

func (s *namedPictures) name(id uint64) {
	if at, ok := slices.BinarySearch(s.ids, id); ok && s.named != nil {
		s.named[at] = true
	}
}

// unnamed tells of a picture of the folder that nothing names it.
func (s *namedPictures) unnamed(id uint64) bool {
	if s == nil {
		return false
	}
	at, ok := slices.BinarySearch(s.ids, id)
	return ok && !s.named[at]
}

// readStored reads which pictures are in the images folder and its answers in hand.
func readStored(ctx context.Context, dir string) (*namedPictures, error) {
	paths, err := arrowFilesBelow(filepath.Join(dir, shard.ImagesFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	stored := &namedPictures{}
	for _, path := range paths {
		err := eachRow(ctx, path, func(_ int, i *shard.Image) error {
			stored.ids = append(stored.ids, i.ImageID)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	stored.sort()
	return stored, nil
}

// unnamedPictures finds the pictures that no candidate names which stays. It is nil where
// that is not known, for there is no producer whose candidates are all there. A producer
// that is not finished may name again what its files named: of those the matched pairs
// count too.
func unnamedPictures(ctx context.Context, dir string, list *refusal.List, mask bool) (*namedPictures, error) {
	if !list.Has(candidateKinds...) {
		return nil, nil
	}
	entries, err := os.ReadDir(filepath.Join(dir, shard.CandidatesFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	stored, err := readStored(ctx, dir)
	if err != nil {
		return nil, err
	}
	finished, unfinished := 0, 0
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		folder := filepath.Join(dir, shard.ProducerFolder(e.Name()))
		if shard.IsFinished(folder) {
			finished++
		} else {
			unfinished++
		}
		paths, err := arrowFilesBelow(folder)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			err := eachRow(ctx, path, func(_ int, c *shard.Candidate) error {
				if !refusesText(list, c, mask) {
					stored.name(shard.ImageID(c.ImageURL))
				}
				return nil
			})
			if err != nil && shard.IsFinished(folder) {
				return nil, err
			}
		}
	}
	if finished == 0 {
		return nil, nil
	}
	if unfinished == 0 {
		return stored, nil
	}
	paths, err := arrowFilesBelow(filepath.Join(dir, shard.MatchedFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, path := range paths {
		err := eachRow(ctx, path, func(_ int, m *shard.Matched) error {
			if _, refused := refusesCandidate(list, &m.Candidate); !refused {
				stored.name(m.ImageID)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return stored, nil
}
