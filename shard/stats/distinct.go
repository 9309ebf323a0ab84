package stats

import "math/bits"

// distinct counts how often each 64-bit hash occurs, for at most max hashes.
// When more turn up, it keeps those that start with level zero bits: an even
// sample of all, the same whatever the order (adaptive sampling, Wegman 1984;
// analysed by Flajolet, "On adaptive sampling", Computing 43, 1990).
type distinct struct {
	max    int
	level  int
	counts map[uint64]int64
}

func newDistinct(max int) *distinct { return &distinct{max: max, counts: map[uint64]int64{}} }

// add counts one occurrence. The hash is mixed first, because some that come in
// are chosen by others.
func (d *distinct) add(hash uint64) {
	hash = mix(hash)
	if bits.LeadingZeros64(hash) < d.level {
		return
	}
	d.counts[hash]++
	for len(d.counts) > d.max {
		d.level++
		for h := range d.counts {
			if bits.LeadingZeros64(h) < d.level {
				delete(d.counts, h)
			}
		}
	}
}

func (d *distinct) estimate() Estimate {
	return Estimate{Count: int64(len(d.counts)) << d.level, Exact: d.level == 0}
}

// occurrences is the distribution of how often each thing occurs.
func (d *distinct) occurrences(name, unit, of string) Distribution {
	var v values
	for _, n := range d.counts {
		v.add(n)
	}
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
