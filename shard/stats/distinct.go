package stats

import (
	"math/bits"

	"github.com/axiomhq/hyperloglog"
)

// sketchPrecision gives a HyperLogLog of 2^16 registers: 64 KiB, and a standard
// error of 0.4%.
const sketchPrecision = 16

// distinct counts different 64-bit hashes: exactly for at most max of them, beside
// how often each occurs, and by a HyperLogLog from then on. When more turn up, it
// keeps the occurrences of those that start with level zero bits: an even sample of
// all, the same whatever the order (adaptive sampling, Wegman 1984; analysed by
// Flajolet, "On adaptive sampling", Computing 43, 1990).
type distinct struct {
	max    int
	level  int
	table  []occurrence // open addressing, by the low bits; a power of two of them
	n      int
	sketch *hyperloglog.Sketch
	// pending are hashes that are not counted yet: many at once can be looked up
	// while the memory answers, each alone waits for it.
	pending []uint64
	touched int64 // keeps the looking up from being left out
}

const mostPending = 512

// occurrence is a hash, mixed, and how often it occurs: never, of a free place.
type occurrence struct {
	hash uint64
	n    int64
}

func newDistinct(max int) *distinct {
	// Dense from the start: its registers, and so its estimate, are the same whatever
	// the order.
	sketch, err := hyperloglog.NewSketch(sketchPrecision, false)
	if err != nil {
		panic(err) // the precision is within bounds
	}
	return &distinct{max: max, table: make([]occurrence, 1024), sketch: sketch}
}

// add counts one occurrence. The hash is mixed first, because some that come in
// are chosen by others.
func (d *distinct) add(hash uint64) {
	if d.pending = append(d.pending, mix(hash)); len(d.pending) >= mostPending {
		d.settle()
	}
}

// addMany counts n occurrences of a hash.
func (d *distinct) addMany(hash uint64, n int64) {
	hash = mix(hash)
	d.sketch.InsertHash(hash)
	if bits.LeadingZeros64(hash) >= d.level {
		d.put(hash, n)
	}
}

// settle counts what is pending.
func (d *distinct) settle() {
	kept := d.pending[:0]
	for _, h := range d.pending {
		d.sketch.InsertHash(h)
		if bits.LeadingZeros64(h) >= d.level {
			kept = append(kept, h)
		}
	}
	mask := uint64(len(d.table) - 1)
	for _, h := range kept {
		d.touched += d.table[h&mask].n
	}
	for _, h := range kept {
		if bits.LeadingZeros64(h) >= d.level { // which rises on the way
			d.put(h, 1)
		}
	}
	d.pending = d.pending[:0]
}

// put counts a hash of the sample.
func (d *distinct) put(hash uint64, n int64) {
	mask := uint64(len(d.table) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		switch o := &d.table[i]; {
		case o.n == 0:
			*o = occurrence{hash, n}
			if d.n++; d.n > d.max {
				for d.n > d.max {
					d.raise(d.level + 1)
				}
			} else if 2*d.n > len(d.table) {
				d.rebuild(2 * len(d.table))
			}
			return
		case o.hash == hash:
			o.n += n
			return
		}
	}
}

// raise leaves the hashes that start with level zero bits.
func (d *distinct) raise(level int) {
	d.level = level
	d.rebuild(len(d.table))
}

func (d *distinct) rebuild(size int) {
	old := d.table
	d.table, d.n = make([]occurrence, size), 0
	for _, o := range old {
		if o.n > 0 && bits.LeadingZeros64(o.hash) >= d.level {
			d.put(o.hash, o.n)
		}
	}
}

// merge adds what o counted, which has the same bound.
func (d *distinct) merge(o *distinct) {
	d.settle()
	o.settle()
	if err := d.sketch.Merge(o.sketch); err != nil {
		panic(err) // both have the same precision
	}
	if o.level > d.level {
		d.raise(o.level)
	}
	for _, x := range o.table {
		if x.n > 0 && bits.LeadingZeros64(x.hash) >= d.level {
			d.put(x.hash, x.n)
		}
	}
}

// each walks how often each hash of the sample occurs.
func (d *distinct) each(visit func(n int64)) {
	d.settle()
	for _, o := range d.table {
		if o.n > 0 {
			visit(o.n)
		}
	}
}

func (d *distinct) estimate() Estimate {
	d.settle()
	if d.level == 0 {
		return Estimate{Count: int64(d.n), Exact: true}
	}
	return Estimate{Count: int64(d.sketch.Estimate())}
}

// occurrences is the distribution of how often each thing occurs.
func (d *distinct) occurrences(name, unit, of string) Distribution {
	var v values
	d.each(v.add)
	out := v.distribution(name, unit, of)
	out.Exact = d.level == 0
	return out
}

// mix is the finaliser of MurmurHash3: each bit of x decides about each bit of
// the result, and no two x have the same.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
