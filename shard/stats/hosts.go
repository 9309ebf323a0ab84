package stats

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/net/publicsuffix"
)

// hostOf is the host of a page or picture, in lower case, with the port where one is
// stated: two ports of a machine are two servers. It is "" for what is no address.
// It points into raw where that has no capitals.
func hostOf(raw string) string {
	_, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return ""
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	return strings.ToLower(rest) // makes nothing where there is nothing to do
}

// domainOf is the registered domain of a host: what someone registered under a public
// suffix, such as example.co.uk of www.example.co.uk. Of an IP address, and of a name
// that is a public suffix itself or stands under none, it is the host without its port.
func domainOf(host string) string {
	if strings.HasPrefix(host, "[") {
		name, _, _ := strings.Cut(host[1:], "]")
		return name
	}
	name, _, _ := strings.Cut(host, ":")
	if _, err := netip.ParseAddr(name); err == nil {
		return name
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		return name
	}
	return domain
}

// Spread tells how pairs spread over the hosts or the registered domains of their
// pages.
type Spread struct {
	Count Estimate `json:"count"` // of hosts or domains
	Pairs int64    `json:"pairs"` // that have one
	Top   Names    `json:"top"`
	// Excess is by how many pairs at most a count of Top is too high; 0 when all were
	// counted.
	Excess int64 `json:"excess"`
	Head50 int64 `json:"head_50"` // fewest that hold 50% of the pairs
	Head90 int64 `json:"head_90"` // and 90%
	// Curve is estimated beyond the most frequent where Count is.
	Curve []Share `json:"curve"`
}

// Share says that the Rank with the most pairs hold Pairs pairs in all.
type Share struct {
	Rank  int64 `json:"rank"`
	Pairs int64 `json:"pairs"`
}

// spread counts hosts or domains.
type spread struct {
	names    *names
	distinct *distinct
}

func newSpread(o Options) *spread { return &spread{newNames(o.MaxNames), newDistinct(o.MaxDistinct)} }

// merge adds the names of a part, which were all counted.
func (s *spread) merge(part *names) {
	for name, n := range part.counts {
		s.distinct.addMany(xxhash.Sum64String(name), *n)
	}
	s.names.merge(part)
}

func (s *spread) finish() Spread {
	// What is frequent was there each time that something was taken off all.
	sorted, missed := s.names.sorted(), s.names.missed
	for i := range sorted {
		sorted[i].Count += missed
	}
	out := Spread{Count: s.distinct.estimate(), Pairs: s.names.total, Top: topOf(sorted, s.names.total, topNames), Excess: missed, Curve: []Share{}}
	// Counts in falling order, each of so many hosts: known ones, then the sample's that
	// are rarer than all of these.
	counts, of := []int64{}, int64(1)
	for _, n := range sorted {
		if n.Count < 3*missed {
			break
		}
		counts = append(counts, n.Count)
	}
	known := len(counts)
	if missed > 0 {
		least := int64(1) << 62
		if known > 0 {
			least = counts[known-1]
		}
		tail := []int64{}
		s.distinct.each(func(n int64) {
			if n < least {
				tail = append(tail, n)
			}
		})
		slices.Sort(tail)
		slices.Reverse(tail)
		counts, of = append(counts, tail...), 1<<s.distinct.level
	}
	var rank, sum int64
	next := int64(1)
	for i, n := range counts {
		each := int64(1)
		if i >= known {
			each = of
		}
		rank += each
		sum = min(sum+n*each, out.Pairs)
		if i == len(counts)-1 {
			sum, rank = out.Pairs, out.Count.Count
		}
		if out.Head50 == 0 && 2*sum >= out.Pairs {
			out.Head50 = rank
		}
		if out.Head90 == 0 && 10*sum >= 9*out.Pairs {
			out.Head90 = rank
		}
		if rank >= next || i == len(counts)-1 {
			out.Curve = append(out.Curve, Share{rank, sum})
			next = rank + max(1, rank/20)
		}
	}
	return out
}
