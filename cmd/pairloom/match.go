package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/query/balance"
	"github.com/pairloom/pairloom/query/match"
	"github.com/pairloom/pairloom/shard"
	"golang.org/x/sync/errgroup"
)

// Reasons for which the match stage drops a candidate, beside the text rules'.
const (
	reasonNoQuery             = "no_query"
	reasonRepeatOnTheWeb      = "same_url_and_text"
	reasonQueryCapBeforeFetch = "query_cap_before_fetch"
)

// matchRange is how many candidates a worker takes at a time.
const matchRange = 2048

// matchStage keeps the candidates whose text passes the text rules and contains
// a query, once for each picture URL and text, sorted by picture. Of queries
// with far too many pairs it keeps only as many as fetching and the final
// balance need, so that no server is asked for pictures in vain.
func matchStage(ctx context.Context, w *workspace, progress func(done, total int64)) (*shard.Tally, error) {
	in, err := w.manifest("candidates")
	if err != nil {
		return nil, err
	}
	list, err := w.queryList()
	if err != nil {
		return nil, err
	}
	matcher, err := w.matcher(list)
	if err != nil {
		return nil, err
	}
	defer matcher.Close()
	m := &matching{
		rules:       filter.TextRules(w.cfg.Filter.Text),
		matcher:     matcher,
		preferences: preferences(w.cfg.Filter.Text.Sources),
		sorter:      extsort.New(w.dir, w.memory()/3*2),
		tally:       shard.NewTally("match", "candidates", "pairs"),
	}
	defer m.sorter.Close()
	total := in.Rows()
	for _, part := range in.Parts {
		if err := part.Verify(w.path("candidates")); err != nil {
			return nil, err
		}
		r, err := shard.OpenPart[shard.Candidate](filepath.Join(w.path("candidates"), part.Name))
		if err != nil {
			return nil, err
		}
		err = m.part(ctx, r, w.workers(), func(done int64) { progress(done, total) })
		r.Close()
		if err != nil {
			return nil, err
		}
	}
	return m.write(ctx, w, len(list.Entries))
}

// matching is the state that the workers share.
type matching struct {
	rules       []filter.Rule[shard.Candidate]
	matcher     *match.Matcher
	preferences map[string]byte

	mu     sync.Mutex
	sorter *extsort.Sorter
	tally  *shard.Tally
}

// preferences numbers the text sources in their order of preference.
func preferences(sources []string) map[string]byte {
	p := map[string]byte{}
	for i, s := range sources {
		p[s] = byte(min(i, 255))
	}
	return p
}

// part matches the candidates of one part, in ranges, on all workers.
func (m *matching) part(ctx context.Context, r *shard.PartReader[shard.Candidate], workers int, progress func(done int64)) error {
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range workers {
		g.Go(func() error {
			b := &matchBatch{matching: m}
			for {
				start := int(next.Add(1)-1) * matchRange
				if start >= r.Len() {
					return nil
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				b.run(r, start, min(start+matchRange, r.Len()))
				if err := m.take(b, progress); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

// matchBatch is one worker's memory, reused from range to range.
type matchBatch struct {
	*matching
	scratch match.Scratch
	row     shard.Matched
	arena   []byte // keys and rows, one behind the other
	ends    []int  // of each row in arena
	dropped map[string]int64
}

const matchKeySize = 17 // image id, pair id, preference

func (b *matchBatch) run(r *shard.PartReader[shard.Candidate], start, end int) {
	b.arena, b.ends, b.dropped = b.arena[:0], b.ends[:0], map[string]int64{}
	for i := start; i < end; i++ {
		r.Read(i, &b.row.Candidate)
		if reason, _ := filter.Apply(b.rules, &b.row.Candidate); reason != "" {
			b.dropped[reason]++
			continue
		}
		b.row.QueryIDs = b.matcher.Find(b.row.QueryIDs[:0], b.row.Text, &b.scratch)
		if len(b.row.QueryIDs) == 0 {
			b.dropped[reasonNoQuery]++
			continue
		}
		b.row.PairID = shard.PairID(b.row.ImageURL, b.row.Text)
		b.row.ImageID = shard.ImageID(b.row.ImageURL)
		b.arena = binary.BigEndian.AppendUint64(b.arena, b.row.ImageID)
		b.arena = binary.BigEndian.AppendUint64(b.arena, b.row.PairID)
		b.arena = append(b.arena, b.preferences[b.row.TextSource])
		b.arena = shard.AppendRow(b.arena, &b.row)
		b.ends = append(b.ends, len(b.arena))
	}
}

// take adds a worker's range to the sorter and the tally.
func (m *matching) take(b *matchBatch, progress func(done int64)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	start := 0
	for _, end := range b.ends {
		rec := b.arena[start:end]
		if err := m.sorter.Add(rec[:matchKeySize], rec[matchKeySize:]); err != nil {
			return err
		}
		start = end
	}
	for reason, n := range b.dropped {
		m.tally.In += n
		m.tally.Dropped[reason] += n
	}
	progress(m.tally.In + m.sorter.Len())
	return nil
}

// pairs walks the sorted records' pairs, each once; repeat is called for the
// others. The pair is valid until the next step.
func (m *matching) pairs(ctx context.Context, records iter.Seq2[extsort.Record, error], repeat func()) iter.Seq2[*shard.Matched, error] {
	return func(yield func(*shard.Matched, error) bool) {
		var row shard.Matched
		var last [matchKeySize]byte
		first := true
		for rec, err := range records {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			const ids = matchKeySize - 1 // without the preference
			if !first && bytes.Equal(rec.Key[:ids], last[:ids]) {
				repeat()
				continue
			}
			first = false
			copy(last[:], rec.Key)
			_, err = shard.ReadRow(rec.Value, &row)
			if !yield(&row, err) || err != nil {
				return
			}
		}
	}
}

// balance walks the pairs ahead and tells which to fetch: the numbers of those
// that stay, ascending, as a pair's place among all pairs. It is nil when all
// stay.
func (m *matching) balance(ctx context.Context, w *workspace, queries int) (*balance.Balancer, error) {
	o := w.cfg.Balance
	if o.Margin == 0 || o.MaxPairsPerQuery == 0 || m.sorter.Len() <= int64(o.MaxPairsPerQuery) {
		return nil, nil
	}
	b, err := w.balancer(queries, o.Margin, w.memory()/3)
	if err != nil {
		return nil, err
	}
	var place uint64
	for row, err := range m.pairs(ctx, m.sorter.Walk(), func() {}) {
		if err == nil {
			err = b.Add(place, row.PairID, row.QueryIDs)
		}
		if err != nil {
			b.Close()
			return nil, err
		}
		place++
	}
	return b, nil
}

// write sorts, drops repeats and what balancing leaves out, and writes the
// parts. A part ends with a picture.
func (m *matching) write(ctx context.Context, w *workspace, queries int) (*shard.Tally, error) {
	balancer, err := m.balance(ctx, w, queries)
	if err != nil {
		return nil, err
	}
	var staying uint64 // the next pair that stays
	next := func() (uint64, error, bool) { return staying, nil, true }
	if balancer != nil {
		defer balancer.Close()
		var stop func()
		next, stop = iter.Pull2(balancer.Kept())
		defer stop()
	}
	out, err := newFolderWriter[shard.Matched](w, stageMatch)
	if err != nil {
		return nil, err
	}
	defer out.discard()
	staying, err, more := next()
	var place, lastImage uint64
	for row, rowErr := range m.pairs(ctx, m.sorter.Sorted(), func() { m.tally.Drop(reasonRepeatOnTheWeb) }) {
		if err = errors.Join(rowErr, err); err != nil {
			return nil, err
		}
		stays := more && (balancer == nil || staying == place)
		place++
		if !stays {
			m.tally.Drop(reasonQueryCapBeforeFetch)
			continue
		}
		staying, err, more = next()
		if out.rows() >= w.cfg.Match.PartPairs && row.ImageID != lastImage {
			if err := out.endPart(); err != nil {
				return nil, err
			}
		}
		lastImage = row.ImageID
		if err := out.write(row); err != nil {
			return nil, err
		}
		m.tally.Keep()
	}
	if err != nil {
		return nil, err
	}
	m.tally.Out = m.tally.Kept
	return m.tally, out.finish(m.tally)
}

// explainText tells what the match stage does with a candidate.
func explainText(w *workspace, c *shard.Candidate) (reason, detail string, queries []string, err error) {
	if reason, detail := filter.Apply(filter.TextRules(w.cfg.Filter.Text), c); reason != "" {
		return reason, detail, nil, nil
	}
	list, err := w.queryList()
	if err != nil {
		return "", "", nil, err
	}
	matcher, err := w.explainer(list)
	if err != nil {
		return "", "", nil, err
	}
	var s match.Scratch
	for _, id := range matcher.Find(nil, c.Text, &s) {
		queries = append(queries, list.Name(id))
	}
	if len(queries) == 0 {
		return reasonNoQuery, fmt.Sprintf("the text contains none of the %d queries of %s", len(list.Entries), w.cfg.Match.Queries), nil, nil
	}
	return "", "", queries, nil
}
