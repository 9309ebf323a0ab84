package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/query/match"
	"github.com/pairloom/pairloom/shard"
	"golang.org/x/sync/errgroup"
)

// Reasons for which the match stage drops a candidate, beside the text rules'.
const (
	reasonNoQuery        = "no_query"
	reasonRepeatOnTheWeb = "same_url_and_text"
)

// matchRange is how many candidates a worker takes at a time.
const matchRange = 2048

// matchStage keeps the candidates whose text passes the text rules and contains
// a query, once for each picture URL and text, sorted by picture.
func matchStage(ctx context.Context, w *workspace, progress func(done, total int64)) (*shard.Tally, error) {
	in, err := w.manifest("candidates")
	if err != nil {
		return nil, err
	}
	list, err := w.queryList()
	if err != nil {
		return nil, err
	}
	m := &matching{
		rules:       filter.TextRules(w.cfg.Filter.Text),
		matcher:     match.New(list.Texts()),
		preferences: preferences(w.cfg.Filter.Text.Sources),
		sorter:      extsort.New(w.dir, w.memory()),
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
	return m.write(ctx, w)
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

// write sorts, drops repeats and writes the parts. A part ends with a picture.
func (m *matching) write(ctx context.Context, w *workspace) (*shard.Tally, error) {
	out, err := newFolderWriter[shard.Matched](w, stageMatch)
	if err != nil {
		return nil, err
	}
	defer out.discard()
	var row shard.Matched
	var last, lastImage uint64
	first := true
	for rec, err := range m.sorter.Sorted() {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		if _, err := shard.ReadRow(rec.Value, &row); err != nil {
			return nil, err
		}
		if !first && row.ImageID == lastImage && row.PairID == last {
			m.tally.Drop(reasonRepeatOnTheWeb)
			continue
		}
		if out.rows() >= w.cfg.Match.PartPairs && row.ImageID != lastImage {
			if err := out.endPart(); err != nil {
				return nil, err
			}
		}
		first, last, lastImage = false, row.PairID, row.ImageID
		if err := out.write(&row); err != nil {
			return nil, err
		}
		m.tally.Keep()
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
	var s match.Scratch
	for _, id := range w.matcher(list).Find(nil, c.Text, &s) {
		queries = append(queries, list.Name(id))
	}
	if len(queries) == 0 {
		return reasonNoQuery, fmt.Sprintf("the text contains none of the %d queries of %s", len(list.Entries), w.cfg.Match.Queries), nil, nil
	}
	return "", "", queries, nil
}
