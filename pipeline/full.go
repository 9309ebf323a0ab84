package pipeline

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/query/balance"
	"github.com/pairloom/pairloom/shard"
)

// Queries that are full stop asking. Where a query has more pairs than it may keep,
// pictures are asked for in rounds: those of the pairs that the balance would let stay
// if no picture failed but those that are known to; then, since some failed, those of
// the pairs that stay instead, until none is left to ask for. As failures become known
// a query only has fewer pairs, and lets stay what it did and more: so what has been
// asked for in the end does not depend on the order of the answers.

// fullMargin is how many times max_pairs_per_query of pairs with a good picture make a
// query full. What is beyond is for duplicates, which curate drops before it balances.
const fullMargin = 1.1

// drawsOfFetch sets the draws of balance.mode probability apart from those of match and
// curate: chances multiply only where the draws have nothing to do with one another.
const drawsOfFetch = 0x6665746368 // "fetch"

// roundName is the file of the round that is not finished, in the images folder.
const roundName = "round.json"

// round is its content. A run that is killed leaves it, so that the next one asks for
// the same pictures, in the same parts, whatever has come in.
type round struct {
	// Known are the numbers of the parts that were there when the round began: what
	// became of their pictures decides what is asked for. Those of later parts are
	// asked for, and not known to have failed.
	Known []int `json:"known"`
}

// counting counts the pairs of each query, where some query may be full.
type counting struct {
	limit int64   // pairs from which on one is; 0 where none is ever
	pairs []int64 // by query
}

func newCounting(o BalanceOptions, matched *shard.Manifest) counting {
	limit := int64(math.Ceil(float64(o.MaxPairsPerQuery) * fullMargin))
	if matched.Rows() <= limit {
		limit = 0
	}
	return counting{limit: limit}
}

// columns are those of the matched pairs that it needs.
func (c *counting) columns() []string {
	if c.limit == 0 {
		return nil
	}
	return []string{"query_ids"}
}

// mostQueries bounds what a damaged id costs.
const mostQueries = 1 << 28

func (c *counting) add(queryIDs []uint32) error {
	for _, q := range queryIDs {
		if q >= mostQueries {
			return fmt.Errorf("fetch: a matched pair has query %d, and no list has as many; run pairloom match", q)
		}
		if n := int(q) + 1; n > len(c.pairs) {
			c.pairs = append(c.pairs, make([]int64, n-len(c.pairs))...)
		}
		c.pairs[q]++
	}
	return nil
}

// over tells whether a query has more pairs than it may keep.
func (c *counting) over() bool {
	return c.limit > 0 && slices.ContainsFunc(c.pairs, func(n int64) bool { return n > c.limit })
}

// resumeRound reads which parts the round of the last run goes by, if it left one.
func (w *fetching) resumeRound() error {
	path := filepath.Join(w.out.path, roundName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var r round
	if err := json.Unmarshal(data, &r); err != nil {
		return &shard.DamagedPart{Path: path, Cause: err.Error(), Cure: "delete it, and the next run goes by all pictures that are there"}
	}
	w.know(r.Known)
	return nil
}

func (w *fetching) know(numbers []int) {
	w.known = map[int]bool{}
	for _, i := range numbers {
		w.known[i] = true
	}
}

// nextRound gathers the pictures to ask for next in missing; there are none when every
// query is full, or has no more.
func (w *fetching) nextRound(ctx context.Context) error {
	resumed := w.known != nil
	if !resumed {
		w.know(slices.Collect(maps.Keys(w.stored)))
	}
	if err := w.gather(ctx); err != nil {
		return err
	}
	n := w.missing.Len()
	if w.total += n; n == 0 {
		if w.known = nil; resumed { // the last run ended the round
			return w.nextRound(ctx)
		}
		return nil
	}
	w.unasked -= n
	if err := w.open(); err != nil {
		return err
	}
	data, err := json.Marshal(round{slices.Sorted(maps.Keys(w.known))})
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(w.out.path, roundName), append(data, '\n'))
}

// gather walks the matched pairs twice: for the balance of those whose picture is not
// known to have failed, and for those that stay.
func (w *fetching) gather(ctx context.Context) error {
	o := w.Balance
	seed := uint64(w.Seed)
	if balance.Mode(o.Mode) == balance.Probability {
		seed ^= drawsOfFetch
	}
	b, err := balance.New(balance.Options{
		Mode: balance.Mode(o.Mode), Limit: o.MaxPairsPerQuery, Margin: fullMargin, Seed: seed,
		Queries: len(w.counting.pairs), Memory: w.Memory / 8, Dir: w.Dir,
	})
	if err != nil {
		return err
	}
	defer b.Close()
	judge := PictureJudge{rules: filter.PictureRules(w.Picture), refused: w.refused}
	err = w.walk(ctx, func(place uint64, j joined) error {
		switch p := j.picture; {
		case p != nil && w.known[int(p.part)]:
			if reason, _ := judge.Judge(j.matched, &p.image); reason != "" {
				return nil
			}
		case w.refusesAddress(j.matched.ImageURL):
			return nil
		}
		return b.Add(place, j.matched.PairID, j.matched.QueryIDs)
	})
	if err == nil {
		err = b.Settle()
	}
	if err != nil {
		return err
	}
	w.missing.Close()
	w.missing = extsort.New(w.Dir, w.Memory/4)
	var address []byte // of the picture at hand; see appendAddress
	var key [8]byte
	var id uint64
	first, stays := true, false
	settle := func() error {
		if !stays {
			return nil
		}
		binary.BigEndian.PutUint64(key[:], id)
		return w.missing.Add(key[:], address)
	}
	err = w.walk(ctx, func(place uint64, j joined) error {
		m := j.matched
		if j.picture != nil || w.refusesAddress(m.ImageURL) {
			return nil
		}
		if first || m.ImageID != id {
			if err := settle(); err != nil {
				return err
			}
			first, stays, id, address = false, false, m.ImageID, appendAddress(address[:0], m.ImageURL, m.PictureAt)
		} else {
			address = addPlace(address, m.PictureAt)
		}
		stays = stays || b.Keeps(place, m.PairID, m.QueryIDs)
		return nil
	})
	if err != nil {
		return err
	}
	return settle()
}

// walk visits the matched pairs, each with its place among them and its picture.
func (w *fetching) walk(ctx context.Context, visit func(place uint64, j joined) error) error {
	rows := shard.Rows[shard.Matched](filepath.Join(w.Dir, shard.MatchedFolder), w.matched.Parts, "pair_id", "image_id", "image_url", "page_url", "picture_at", "query_ids")
	var place uint64
	for j, err := range joinPictures(rows, pictureIndex(w.Dir, partsOf(w.stored), factColumns, w.Memory/4), nil) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = visit(place, j)
		}
		if err != nil {
			return err
		}
		place++
	}
	return nil
}

// fullQueries tallies the pictures that nobody needs to ask for. When they may be
// needed by other settings, the calendar tells of it.
func (w *fetching) fullQueries() {
	if w.unasked > 0 {
		w.tally.In += w.unasked
		w.tally.Dropped[ReasonQueryFull] += w.unasked
	}
	w.calendar.Full, w.calendar.By = w.unasked, w.picking()
}

// picking is the fingerprint of the settings that decide which pictures are asked for,
// and not what is stored of them.
func (f *Fetch) picking() string { return settings.Hash(f.Picture, f.Balance, f.Seed) }
