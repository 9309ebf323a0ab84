package batch

import (
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"sort"
	"strings"

	"github.com/pairloom/pairloom/shard"
)

// Prefixes of part names in a shard folder.
const (
	Training = "shard-"
	HeldOut  = "heldout-"
)

// Source is the rows of several parts as one list. Any number of goroutines
// may read it.
type Source struct {
	parts []*shard.PairReader
	first []int // row number of each part's first row, and the total
	hash  string
}

// Open maps the parts of folder whose names start with prefix.
func Open(folder, prefix string) (*Source, error) {
	manifest, err := shard.ReadManifest(folder)
	if errors.Is(err, shard.ErrUnfinished) {
		return nil, fmt.Errorf("open shards: %w; run pairloom shard first", err)
	}
	if err != nil {
		return nil, err
	}
	s := &Source{hash: manifest.Hash(), first: []int{0}}
	for _, p := range manifest.Parts {
		if !strings.HasPrefix(p.Name, prefix) {
			continue
		}
		r, err := shard.OpenPairs(filepath.Join(folder, p.Name))
		if err != nil {
			s.Close()
			return nil, err
		}
		s.parts = append(s.parts, r)
		s.first = append(s.first, s.first[len(s.first)-1]+r.Len())
		if int64(r.Len()) != p.Rows {
			s.Close()
			return nil, fmt.Errorf("open part %s: it has %d rows, but the manifest says %d; run pairloom shard again", r.Path(), r.Len(), p.Rows)
		}
	}
	return s, nil
}

// Len is the number of rows.
func (s *Source) Len() int { return s.first[len(s.first)-1] }

// Hash stands for the content of the whole folder.
func (s *Source) Hash() string { return s.hash }

// Pair is row i. Its strings and bytes live until Close.
func (s *Source) Pair(i int) shard.Pair {
	part := sort.SearchInts(s.first, i+1) - 1
	return s.parts[part].At(i - s.first[part])
}

// Texts walks the captions in order. They live until Close.
func (s *Source) Texts() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for i := range s.Len() {
			if !yield(s.Pair(i).Text, nil) {
				return
			}
		}
	}
}

// Close unmaps the parts.
func (s *Source) Close() error {
	var faults []error
	for _, p := range s.parts {
		faults = append(faults, p.Close())
	}
	s.parts = nil
	return errors.Join(faults...)
}
