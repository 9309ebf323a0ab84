package alttext

import (
	"bytes"
	"strconv"
)

// picture are the attributes of an img element that matter, as they stand.
type picture struct {
	src, srcset, width, height []byte
	alt, title, label          []byte
	lang                       bool
	data                       bool // it has data- attributes
}

// choice is the best of several sources so far.
type choice struct {
	source
	target string // "" for none
}

// sized tells whether the choice is known to be larger than a plain src.
func (c choice) sized() bool { return c.target != "" && (c.width > 0 || c.density > 1) }

// img adds one candidate for each text of an img element.
func (r *reader) img() {
	if len(r.entries)-r.captions >= maxCandidates && (r.figure < 0 || r.captions >= maxCandidates) {
		if r.figure >= 0 || r.hasText() {
			r.page.Cut.Candidates++
		}
		return
	}
	var p picture
	for i := range r.attrs {
		a := &r.attrs[i]
		var field *[]byte
		switch string(a.name) {
		case "src":
			field = &p.src
		case "srcset":
			field = &p.srcset
		case "alt":
			field = &p.alt
		case "title":
			field = &p.title
		case "aria-label":
			field = &p.label
		case "width":
			field = &p.width
		case "height":
			field = &p.height
		case "lang", "xml:lang":
			p.lang = true
			continue
		default:
			p.data = p.data || len(a.name) > 5 && string(a.name[:5]) == "data-"
			continue
		}
		if *field == nil { // the first of a name counts, even an empty one
			if *field = a.value; a.value == nil {
				*field = []byte{}
			}
		}
	}
	if r.anchor >= 0 && r.anchorAlt == "" && len(p.alt) > 0 {
		r.anchorAlt = r.keeper.keep(short(r.cleaned(r.decoded(p.alt))))
	}
	if len(p.alt) == 0 && len(p.title) == 0 && len(p.label) == 0 && r.figure < 0 {
		return
	}
	address, instead := r.choose(&p)
	if address == "" {
		return
	}
	first := len(r.entries)
	lang := r.lang
	if p.lang {
		lang, _ = r.language()
	}
	r.add(&r.entries, address, p.alt, FromAlt, lang)
	r.add(&r.entries, address, p.title, FromTitle, lang)
	r.add(&r.entries, address, p.label, FromAriaLabel, lang)
	switch {
	case r.figure < 0:
	case r.captions >= maxCandidates:
		r.page.Cut.Candidates++
	case r.first(address, "", FromFigcaption, r.figure):
		r.figures[r.figure].used = true
		r.captions++
		r.entries = append(r.entries, entry{image: address, source: FromFigcaption, lang: lang, figure: r.figure})
	}
	for i := first; i < len(r.entries); i++ {
		r.entries[i].instead = instead
	}
}

// hasText tells whether an img element has an attribute with a text for it.
func (r *reader) hasText() bool {
	for _, name := range [...]string{"alt", "title", "aria-label"} {
		if v, _ := r.value(name); len(v) > 0 {
			return true
		}
	}
	return false
}

// add keeps a candidate once. The text is as it stands in the page.
func (r *reader) add(to *[]entry, image string, value []byte, source, lang string) {
	if len(value) == 0 {
		return
	}
	r.addDecoded(to, image, r.decoded(value), source, lang)
}

func (r *reader) addDecoded(to *[]entry, image string, text []byte, source, lang string) {
	room := maxCandidates
	if to == &r.entries {
		room += r.captions
	}
	if image == "" {
		return
	}
	if len(*to) >= room {
		r.page.Cut.Candidates++
		return
	}
	text = r.cleaned(text)
	if len(text) == 0 {
		return
	}
	// Looked up before it is kept: the key lives for this line only.
	if _, known := r.seen[entry{image: image, text: string(text), source: source, figure: -1}]; known {
		return
	}
	e := entry{image: image, text: r.keeper.keep(text), source: source, lang: lang, figure: -1}
	r.first(e.image, e.text, e.source, -1)
	*to = append(*to, e)
}

// source weighs the addresses that a source element of the open picture offers.
func (r *reader) source() {
	if !r.picture {
		return
	}
	kind, _ := r.value("type")
	if !readable(bytes.TrimSpace(kind)) {
		return
	}
	for i := range r.attrs {
		if name := r.attrs[i].name; knownSrcset(name) {
			r.page.Cut.Sources += r.weigh(&r.best, r.attrs[i].value)
		}
	}
}

// readable leaves out sources in formats that an img element beside them
// offers in a plainer one.
func readable(kind []byte) bool {
	return !foldEqual(kind, "image/avif") && !foldEqual(kind, "image/jxl") && !foldEqual(kind, "image/svg+xml") && !foldEqual(kind, "image/heic")
}

// weigh takes the largest of a srcset when it is larger than the best. It returns
// how many entries lie behind those that are looked at.
func (r *reader) weigh(best *choice, srcset []byte) (beyond int) {
	rest := r.decoded(srcset)
	for n := 0; ; n++ {
		c, after, ok := nextSource(rest)
		if !ok {
			return beyond
		}
		rest = after
		if n >= maxSources {
			beyond++
			continue
		}
		if best.target != "" && !c.larger(best.source) {
			continue
		}
		if target, ok := r.resolve(c.url); ok && len(c.url) > 0 {
			*best = choice{c, r.address(target)}
		}
	}
}

// choose finds the picture's file: "" when it has none worth fetching. The
// largest of srcset and of the sources of a picture element comes first, then
// what is there for lazy loading, then src. See [placeholderName] and
// [reader.lazy] for what is taken for a placeholder, and for what replaces one;
// instead is what would, should the page show that src is one.
func (r *reader) choose(p *picture) (address, instead string) {
	var best choice
	if r.picture {
		best = r.best
	}
	if len(p.srcset) > 0 {
		r.page.Cut.Sources += r.weigh(&best, p.srcset)
	}
	if !p.data {
		if best.target != "" {
			return best.target, ""
		}
		return r.plain(p), ""
	}
	for i := range r.attrs {
		if name := r.attrs[i].name; len(name) > 6 && knownSrcset(name) {
			r.page.Cut.Sources += r.weigh(&best, r.attrs[i].value)
		}
	}
	standsIn := placeholderName(best.target)
	if best.sized() && !standsIn {
		return best.target, ""
	}
	if target := r.knownLazy(); target != "" {
		return target, ""
	}
	if best.target != "" && !standsIn {
		return best.target, ""
	}
	plain := r.plain(p)
	lazy := r.lazy()
	switch {
	case lazy != "" && (plain == "" || placeholderName(plain)):
		return lazy, ""
	case best.target != "":
		return best.target, ""
	}
	return plain, lazy
}

// plain is the address in src: "" for a tracking pixel.
func (r *reader) plain(p *picture) string {
	if tiny(p.width) && tiny(p.height) {
		return ""
	}
	src := bytes.TrimSpace(r.decoded(p.src))
	if len(src) == 0 { // would be the page itself
		return ""
	}
	target, ok := r.resolve(src)
	if !ok {
		return ""
	}
	return r.address(target)
}

func tiny(size []byte) bool {
	if len(size) == 0 {
		return false
	}
	n, err := strconv.ParseFloat(string(bytes.TrimSuffix(bytes.TrimSpace(size), []byte("px"))), 64)
	return err == nil && n <= 1
}
