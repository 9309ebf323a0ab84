package stats

import "github.com/pairloom/pairloom/shard"

// partNames counts the names in the pairs of a part.
type partNames struct {
	formats, languages, licenses    names
	textLanguages, sources, optOuts names
	hosts, domains                  names // of pages, where there is one
}

// kinds lists the names that are few.
func (n *partNames) kinds() []*names {
	return []*names{&n.formats, &n.languages, &n.licenses, &n.textLanguages, &n.sources, &n.optOuts}
}

func newPartNames(o Options) *partNames {
	n := &partNames{}
	for _, k := range append(n.kinds(), &n.hosts, &n.domains) {
		*k = *newNames(o.MaxNames)
	}
	return n
}

func (n *partNames) add(p *shard.Pair) {
	n.formats.add(p.OriginalFormat, 1)
	n.languages.add(p.Language, 1)
	n.licenses.add(p.License, 1)
	n.textLanguages.add(p.TextLanguage, 1)
	n.sources.add(p.TextSource, 1)
	n.optOuts.add(p.OptOut, 1)
	if host := hostOf(p.PageURL); host != "" {
		n.hosts.add(host, 1)
	}
}

// end is called behind the last pair of a part: to look up a domain costs more than a
// pair, so that it is done once a host.
func (n *partNames) end() {
	for host, count := range n.hosts.counts {
		n.domains.add(domainOf(host), *count)
	}
	n.domains.total, n.domains.missed = n.hosts.total, n.hosts.missed
}

// allNames counts the names in all parts.
type allNames struct {
	partNames
	hosts, domains *spread
}

func newAllNames(o Options) *allNames { return &allNames{*newPartNames(o), newSpread(o), newSpread(o)} }

// merge adds a part's, which it takes.
func (n *allNames) merge(part *partNames) {
	of := part.kinds()
	for i, k := range n.kinds() {
		k.merge(of[i])
	}
	n.hosts.merge(&part.hosts)
	n.domains.merge(&part.domains)
}

func (n *allNames) finish(s *Stats) {
	for _, f := range []struct {
		to   *Names
		from *names
	}{
		{&s.Formats, &n.formats}, {&s.Languages, &n.languages}, {&s.TextLanguages, &n.textLanguages},
		{&s.Licenses, &n.licenses}, {&s.TextSources, &n.sources}, {&s.OptOuts, &n.optOuts},
	} {
		*f.to = f.from.top(topNames)
	}
	s.Hosts, s.Domains = n.hosts.finish(), n.domains.finish()
}
