package shard

import (
	"path/filepath"
	"sort"
	"unsafe"

	"golang.org/x/sys/unix"
)

// OpenPartAtRandom is [OpenPart] for rows that are read here and there. What the disk is
// asked for is then a row's own pages, and not what lies around them, up to read_ahead_kb,
// which is megabytes on some machines. They are asked for one by one, as they are
// touched, but for what [PartReader.Ask] asks for.
func OpenPartAtRandom[T Record](folder string, part Part, columns ...string) (*PartReader[T], error) {
	return openPart[T](filepath.Join(folder, part.Name), part, true, columns)
}

// Ask tells the system that Read will read row i, so that the disk fetches what of it is
// not in memory, beside what else it was asked for. It does not wait. It tells for how many
// bytes it asked: those of the row's picture, or of its whole batch where that was not
// asked for yet, since it is to be checked.
func (r *PartReader[T]) Ask(i int) int {
	b := sort.SearchInts(r.first, i+1) - 1
	held := &r.held[b]
	if !held.asked.Swap(true) {
		stretch, err := r.mapped.stretch(r.blocks, b)
		if err != nil {
			return 0 // Read tells
		}
		r.mapped.willNeed(stretch)
		return len(stretch)
	}
	if !held.bound.Load() || held.err != nil {
		return 0
	}
	bytes := 0
	for k, c := range r.columns {
		if v := &held.values[k]; c.kind == kindBytes && v.bound {
			picture := v.data[v.offsets[i-r.first[b]]:v.offsets[i-r.first[b]+1]]
			r.mapped.willNeed(picture)
			bytes += len(picture)
		}
	}
	return bytes
}

// willNeedAtOnce is how much Linux reads for one call whatever the disk, or more: the
// rest of a longer one it leaves out.
const willNeedAtOnce = 128 << 10

// willNeed has the system begin to read part, which is of m.
func (m mapping) willNeed(part []byte) {
	if len(part) == 0 {
		return
	}
	start := uintptr(unsafe.Pointer(unsafe.SliceData(part))) - uintptr(unsafe.Pointer(unsafe.SliceData(m)))
	end := start + uintptr(len(part))
	for at := start &^ uintptr(unix.Getpagesize()-1); at < end; at += willNeedAtOnce {
		unix.Madvise(m[at:min(end, at+willNeedAtOnce)], unix.MADV_WILLNEED)
	}
}
