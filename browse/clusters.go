package browse

import (
	"cmp"
	"slices"
)

// cluster is a pair that stays and the copies that were dropped for it, directly or for
// another that was: pictures of equal bytes, such that look alike, and nearly equal
// texts.
type cluster struct {
	stays   entry
	dropped []entry
}

// longestChain bounds how often a pair can be dropped for one that another step drops:
// there are fewer steps.
const longestChain = 16

// cluster gathers the links. A pair that is known no more has no cluster.
func (x *index) cluster(links []link) {
	next := make(map[entry]entry, len(links))
	for _, l := range links {
		if stays, known := x.find(l.stays); known {
			next[l.dropped] = stays
		}
	}
	of := map[entry][]entry{}
	for _, l := range links {
		root := l.dropped
		for range longestChain {
			stays, more := next[root]
			if !more {
				break
			}
			root = stays
		}
		if root != l.dropped {
			of[root] = append(of[root], l.dropped)
		}
	}
	for root, dropped := range of {
		slices.Sort(dropped)
		x.clusters = append(x.clusters, cluster{root, dropped})
	}
	slices.SortFunc(x.clusters, func(a, b cluster) int {
		return cmp.Or(len(b.dropped)-len(a.dropped), cmp.Compare(x.ids[a.stays], x.ids[b.stays]))
	})
	for i, c := range x.clusters {
		x.inside[c.stays] = i
		for _, e := range c.dropped {
			x.inside[e] = i
		}
	}
}
