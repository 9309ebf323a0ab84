package pipeline

import "github.com/pairloom/pairloom/internal/extsort"

// upcoming hands out the added pairs in shuffled order, and has the disk fetch the pictures
// of those that come next. Each lies somewhere else: a disk that is asked for one at
// a time spends most of it waiting, and gives a third or less of what it can.
type upcoming struct {
	next  func() (extsort.Record, error, bool)
	ring  [askedRows]askedRow
	first int // place of the next one
	held  int // rows of the ring that wait
	bytes int // that they were asked for
	ended bool
}

// What is asked for ahead: enough to keep a disk at work while a shard is put together,
// few enough that nothing is gone again before it is used. Batches that are to be
// checked, of some MB each, reach askedBytes, and pictures askedRows.
const (
	askedRows  = 1024
	askedBytes = 32 << 20
)

type askedRow struct {
	key, value []byte
	err        error
	bytes      int // that were asked for
}

// take is the next pair, which lives until the next step; with ask, those behind it are
// asked for.
func (u *upcoming) take(ask func(part, row uint32) int) (rec extsort.Record, err error, more bool) {
	for ask != nil && !u.ended && u.held < askedRows && u.bytes < askedBytes {
		rec, err, more := u.next()
		if u.ended = err != nil || !more; !more {
			break
		}
		row := &u.ring[(u.first+u.held)%askedRows]
		row.key, row.value = append(row.key[:0], rec.Key...), append(row.value[:0], rec.Value...)
		if row.bytes, row.err = 0, err; err == nil {
			pair := readAdded(row.value)
			row.bytes = ask(pair.imagePart, pair.imageRow)
		}
		u.held++
		u.bytes += row.bytes
	}
	if u.held == 0 {
		return u.next()
	}
	row := &u.ring[u.first]
	u.first = (u.first + 1) % askedRows
	u.held--
	u.bytes -= row.bytes
	return extsort.Record{Key: row.key, Value: row.value}, row.err, true
}
