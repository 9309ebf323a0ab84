package stats

import (
	"slices"
	"strings"
)

// otherName gathers what came after the bound on names was reached.
const otherName = "(other)"

// names counts by name, up to max different ones. The map holds pointers: to
// assign to m[name] would also replace the key by name, whose bytes may lie in
// a mapping that ends before the count does.
type names struct {
	max    int
	counts map[string]*int64
	other  int64
}

func newNames(max int) *names { return &names{max: max, counts: map[string]*int64{}} }

// add counts one. name may point into a mapping; it is copied when it is new.
func (n *names) add(name string) {
	if count, ok := n.counts[name]; ok {
		*count++
		return
	}
	if len(n.counts) >= n.max {
		n.other++
		return
	}
	one := int64(1)
	n.counts[strings.Clone(name)] = &one
}

// top lists the most frequent, at most most of them, then the rest in one.
func (n *names) top(most int) Names {
	out := make(Names, 0, len(n.counts))
	for name, c := range n.counts {
		out = append(out, Name{name, *c})
	}
	sortNames(out)
	other := n.other
	if len(out) > most {
		for _, r := range out[most:] {
			other += r.Count
		}
		out = slices.Clip(out[:most])
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
