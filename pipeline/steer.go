package pipeline

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"sync"

	"github.com/pairloom/pairloom/query/match"
	"github.com/pairloom/pairloom/shard"
)

// wantOfNone is what is wanted of a query that has no pair.
const wantOfNone = 1000

// steer is the loop from the dataset back to the crawl: a function that says how
// much is wanted of what a text speaks of. Of each query that it contains
// wantOfNone is wanted, divided by one more than the query's pairs so far. It is
// nil when crawl.steer is off, or nothing was matched yet by the list of today.
// done releases it.
func (c Crawl) steer() (score func(text string) int64, done func(), err error) {
	nothing := func() {}
	if !c.Options.Steer || c.List == nil {
		return nil, nothing, nil
	}
	matched := filepath.Join(c.Dir, shard.MatchedFolder)
	m, err := shard.ReadManifest(matched)
	if errors.Is(err, shard.ErrUnfinished) {
		return nil, nothing, nil
	}
	if err != nil {
		return nil, nothing, err
	}
	var hash string
	if raw, ok := m.Options["query_list"]; ok {
		if err := json.Unmarshal(raw, &hash); err != nil {
			return nil, nothing, err
		}
	}
	today, err := c.List.Hash()
	if err != nil || today != hash {
		return nil, nothing, err
	}
	matcher, err := c.List.matcher(c.Mode)
	if err != nil {
		return nil, nothing, err
	}
	pairs := make([]uint32, matcher.Queries())
	for row, err := range shard.Rows[shard.Matched](matched, m.Parts, "query_ids") {
		if err != nil {
			matcher.Close()
			return nil, nothing, err
		}
		for _, id := range row.QueryIDs {
			if int(id) < len(pairs) {
				pairs[id]++
			}
		}
	}
	return scorer(matcher, pairs), func() { matcher.Close() }, nil
}

// scorer weighs texts by the number of pairs that each query has.
func scorer(matcher *match.Matcher, pairs []uint32) func(text string) int64 {
	type scratch struct {
		match.Scratch
		ids []uint32
	}
	pool := sync.Pool{New: func() any { return new(scratch) }}
	return func(text string) (score int64) {
		s := pool.Get().(*scratch)
		defer pool.Put(s)
		s.ids = matcher.Find(s.ids[:0], text, &s.Scratch)
		for _, id := range s.ids {
			score += wantOfNone / (1 + int64(pairs[id]))
		}
		return score
	}
}
