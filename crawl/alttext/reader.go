package alttext

import (
	"bytes"
	"strings"
)

// reader is the work on one page: one pass over its bytes, with what is open.
type reader struct {
	scanner
	resolver resolver
	keeper   keeper
	page     Page
	url      string
	noLinks  bool
	agent    string

	based     bool // a base element was valid: another does not count
	resolved  bool // an address was resolved
	templates int  // open template elements: what stands in them is not on the page
	scopes    []scope
	lang      string // of what is read now
	figures   []figure
	figure    int // that which is open; -1
	captioned int // the figure whose caption is read; -1
	picture   bool
	best      choice // of the sources of the open picture

	license  string            // of the page
	licenses map[string]string // of single pictures, from JSON-LD
	scripts  [][]byte          // of JSON-LD
	image    string            // the last og:image

	asking   int // meta elements that ask for something
	captions int // entries that wait for their figure's caption

	entries []entry // of the page, of Open Graph, of JSON-LD
	graph   []entry
	linked  []entry
	seen    map[entry]struct{}
	images  map[string]string // the addresses of pictures, to be kept once each
	alts    map[string]int    // different alts of an address

	links      map[string]int // places in page.Links
	canonical  int            // place in page.Links; -1
	anchor     int            // the link whose text is read; -1
	anchorText []byte
	anchorAlt  string

	scratch []byte // a text that is being made
	values  []byte // decoded values of the tag that is read
}

// entry is a candidate in the making.
type entry struct {
	image, text, source, lang string
	instead                   string // the address, should image be a placeholder's
	figure                    int    // its caption is the text; -1
}

// begin makes ready for a page.
func (r *reader) begin(pageURL string) {
	r.url, r.based = pageURL, false
	r.resolver.charset = nil
	r.resolver.setBase(pageURL)
	if r.seen == nil {
		r.seen, r.images, r.licenses = map[entry]struct{}{}, map[string]string{}, map[string]string{}
		r.links, r.alts = map[string]int{}, map[string]int{}
	}
	r.rewind()
}

// rewind goes back to the start of the page.
func (r *reader) rewind() {
	r.pos, r.page, r.lang, r.license, r.image = 0, Page{}, "", "", ""
	r.templates, r.figure, r.captioned, r.canonical, r.anchor = 0, -1, -1, -1, -1
	r.scopes, r.figures, r.picture, r.resolved = r.scopes[:0], r.figures[:0], false, false
	r.entries, r.graph, r.linked, r.scripts = r.entries[:0], r.graph[:0], r.linked[:0], r.scripts[:0]
	r.asking, r.captions, r.anchorText, r.anchorAlt = 0, 0, r.anchorText[:0], ""
	r.keeper.reset()
	r.seen, r.images, r.links, r.licenses = emptied(r.seen), emptied(r.images), emptied(r.links), emptied(r.licenses)
}

// end lets go of the page's bytes and strings.
func (r *reader) end() {
	r.entries, r.graph, r.linked = drained(r.entries), drained(r.graph), drained(r.linked)
	r.scripts, r.attrs, r.figures = drained(r.scripts), drained(r.attrs), drained(r.figures)
	r.values, r.scratch = drained(r.values), drained(r.scratch)
	r.rewind()
	r.text, r.url, r.best = nil, "", choice{}
}

// drained empties a list for the next page; one that was long once is let go. To clear
// all that it could hold would cost every page what the longest has.
func drained[E any](list []E) []E {
	if cap(list) > 1<<12 {
		return nil
	}
	clear(list)
	return list[:0]
}

// emptied clears a map; one that was large once would be slow to clear for ever.
func emptied[K comparable, V any](m map[K]V) map[K]V {
	if len(m) > 1000 {
		return map[K]V{}
	}
	clear(m)
	return m
}

// read goes through the page. It reports true when it met a base element too
// late and must begin again.
func (r *reader) read() (again bool) {
	for {
		words, what := r.next()
		if len(words) > 0 && (r.anchor >= 0 || r.captioned >= 0) {
			r.words(words)
		}
		switch what {
		case startTag:
			if r.start() {
				return true
			}
		case endTag:
			r.endTag()
		case declaration:
			r.skipDeclaration(r.foreign())
		case end:
			return false
		}
	}
}

// start takes in a start tag. It reports true when the page must be read again.
func (r *reader) start() (again bool) {
	e := r.tag.what
	if e.marks&breakout != 0 && len(r.scopes) > 0 {
		r.breakOut()
	}
	foreign := e.kind != kindImg && len(r.scopes) > 0 && r.foreign()
	var selfClosing, language bool
	switch {
	case r.pos < len(r.text) && r.text[r.pos] == '>':
		r.pos++
		r.attrs = r.attrs[:0]
	case e.kind == other:
		from := r.pos
		if _, language = r.skipAttributes(); language || foreign {
			r.pos = from
			_, selfClosing = r.readAttributes()
		}
	default:
		var whole bool
		if whole, selfClosing = r.readAttributes(); !whole {
			return false
		}
		_, language = r.language()
	}
	if e.kind == kindTemplate {
		if !foreign || !selfClosing {
			r.templates++
		}
		return false
	}
	if r.templates == 0 {
		r.values = r.values[:0]
		if e.marks&inline == 0 {
			r.parted()
		}
		if again := r.element(e, foreign); again {
			return true
		}
		if e.marks&void == 0 && (e.marks&raw == 0 || foreign) && !(selfClosing && (foreign || e.kind == kindForeign)) && (language || e.kind >= kindPicture || len(r.scopes) > 0) {
			r.open(language)
		}
	}
	if e.marks&raw != 0 && !foreign {
		text := r.rawText(e)
		if e.kind == kindScript && r.templates == 0 {
			r.script(text)
		}
	}
	return false
}

// element does what an element asks for.
func (r *reader) element(e *element, foreign bool) (again bool) {
	switch e.kind {
	case kindHTML:
		if lang, ok := r.language(); ok && r.page.Language == "" {
			r.page.Language = lang
			if len(r.scopes) == 0 {
				r.lang = lang
			}
		}
	case kindBase:
		return r.setBase()
	case kindMeta:
		r.meta()
	case kindLink:
		r.link()
	case kindA:
		r.closeAnchor()
		r.a()
	case kindArea:
		r.area()
	case kindImage:
		if !foreign {
			r.img()
		}
	case kindImg:
		r.img()
	case kindSource:
		r.source()
	case kindFrame:
		r.frame()
	}
	return false
}

// decoded is the value of an attribute of the tag that is read, with its
// references decoded. It stands until the next tag.
func (r *reader) decoded(value []byte) []byte {
	if bytes.IndexByte(value, '&') < 0 && bytes.IndexByte(value, 0) < 0 {
		return value
	}
	start := len(r.values)
	r.values = appendValue(r.values, value)
	return r.values[start:len(r.values):len(r.values)]
}

// content is the decoded value of an attribute, without space around it.
func (r *reader) content(name string) []byte {
	v, _ := r.value(name)
	return bytes.TrimSpace(r.decoded(v))
}

// resolve makes a decoded reference absolute. The result stands until the next.
func (r *reader) resolve(ref []byte) ([]byte, bool) {
	r.resolved = true
	return r.resolver.resolve(ref)
}

// setBase takes in a base element; the first valid one counts, resolved against
// the page's address.
func (r *reader) setBase() (again bool) {
	href, ok := r.value("href")
	if r.based || !ok {
		return false
	}
	target, ok := r.resolver.resolve(r.decoded(href))
	if !ok {
		return false
	}
	r.based = true
	r.resolver.setBase(string(target))
	return r.resolved
}

// language is what the tag's lang attribute says, or else xml:lang.
func (r *reader) language() (string, bool) {
	v, ok := r.value("lang")
	if !ok {
		v, ok = r.value("xml:lang")
	}
	if !ok {
		return "", false
	}
	v = bytes.TrimSpace(r.decoded(v))
	if string(v) == r.lang {
		return r.lang, true
	}
	return languageTag(string(v)), true
}

// languageTag is a tag in lower case; "" for what is none.
func languageTag(tag string) string {
	tag = strings.ToLower(strings.TrimSpace(tag))
	if len(tag) > 35 {
		return ""
	}
	for _, c := range tag {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return ""
		}
	}
	return tag
}

// first reports whether a candidate is new to the page.
func (r *reader) first(image, text, source string, figure int) bool {
	key := entry{image: image, text: text, source: source, figure: figure}
	if _, ok := r.seen[key]; ok {
		return false
	}
	r.seen[key] = struct{}{}
	return true
}

// cleaned cleans a decoded text; "" for one that is none, or too long to be a
// caption. It stands until the next.
func (r *reader) cleaned(text []byte) []byte {
	r.scratch = appendClean(r.scratch[:0], text)
	if len(r.scratch) > maxTextBytes {
		return nil
	}
	return r.scratch
}

// address keeps the address of a picture.
func (r *reader) address(target []byte) string {
	if s, ok := r.images[string(target)]; ok {
		return s
	}
	s := r.keeper.keep(target)
	r.images[s] = s
	return s
}
