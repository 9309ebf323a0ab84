package alttext

// kind says what an element means to the reader; most mean nothing.
type kind uint8

const (
	other kind = iota
	kindHTML
	kindBase
	kindMeta
	kindLink
	kindA
	kindArea
	kindImg
	kindImage // img in HTML, no picture of the page's own in SVG
	kindPicture
	kindSource
	kindFigure
	kindFigcaption
	kindTemplate
	kindScript
	kindFrame
	kindForeign // svg, math
	kindIsland  // what stands in it is HTML again: foreignObject, desc
)

// marks are what the reader needs to know of an element's place in a tree.
type marks uint8

const (
	// raw text: what stands up to the end tag is no markup.
	raw marks = 1 << iota
	// block elements must be closed, so that their end tags tell what else ended.
	block
	// inline elements do not part words.
	inline
	// breakout start tags end SVG and MathML, HTML standard 13.2.6.5.
	breakout
	// void elements have no end tag.
	void
	// closesP start tags end an open p.
	closesP
)

// element is what is known of a name. Elements without a line here are unknown:
// they part words, nest, and mean nothing else.
type element struct {
	name  string
	key   uint64 // the first eight bytes of name
	kind  kind
	marks marks
}

// table finds elements by key: open addressing, twice and more as many places as
// there are names.
type table [512]*element

func (t *table) place(key uint64) int { return int(key * 0x9E3779B97F4A7C15 >> 55) }

var elements = known()

func known() *table {
	t := new(table)
	add := func(k kind, m marks, names ...string) {
		for _, name := range names {
			e := &element{name: name, kind: k, marks: m}
			for i := range min(len(name), 8) {
				e.key = e.key<<8 | uint64(name[i])
			}
			at := t.place(e.key)
			for t[at] != nil {
				at = (at + 1) % len(t)
			}
			t[at] = e
		}
	}
	add(kindHTML, 0, "html")
	add(kindBase, void, "base")
	add(kindMeta, void|breakout, "meta")
	add(kindLink, void, "link")
	add(kindA, inline, "a")
	add(kindArea, void, "area")
	add(kindImg, void|breakout, "img")
	add(kindImage, void, "image")
	add(kindPicture, inline, "picture")
	add(kindSource, void, "source")
	add(kindFigure, closesP, "figure")
	add(kindFigcaption, closesP, "figcaption")
	add(kindTemplate, 0, "template")
	add(kindScript, raw, "script")
	add(kindFrame, void, "frame")
	add(kindFrame, raw, "iframe")
	add(kindForeign, 0, "svg", "math")
	add(kindIsland, 0, "foreignobject", "desc", "annotation-xml", "mi", "mo", "mn", "ms", "mtext")
	add(other, raw, "style", "textarea", "title", "xmp", "noembed", "noframes", "plaintext")
	add(other, block|breakout|closesP, "div", "dl", "menu", "ol", "table", "ul", "center")
	add(other, block|closesP, "address", "article", "aside", "details", "fieldset", "footer", "form", "header", "hgroup", "main", "nav", "section")
	add(other, breakout|closesP, "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "listing", "p", "pre")
	add(other, breakout, "body", "dd", "dt", "head", "li", "nobr", "ruby")
	add(other, breakout|void, "br", "embed")
	add(other, breakout|void|closesP, "hr")
	add(other, breakout|inline, "b", "code", "em", "i", "s", "small", "span", "strong", "sub", "sup", "u", "var")
	add(other, breakout, "big", "strike", "tt")
	add(other, inline, "abbr", "bdi", "cite", "mark", "q")
	add(other, inline|void, "wbr")
	add(other, void, "col", "input", "param", "track")
	add(other, 0, "dialog", "noscript", "object", "td", "th", "tr")
	return t
}

var unknown = &element{}

// find looks a name up: its key, and the name itself, in any case.
func (t *table) find(key uint64, name []byte) *element {
	for at := t.place(key); ; at = (at + 1) % len(t) {
		e := t[at]
		if e == nil {
			return unknown
		}
		if e.key == key && len(e.name) == len(name) && (len(name) <= 8 || foldEqual(name, e.name)) {
			return e
		}
	}
}

// foldEqual compares with a lower-case ASCII word of the same length.
func foldEqual(s []byte, word string) bool {
	if len(s) != len(word) {
		return false
	}
	for i := range s {
		if lower(s[i]) != word[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c |= 0x20
	}
	return c
}
