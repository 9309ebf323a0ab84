package stats

import (
	"slices"
	"strings"
)

// otherName gathers what is not named.
const otherName = "(other)"

// names counts by name: exactly up to max different ones, and the frequent ones
// from then on. When more turn up, the median of all counts is taken off each, and
// those with nothing left go: no count is then less than the truth by more than
// missed, which is the sum of what was taken off (Misra and Gries, "Finding repeated
// elements", 1982; merged as in Agarwal et al., "Mergeable summaries", 2012).
//
// The map holds pointers: to assign to m[name] would also replace the key by name,
// whose bytes may lie in a mapping that ends before the count does.
type names struct {
	max    int
	counts map[string]*int64
	none   int64 // those without a name
	total  int64
	missed int64
}

func newNames(max int) *names { return &names{max: max, counts: map[string]*int64{}} }

// add counts x. name may point into a mapping; it is copied when it is new.
func (n *names) add(name string, x int64) {
	n.total += x
	if name == "" {
		n.none += x
		return
	}
	if count, ok := n.counts[name]; ok {
		*count += x
		return
	}
	n.counts[strings.Clone(name)] = &x
	n.bound()
}

// merge adds what o counted. Where the bound is reached it matters in which order
// others are added, but not in which order o met its names.
func (n *names) merge(o *names) {
	for name, c := range o.counts {
		if count, ok := n.counts[name]; ok {
			*count += *c
		} else {
			n.counts[name] = c
		}
	}
	n.none += o.none
	n.total += o.total
	n.missed += o.missed
	n.bound()
}

func (n *names) bound() {
	if len(n.counts) <= n.max {
		return
	}
	all := make([]int64, 0, len(n.counts))
	for _, c := range n.counts {
		all = append(all, *c)
	}
	slices.Sort(all)
	// All but the max/2 most frequent go, and those as frequent as the last of them.
	off := all[len(all)-1-n.max/2]
	for name, c := range n.counts {
		if *c -= off; *c <= 0 {
			delete(n.counts, name)
		}
	}
	n.missed += off
}

// sorted lists all that are known, the most frequent first.
func (n *names) sorted() Names {
	out := make(Names, 0, len(n.counts)+1)
	if n.none > 0 {
		out = append(out, Name{noneName, n.none})
	}
	for name, c := range n.counts {
		out = append(out, Name{name, *c})
	}
	sortNames(out)
	return out
}

// top lists the most frequent, at most most of them, then the rest in one.
func (n *names) top(most int) Names { return topOf(n.sorted(), n.total, most) }

func topOf(sorted Names, total int64, most int) Names {
	out := slices.Clone(sorted[:min(most, len(sorted))])
	other := total
	for _, x := range out {
		other -= x.Count
	}
	if other > 0 {
		out = append(out, Name{otherName, other})
	}
	return out
}

func sortNames(s Names) {
	slices.SortFunc(s, func(a, b Name) int {
		if a.Count != b.Count {
			if a.Count > b.Count {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
}
