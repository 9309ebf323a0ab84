package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/dedup"
	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/query"
	"github.com/pairloom/pairloom/query/balance"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

// Reasons for which the curate stage drops a pair, beside the picture rules'
// and deduplication's.
const (
	reasonNotFetched = "picture_not_fetched"
	reasonQueryCap   = "query_cap"
)

// curateStage decides on every matched pair: the picture was fetched, the
// picture rules, exact duplicates, and the balance of queries, in this order.
//
// A pair's place is its number among all matched pairs. Decisions are gathered
// by place in a sorter and merged with the matched pairs at the end, so that
// memory does not grow with the number of pairs.
func curateStage(ctx context.Context, w *workspace, progress func(done, total int64)) (*shard.Tally, error) {
	matched, err := w.manifest("matched")
	if err != nil {
		return nil, err
	}
	images, err := w.manifest("images")
	if err != nil {
		return nil, err
	}
	list, err := w.queryList()
	if err != nil {
		return nil, err
	}
	c := &curation{
		ctx: ctx, w: w, matched: matched, images: images,
		decisions: extsort.New(w.dir, w.memory()/3),
	}
	defer c.decisions.Close()
	total := matched.Rows()
	// Three walks over the pairs: pictures, duplicates and balance, writing.
	exact := dedup.NewExact(w.cfg.Dedup, w.dir, w.memory()/3)
	defer exact.Close()
	if err := c.judgePictures(exact, func(n int64) { progress(n/2, total) }); err != nil {
		return nil, err
	}
	balancer, err := w.balancer(len(list.Entries), 0, w.memory()/3)
	if err != nil {
		return nil, err
	}
	defer balancer.Close()
	if err := c.judgeDuplicates(exact, balancer); err != nil {
		return nil, err
	}
	if err := c.judgeBalance(balancer); err != nil {
		return nil, err
	}
	return c.write(queryCounts(list, balancer.Counts()), func(n int64) { progress(total/2+n/2, total) })
}

// balancer makes the balancer of one use: before fetching with the margin, at
// the end with none.
func (w *workspace) balancer(queries int, margin float64, memory int) (*balance.Balancer, error) {
	o := w.cfg.Balance
	return balance.New(balance.Options{
		Mode: balance.Mode(o.Mode), Limit: o.MaxPairsPerQuery, Margin: margin, Seed: uint64(w.cfg.Seed),
		Queries: queries, Memory: memory, Dir: w.dir,
	})
}

// balanceDetail says to people why no query kept a pair.
func (w *workspace) balanceDetail(margin float64) string {
	o := w.cfg.Balance
	times := ""
	if margin > 0 {
		times = fmt.Sprintf(" times margin %v", margin)
	}
	if balance.Mode(o.Mode) == balance.Probability {
		return fmt.Sprintf("none of its queries, which have more than max_pairs_per_query %d%s pairs each, drew it", o.MaxPairsPerQuery, times)
	}
	return fmt.Sprintf("each of its queries has max_pairs_per_query %d%s pairs with a smaller hash", o.MaxPairsPerQuery, times)
}

// queryCounts names the counts of all queries of the list.
func queryCounts(list *query.List, counts []balance.Counts) iter.Seq[stats.QueryCount] {
	return func(yield func(stats.QueryCount) bool) {
		for id, n := range counts {
			if !yield(stats.QueryCount{ID: uint32(id), Query: list.Name(uint32(id)), Before: n.Before, Own: n.Own, After: n.After}) {
				return
			}
		}
	}
}

type curation struct {
	ctx             context.Context
	w               *workspace
	matched, images *shard.Manifest
	decisions       *extsort.Sorter
}

// Kinds of records among the decisions on a place, in the order in which they
// are read.
const (
	decisionPicture = 'a' // where the picture lies: part, row
	decisionDrop    = 'b' // reason, NUL, detail
	decisionKeep    = 'c' // balancing kept it
)

func (c *curation) decide(place uint64, kind byte, value []byte) error {
	key := append(binary.BigEndian.AppendUint64(nil, place), kind)
	return c.decisions.Add(key, value)
}

func (c *curation) drop(place uint64, reason, detail string) error {
	return c.decide(place, decisionDrop, append(append([]byte(reason), 0), detail...))
}

// judgePictures walks matched pairs and pictures side by side, both in order
// of the picture's id.
func (c *curation) judgePictures(exact *dedup.Exact, progress func(int64)) error {
	rules := filter.PictureRules(c.w.cfg.Filter.Picture)
	preferences := preferences(c.w.cfg.Filter.Text.Sources)
	next, stop := iter.Pull2(pictureIndex(c.w, c.images))
	defer stop()
	current, err, more := next()
	var place uint64
	for m, rowErr := range shard.Rows[shard.Matched](c.w.path("matched"), c.matched.Parts) {
		if rowErr == nil {
			rowErr = c.ctx.Err()
		}
		if rowErr != nil {
			return rowErr
		}
		for more && err == nil && current.image.ImageID < m.ImageID {
			current, err, more = next()
		}
		if err != nil {
			return err
		}
		switch {
		case !more || current.image.ImageID != m.ImageID:
			err = c.drop(place, reasonNotFetched, "the picture was never asked for; run pairloom fetch")
		case current.image.Status != "":
			err = c.drop(place, reasonNotFetched, current.image.Status+": "+current.image.Detail)
		default:
			err = c.judgePicture(place, m, &current, rules, exact, preferences)
		}
		if err != nil {
			return err
		}
		place++
		progress(int64(place))
	}
	return nil
}

func (c *curation) judgePicture(place uint64, m *shard.Matched, p *picturePlace, rules []filter.Rule[shard.Image], exact *dedup.Exact, preferences map[string]byte) error {
	if reason, detail := filter.Apply(rules, &p.image); reason != "" {
		return c.drop(place, reason, detail)
	}
	var location [8]byte
	binary.BigEndian.PutUint32(location[:], p.part)
	binary.BigEndian.PutUint32(location[4:], p.row)
	if err := c.decide(place, decisionPicture, location[:]); err != nil {
		return err
	}
	return exact.Add(&dedup.Pair{
		Place: place, PairID: m.PairID, ImageID: m.ImageID,
		PictureHash: p.image.PictureHash,
		TextHash:    xxhash.Sum64(fold.AppendText(nil, m.Text)),
		Preference:  preferences[m.TextSource],
		QueryIDs:    m.QueryIDs,
	})
}

func (c *curation) judgeDuplicates(exact *dedup.Exact, balancer *balance.Balancer) error {
	for v, err := range exact.Verdicts() {
		if err == nil {
			err = c.ctx.Err()
		}
		if err == nil && v.Reason != "" {
			err = c.drop(v.Place, v.Reason, v.Detail)
		} else if err == nil {
			err = balancer.Add(v.Place, v.PairID, v.QueryIDs)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *curation) judgeBalance(balancer *balance.Balancer) error {
	for place, err := range balancer.Kept() {
		if err == nil {
			err = c.decide(place, decisionKeep, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// write writes the counts of queries, and merges the decisions with the matched
// pairs, one part for one part.
func (c *curation) write(counts iter.Seq[stats.QueryCount], progress func(int64)) (*shard.Tally, error) {
	w := c.w
	out, err := newFolderWriter[shard.Selection](w, stageCurate)
	if err != nil {
		return nil, err
	}
	defer out.discard()
	if err := stats.WriteQueryCounts(out.path, counts); err != nil {
		return nil, err
	}
	next, stop := iter.Pull2(c.decisions.Sorted())
	defer stop()
	rec, err, more := next()
	tally := shard.NewTally("curate", "pairs", "pairs")
	detail := w.balanceDetail(0)
	var place uint64
	for _, part := range c.matched.Parts {
		for m, rowErr := range shard.Rows[shard.Matched](w.path("matched"), []shard.Part{part}) {
			if rowErr == nil {
				rowErr = c.ctx.Err()
			}
			if rowErr != nil {
				return nil, rowErr
			}
			s := shard.Selection{PairID: m.PairID, QueryIDs: m.QueryIDs, Reason: reasonQueryCap,
				Detail: detail}
			for more && err == nil && binary.BigEndian.Uint64(rec.Key) == place {
				applyDecision(&s, rec)
				rec, err, more = next()
			}
			if err != nil {
				return nil, err
			}
			if s.Reason == "" {
				tally.Keep()
			} else {
				tally.Drop(s.Reason)
			}
			if err := out.write(&s); err != nil {
				return nil, err
			}
			place++
			progress(int64(place))
		}
		if err := out.endPart(); err != nil {
			return nil, err
		}
	}
	tally.Out = tally.Kept
	return tally, out.finish(tally)
}

// applyDecision writes one decision into the selection.
func applyDecision(s *shard.Selection, rec extsort.Record) {
	switch rec.Key[8] {
	case decisionPicture:
		s.ImagePart = binary.BigEndian.Uint32(rec.Value)
		s.ImageRow = binary.BigEndian.Uint32(rec.Value[4:])
	case decisionDrop:
		reason, detail, _ := bytes.Cut(rec.Value, []byte{0})
		s.Reason, s.Detail = string(reason), string(detail)
	case decisionKeep:
		s.Reason, s.Detail = "", ""
	}
}
