package pipeline

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"path/filepath"
	"slices"

	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/shard"
)

// indexCursor walks the rows of one index, or of a sorter of them.
type indexCursor struct {
	generation int
	reader     *shard.PartReader[shard.Place]
	batch      shard.Batch[shard.Place]
	next       int // batch
	at         int // row of the batch
	row        shard.Place
}

func openIndex(folder string, part shard.Part) (*indexCursor, error) {
	r, err := shard.OpenPart[shard.Place](folder, part)
	return &indexCursor{generation: part.Generation, reader: r, at: -1}, err
}

// step goes to the next row; false behind the last one.
func (c *indexCursor) step() (bool, error) {
	for c.at++; c.at >= c.batch.Len(); c.at = 0 {
		if c.next == c.reader.Batches() {
			return false, nil
		}
		if err := c.reader.Load(c.next, &c.batch); err != nil {
			return false, err
		}
		c.next++
	}
	c.batch.Read(c.at, &c.row)
	return true, nil
}

func (c *indexCursor) close() {
	c.batch.Close()
	c.reader.Close()
}

// comparePlaces orders by picture, then pair.
func comparePlaces(imageA, pairA, imageB, pairB uint64) int {
	if c := cmp.Compare(imageA, imageB); c != 0 {
		return c
	}
	return cmp.Compare(pairA, pairB)
}

// liveRows walks the rows of a dataset that were not deleted, in order of picture and
// pair, by the indexes of its generations.
type liveRows struct {
	dataset *shard.Dataset
	heap    []*indexCursor // a heap by row
	// row is the one at hand, if more; its texts live until the next step.
	row  *shard.Place
	more bool
}

func (l *liveRows) Len() int { return len(l.heap) }
func (l *liveRows) Less(i, j int) bool {
	a, b := l.heap[i], l.heap[j]
	c := comparePlaces(a.row.ImageID, a.row.PairID, b.row.ImageID, b.row.PairID)
	return c < 0 || c == 0 && a.generation < b.generation
}
func (l *liveRows) Swap(i, j int) { l.heap[i], l.heap[j] = l.heap[j], l.heap[i] }
func (l *liveRows) Push(x any)    { l.heap = append(l.heap, x.(*indexCursor)) }
func (l *liveRows) Pop() any {
	last := l.heap[len(l.heap)-1]
	l.heap = l.heap[:len(l.heap)-1]
	return last
}

// openLive stands at the first row. Indexes that are missing or damaged are made again.
func openLive(folder string, m *shard.Manifest, memory int) (*liveRows, error) {
	dataset, err := shard.OpenDataset(folder)
	if err != nil {
		return nil, err
	}
	if err := mendIndexes(folder, m, memory); err != nil {
		return nil, err
	}
	l := &liveRows{dataset: dataset}
	for _, part := range m.Indexes {
		c, err := openIndex(folder, part)
		if err == nil {
			l.heap = append(l.heap, c)
			var more bool
			if more, err = c.step(); err == nil && !more {
				c.close()
				l.heap = l.heap[:len(l.heap)-1]
			}
		}
		if err != nil {
			l.close()
			return nil, err
		}
	}
	heap.Init(l)
	return l, l.settle()
}

// settle passes over deleted rows.
func (l *liveRows) settle() error {
	for len(l.heap) > 0 {
		l.row, l.more = &l.heap[0].row, true
		if !l.dataset.Deleted(l.row.Part, int(l.row.Row)) {
			return nil
		}
		if err := l.pass(); err != nil {
			return err
		}
	}
	l.row, l.more = nil, false
	return nil
}

func (l *liveRows) pass() error {
	more, err := l.heap[0].step()
	if err != nil {
		return err
	}
	if more {
		heap.Fix(l, 0)
		return nil
	}
	heap.Pop(l).(*indexCursor).close()
	return nil
}

// step goes to the next row.
func (l *liveRows) step() error {
	if err := l.pass(); err != nil {
		return err
	}
	return l.settle()
}

func (l *liveRows) close() {
	for _, c := range l.heap {
		c.close()
	}
	l.heap = nil
}

// mendIndexes makes the indexes again that are not as the manifest says. They come to
// have the bytes that they had, unless another version wrote them; the manifest then
// changes with them.
func mendIndexes(folder string, m *shard.Manifest, memory int) error {
	changed := false
	for _, g := range m.Generations {
		i := slices.IndexFunc(m.Indexes, func(p shard.Part) bool { return p.Generation == g.Number })
		if g.Added == 0 || i >= 0 && m.Indexes[i].Verify(folder) == nil {
			continue
		}
		places, err := placesOf(folder, m, g.Number, extsort.New(filepath.Dir(folder), memory))
		if err != nil {
			return err
		}
		part, err := writeIndex(folder, m.Settings, g.Number, places)
		if err != nil {
			return err
		}
		if i < 0 {
			m.Indexes, changed = append(m.Indexes, part), true
		} else if m.Indexes[i].XXH64 != part.XXH64 {
			m.Indexes[i], changed = part, true
		}
	}
	if !changed {
		return nil
	}
	slices.SortFunc(m.Indexes, func(a, b shard.Part) int { return a.Generation - b.Generation })
	return shard.WriteManifest(folder, m)
}

// placesOf sorts where the pairs lie that a generation added, as its shards tell.
func placesOf(folder string, m *shard.Manifest, generation int, into *extsort.Sorter) (*extsort.Sorter, error) {
	var scratch, key, value []byte
	for _, part := range m.Parts {
		if part.Generation != generation {
			continue
		}
		row := uint32(0)
		for p, err := range shard.Rows[shard.Pair](folder, []shard.Part{part}, shard.FactColumns[shard.Pair]()...) {
			if err == nil {
				place := shard.Place{ImageID: shard.ImageID(p.ImageURL), PairID: p.PairID, Part: part.Name, Row: row}
				place.Digest, scratch = p.Digest(scratch)
				key, value = appendPlace(key[:0], value[:0], &place)
				err = into.Add(key, value)
				row++
			}
			if err != nil {
				into.Close()
				return nil, err
			}
		}
	}
	return into, nil
}

// appendPlace makes the record of a sorter of places.
func appendPlace(key, value []byte, p *shard.Place) ([]byte, []byte) {
	key = binary.BigEndian.AppendUint64(key, p.ImageID)
	key = binary.BigEndian.AppendUint64(key, p.PairID)
	return key, shard.AppendRow(value, p)
}

// writeIndex writes the index of a generation, and closes the sorter.
func writeIndex(folder, settings string, generation int, places *extsort.Sorter) (shard.Part, error) {
	defer places.Close()
	w, err := shard.CreatePart[shard.Place](folder, shard.IndexName(generation), shard.Origin{Stage: ShardName, Settings: settings})
	if err != nil {
		return shard.Part{}, err
	}
	for rec, err := range places.Sorted() {
		if err == nil {
			err = w.WriteWire(rec.Value)
		}
		if err != nil {
			w.Discard()
			return shard.Part{}, err
		}
	}
	part, err := w.Close()
	part.Generation = generation
	return part, err
}
