package pipeline

import (
	"slices"

	"github.com/pairloom/pairloom/crawl"
	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/internal/refusal"
)

// mostRedirects bounds how long a chain of redirects is followed.
const mostRedirects = 20

// WithRedirects adds to a request the pages that a crawl of the folder was led to from the
// addresses in it, and those that led to them: they are one page under several addresses.
// added are the entries that came.
func WithRedirects(dir string, list *refusal.List) (with *refusal.List, added []refusal.Entry, err error) {
	if path := crawl.File(dir); list.Has(refusal.Address) && exists(path) {
		var pairs [][2]string
		err = frontier.ReadAddresses(path, func() { pairs = nil }, func(page, target string) error {
			if target != "" {
				pairs = append(pairs, [2]string{page, target})
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
		parser := RefusalParser()
		with = list
		for range mostRedirects {
			var more []refusal.Entry
			for _, p := range pairs {
				for i, address := range p {
					by, refused := with.RefusesAddress(address)
					_, both := with.RefusesAddress(p[1-i])
					if !refused || both || by.Kind != refusal.Address {
						continue
					}
					if e, ok, err := parser.Bare(p[1-i], refusal.Address); ok && err == nil {
						more = append(more, e)
					}
				}
			}
			if len(more) == 0 {
				break
			}
			with = refusal.New(append(slices.Clone(with.Entries), more...))
			with.Faults = list.Faults
		}
		return with, with.Entries[list.Len():], nil
	}
	return list, nil, nil
}

// unmatched lists the addresses and hosts of a request that the dataset has not, nor
// remembers: no page, text or picture has them. Such may be misspelled, be where a
// picture's address leads to, which a dataset does not keep, or have gone some runs ago.
func (s *looking) unmatched() (none []string, err error) {
	none = []string{}
	if path := crawl.File(s.Dir); exists(path) {
		err = frontier.ReadAddresses(path, func() {}, func(page, target string) error {
			for _, address := range []string{page, target} {
				if e, refused := s.List.RefusesAddress(address); refused {
					s.met[e] = true
				}
			}
			return s.ctx.Err()
		})
	}
	for _, e := range s.List.Entries {
		if (e.Kind == refusal.Address || e.Kind == refusal.Host) && !s.met[e] {
			none = append(none, e.String())
		}
	}
	return none, err
}
