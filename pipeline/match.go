package pipeline

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/query/balance"
	"github.com/pairloom/pairloom/shard"
	"golang.org/x/sync/errgroup"
)

// Match keeps the candidates whose text passes the text rules and contains a
// query, once for each picture URL and text, sorted by picture, and whose picture is
// no placeholder. Of queries with
// far too many pairs it keeps only as many as fetching and the final balance
// need, so that no server is asked for pictures in vain.
type Match struct {
	Dir     string
	Options MatchOptions
	Text    filter.TextOptions
	Balance BalanceOptions
	Seed    int64
	Workers int
	Memory  int // bytes, of sorting, balancing and batches together
	List    *QueryList
}

func newMatch(dir string, o *Options, list *QueryList) Match {
	return Match{dir, o.Match, o.Filter.Text, o.Balance, o.Seed, o.workers(), o.memory(), list}
}

// matchSettings are what the stage decides by; its manifest keeps them, under
// the keys of pairloom.yaml, for [Explain].
type matchSettings struct {
	Seed   int64        `yaml:"seed"`
	Match  MatchOptions `yaml:"match"`
	Filter struct {
		Text filter.TextOptions `yaml:"text"`
	} `yaml:"filter"`
	Balance BalanceOptions `yaml:"balance"`
	List    string         `yaml:"query_list"` // hash of its content
}

func (m Match) settings() (matchSettings, error) {
	hash, err := m.List.Hash()
	if err != nil {
		return matchSettings{}, err
	}
	s := matchSettings{Seed: m.Seed, Match: m.Options, Balance: m.Balance, List: hash}
	s.Filter.Text = m.Text
	return s, nil
}

// Stage describes the stage.
func (m Match) Stage() Stage {
	return Stage{
		Name: MatchName, Doing: "matching texts", Dir: m.Dir, Folder: shard.MatchedFolder, Inputs: []string{shard.CandidatesFolder},
		Settings: func() (string, error) {
			s, err := m.settings()
			if err != nil {
				return "", err
			}
			return withRefusals(m.Dir, settings.Hash(s), candidateKinds)
		},
		Run: tallyOnly(m.Run),
	}
}

// Run is the stage.
func (m Match) Run(ctx context.Context, progress Progress) (*shard.Tally, error) {
	inputs, err := producers(m.Dir)
	if err != nil {
		return nil, err
	}
	matcher, err := m.List.matcher(m.Options.Mode)
	if err != nil {
		return nil, err
	}
	defer matcher.Close()
	refused, err := Refusals(m.Dir)
	if err != nil {
		return nil, err
	}
	r := &matching{
		Match:  m,
		judge:  newTextJudge(m.Text, matcher, m.Options, refused),
		sorter: extsort.New(m.Dir, m.Memory/8*7),
		tally:  shard.NewTally(MatchName, "candidates", "pairs"),
	}
	defer r.sorter.Close()
	defer collectAt(m.Memory / 8)()
	var total int64
	for _, in := range inputs {
		total += in.manifest.Rows()
	}
	for _, in := range inputs {
		for _, part := range in.manifest.Parts {
			if err := r.part(ctx, filepath.Join(m.Dir, in.folder), part, func(done int64) { progress(done, total) }); err != nil {
				return nil, err
			}
		}
	}
	if seen := r.tally.In + r.sorter.Len(); seen != total {
		return nil, fmt.Errorf("match: %d of %d candidates were judged; this is a bug in pairloom, please report it", seen, total)
	}
	return r.write(ctx)
}

// matching is the state of one run that the workers share.
type matching struct {
	Match
	judge TextJudge

	mu     sync.Mutex
	sorter *extsort.Sorter
	tally  *shard.Tally
}

// part matches the candidates of one part, batch by batch, on all workers.
func (m *matching) part(ctx context.Context, folder string, part shard.Part, progress func(done int64)) error {
	r, err := shard.OpenPart[shard.Candidate](folder, part)
	if err != nil {
		return err
	}
	defer r.Close()
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range min(m.Workers, r.Batches()) {
		g.Go(func() error {
			b := &matchBatch{matching: m}
			defer b.in.Close()
			for {
				i := int(next.Add(1) - 1)
				if i >= r.Batches() {
					return nil
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := r.Load(i, &b.in); err != nil {
					return err
				}
				b.run()
				if err := m.take(b, progress); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

// matchBatch is one worker's memory, reused from batch to batch.
type matchBatch struct {
	*matching
	in      shard.Batch[shard.Candidate]
	scratch JudgeScratch
	row     shard.Matched
	arena   []byte // keys and rows, one behind the other
	ends    []int  // of each row in arena
	dropped map[string]int64
}

// matchKeySize is that of the picture's id, the pair's, and the preference of
// the text's source. The order of dedup.AppendOrder, for records of one pair.
const matchKeySize = 17

func (b *matchBatch) run() {
	b.arena, b.ends, b.dropped = b.arena[:0], b.ends[:0], map[string]int64{}
	for i := range b.in.Len() {
		row := &b.row
		b.in.Read(i, &row.Candidate)
		var reason string
		if row.QueryIDs, reason = b.judge.Judge(&row.Candidate, row.QueryIDs, &b.scratch); reason != "" {
			b.dropped[reason]++
			continue
		}
		row.TextLanguage = b.scratch.language()
		b.arena = appendMatched(b.arena, row, b.Text.Sources)
		b.ends = append(b.ends, len(b.arena))
	}
}

// appendMatched gives the row its ids and appends the sorter's record of it: the
// key, and the row. Of the records of one pair the first, as bytes, stays.
func appendMatched(b []byte, row *shard.Matched, sources []string) []byte {
	row.PairID = shard.PairID(row.ImageURL, row.Text)
	row.ImageID = shard.ImageID(row.ImageURL)
	b = binary.BigEndian.AppendUint64(b, row.ImageID)
	b = binary.BigEndian.AppendUint64(b, row.PairID)
	b = append(b, preference(sources, row.TextSource))
	return shard.AppendRow(b, row)
}

// take adds a worker's batch to the sorter and the tally.
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

// sortedPair is a record of the sorter.
type sortedPair struct {
	imageID, pairID uint64
	queryIDs        []uint32
	row             []byte // as shard.AppendRow wrote it
}

// pairs walks the sorted records' pairs, each once, but for those of pictures that are
// dropped as a whole;
// drop is called with its reason for each record that is left out. The pair is valid
// until the next step.
func (m *matching) pairs(ctx context.Context, records iter.Seq2[extsort.Record, error], drop func(reason string)) iter.Seq2[*sortedPair, error] {
	whole := m.Options.PlaceholderTexts > 0 || m.Options.MaxURLUses > 0 // pictures are looked at
	return func(yield func(*sortedPair, error) bool) {
		var p sortedPair
		var picture ofPicture // only where there is a limit
		give := func(pairID uint64, row []byte) bool {
			var err error
			p.pairID, p.row = pairID, row
			p.queryIDs, err = shard.ReadQueries(row, p.queryIDs)
			return yield(&p, err) && err == nil
		}
		flush := func() bool {
			reason, err := picture.dropped(m.Options)
			if err != nil {
				yield(nil, err)
				return false
			}
			for i, pairID := range picture.pairs {
				if reason != "" {
					drop(reason)
				} else if !give(pairID, picture.row(i)) {
					return false
				}
			}
			for range picture.more { // both limits are lower
				drop(reason)
			}
			picture.reset()
			return true
		}
		first, lastPair := true, uint64(0)
		for rec, err := range records {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			imageID, pairID := binary.BigEndian.Uint64(rec.Key), binary.BigEndian.Uint64(rec.Key[8:])
			if !first && imageID == p.imageID && pairID == lastPair {
				picture.uses++
				drop(ReasonRepeatOnTheWeb)
				continue
			}
			if whole && imageID != p.imageID && !flush() {
				return
			}
			first, p.imageID, lastPair = false, imageID, pairID
			if whole {
				picture.uses++
				picture.add(pairID, rec.Value)
			} else if !give(pairID, rec.Value) {
				return
			}
		}
		if whole {
			flush()
		}
	}
}

// balance walks the pairs ahead, so that of each can be told whether it stays; a
// pair's place is its number among all pairs. It is nil when all stay.
func (m *matching) balance(ctx context.Context) (*balance.Balancer, error) {
	o := m.Balance
	if o.Margin == 0 || o.MaxPairsPerQuery == 0 || m.sorter.Len() <= int64(o.MaxPairsPerQuery) {
		return nil, nil
	}
	if err := m.sorter.Settle(); err != nil {
		return nil, err
	}
	collectAt(m.Memory - m.sorter.Held()) // Run sets it back
	b, err := newBalancer(o, o.Margin, m.Seed, m.judge.matcher.Queries(), m.Memory-m.sorter.Held(), m.Dir)
	if err != nil {
		return nil, err
	}
	var place uint64
	for p, err := range m.pairs(ctx, m.sorter.Walk(), func(string) {}) {
		if err == nil {
			err = b.Add(place, p.pairID, p.queryIDs)
		}
		if err != nil {
			b.Close()
			return nil, err
		}
		place++
	}
	if err := b.Settle(); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// write sorts, drops repeats, placeholders and what balancing leaves out, and writes
// the parts. A part ends with a picture.
func (m *matching) write(ctx context.Context) (*shard.Tally, error) {
	balancer, err := m.balance(ctx)
	if err != nil {
		return nil, err
	}
	if balancer != nil {
		defer balancer.Close()
	}
	decided, err := m.settings()
	if err != nil {
		return nil, err
	}
	out, err := newFolderWriter[shard.Matched](m.Stage())
	if err != nil {
		return nil, err
	}
	defer out.discard()
	var place, lastImage uint64
	for p, err := range m.pairs(ctx, m.sorter.Sorted(), m.tally.Drop) {
		if err != nil {
			return nil, err
		}
		stays := balancer == nil || balancer.Keeps(place, p.pairID, p.queryIDs)
		place++
		if !stays {
			m.tally.Drop(ReasonQueryCapBeforeFetch)
			continue
		}
		if out.rows() >= m.Options.PartPairs && p.imageID != lastImage {
			if err := out.endPart(); err != nil {
				return nil, err
			}
		}
		lastImage = p.imageID
		if err := out.writeWire(p.row); err != nil {
			return nil, err
		}
		m.tally.Keep()
	}
	m.tally.Out = m.tally.Kept
	return m.tally, out.finish(m.tally, decided)
}
