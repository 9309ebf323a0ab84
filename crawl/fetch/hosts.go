package fetch

import (
	"net/url"
	"slices"
	"strings"
	"sync"
)

// hosts shares out the requests of a part. Each host's requests stay in the
// order given.
type hosts struct {
	mu     sync.Mutex
	groups []*group // most requests first, then by first request
	fresh  int      // groups before this one have, or had, a worker
}

// group is one host's requests, as indexes into the part.
type group struct {
	indexes []int
	next    int // into indexes; guarded by hosts.mu
}

func newHosts(requests []Request) *hosts {
	byHost := map[string]*group{}
	h := &hosts{}
	for i, r := range requests {
		key := hostOf(r.URL)
		g := byHost[key]
		if g == nil {
			g = &group{}
			byHost[key] = g
			h.groups = append(h.groups, g)
		}
		g.indexes = append(g.indexes, i)
	}
	// The longest queue is started first: it is what the part will wait for.
	slices.SortStableFunc(h.groups, func(a, b *group) int { return len(b.indexes) - len(a.indexes) })
	return h
}

// take returns the next request for a worker that was busy with mine, and the
// group it comes from; ok is false when nothing is left.
func (h *hosts) take(mine *group) (index int, from *group, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if mine == nil || mine.next == len(mine.indexes) {
		mine = nil
		if h.fresh < len(h.groups) {
			mine = h.groups[h.fresh]
			h.fresh++
		} else {
			most := 0
			for _, g := range h.groups {
				if left := len(g.indexes) - g.next; left > most {
					mine, most = g, left
				}
			}
		}
		if mine == nil {
			return 0, nil, false
		}
	}
	index = mine.indexes[mine.next]
	mine.next++
	return index, mine, true
}

// hostOf is what the gate paces by: the host with its port. A URL that does not
// parse is a group of its own kind and fails later, by name.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}
