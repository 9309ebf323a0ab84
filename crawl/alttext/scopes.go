package alttext

import "bytes"

// scope is an open element that means something for what stands in it: it says
// a language, or is a figure, a figcaption, a picture, or foreign. There is no
// tree; when a scope ends is told by its end tag, by a start tag that ends it, or
// by the end tag of a block element that was open before it.
type scope struct {
	key   uint64
	name  int // length
	what  *element
	lang  string // of what stands around it
	outer int    // the figure around it
	// blocks and same count what was opened in it and is open still: block
	// elements, and elements of its own name.
	blocks, same int
}

const (
	maxScopes = 256
	maxFigure = 64 // figures that stand in one another
)

// figure is one of the page's figures.
type figure struct {
	raw     []byte // what its figcaption holds
	caption string // cleaned, once the figure is closed
	used    bool   // an image stands in it
}

func (s *scope) is(t *tag) bool { return s.key == t.key && s.name == len(t.name) }

// open takes note of a start tag that has an end tag.
func (r *reader) open(language bool) {
	t, e := &r.tag, r.tag.what
	for n := len(r.scopes); n > 0; n-- {
		if s := &r.scopes[n-1]; s.blocks > 0 || !s.endsBefore(e) {
			break
		}
		r.popTo(n - 1)
	}
	keeps := language && e.kind != kindHTML
	switch e.kind {
	case kindFigcaption:
		keeps = keeps || r.figure >= 0
	case kindPicture, kindFigure, kindForeign:
		keeps = true
	case kindIsland:
		keeps = keeps || r.foreign()
	}
	if !keeps || len(r.scopes) == maxScopes || e.kind == kindFigure && len(r.figures) >= maxFigure && r.nested() >= maxFigure {
		if n := len(r.scopes); n > 0 {
			s := &r.scopes[n-1]
			if e.marks&block != 0 {
				s.blocks++
			} else if s.is(&r.tag) {
				s.same++
			}
		}
		return
	}
	s := scope{key: t.key, name: len(t.name), what: e, lang: r.lang, outer: r.figure}
	if language {
		r.lang, _ = r.language()
	}
	r.scopes = append(r.scopes, s)
	switch e.kind {
	case kindFigure:
		r.figures = append(r.figures, figure{})
		r.figure, r.captioned = len(r.figures)-1, -1
	case kindFigcaption:
		r.captioned = r.figure
	case kindPicture:
		r.picture, r.best = true, choice{}
	}
}

// nested counts the open figures.
func (r *reader) nested() int {
	n := 0
	for i := range r.scopes {
		if r.scopes[i].what.kind == kindFigure {
			n++
		}
	}
	return n
}

// endsBefore tells whether a start tag ends the scope: elements whose end tag
// may be left out (HTML standard, 13.1.2.4).
func (s *scope) endsBefore(e *element) bool {
	switch s.what.name {
	case "p":
		return e.marks&closesP != 0
	case "li":
		return e.name == "li"
	case "dt", "dd":
		return e.name == "dt" || e.name == "dd"
	case "td", "th":
		return e.name == "td" || e.name == "th" || e.name == "tr"
	case "tr":
		return e.name == "tr"
	}
	return false
}

// endTag takes in an end tag.
func (r *reader) endTag() {
	e := r.tag.what
	if e.kind == kindTemplate {
		r.templates = max(0, r.templates-1)
		return
	}
	if r.templates > 0 {
		return
	}
	if e.marks&inline == 0 {
		r.parted()
	}
	if e.kind == kindA {
		r.closeAnchor()
	}
	if len(r.scopes) == 0 {
		return
	}
	if e.marks&block == 0 {
		for n := len(r.scopes); n > 0; n-- {
			s := &r.scopes[n-1]
			if !s.is(&r.tag) {
				continue
			}
			if s.same > 0 {
				s.same--
			} else {
				r.popTo(n - 1)
			}
			return
		}
		return
	}
	for n := len(r.scopes); n > 0; n-- {
		s := &r.scopes[n-1]
		if s.blocks > 0 {
			s.blocks--
			r.popTo(n)
			return
		}
		if s.is(&r.tag) {
			r.popTo(n - 1)
			return
		}
		if s.what.name == "body" { // the tag ends nothing
			r.popTo(n)
			return
		}
	}
	r.popTo(0) // it ends what was opened before all scopes
}

// popTo closes all scopes but the first n.
func (r *reader) popTo(n int) {
	for len(r.scopes) > n {
		s := &r.scopes[len(r.scopes)-1]
		r.scopes = r.scopes[:len(r.scopes)-1]
		r.lang = s.lang
		switch s.what.kind {
		case kindFigure:
			r.closeFigure()
			r.figure = s.outer
			r.captioned = r.captionOpen()
		case kindFigcaption:
			r.captioned = r.captionOpen()
		case kindPicture:
			r.picture = false
		}
	}
}

// captionOpen is the figure whose caption goes on; -1 for none.
func (r *reader) captionOpen() int {
	for n := len(r.scopes); n > 0; n-- {
		switch r.scopes[n-1].what.kind {
		case kindFigcaption:
			return r.figure
		case kindFigure:
			return -1
		}
	}
	return -1
}

func (r *reader) closeFigure() {
	f := &r.figures[r.figure]
	if f.used && len(f.raw) > 0 {
		f.caption = r.keeper.keep(r.cleaned(appendText(nil, f.raw)))
	}
	f.raw = nil
}

// foreign tells whether SVG or MathML is read.
func (r *reader) foreign() bool {
	for n := len(r.scopes); n > 0; n-- {
		switch r.scopes[n-1].what.kind {
		case kindForeign:
			return true
		case kindIsland:
			return false
		}
	}
	return false
}

// breakOut ends SVG or MathML at a start tag that belongs to HTML.
func (r *reader) breakOut() {
	for r.foreign() {
		n := len(r.scopes) - 1
		for r.scopes[n].what.kind != kindForeign {
			n--
		}
		r.popTo(n)
	}
}

// words takes in text of the page, for the caption and the link that are open.
func (r *reader) words(text []byte) {
	if r.templates > 0 {
		return
	}
	if r.captioned >= 0 {
		if f := &r.figures[r.captioned]; len(f.raw) <= 2*maxTextBytes {
			f.raw = append(f.raw, text[:min(len(text), 3*maxTextBytes)]...)
		}
	}
	if r.anchor >= 0 && len(r.anchorText) < 4*maxLinkText {
		r.anchorText = append(r.anchorText, text[:min(len(text), 4*maxLinkText)]...)
	}
}

// parted takes in that an element parts words.
func (r *reader) parted() {
	if r.anchor >= 0 || r.captioned >= 0 {
		r.words([]byte(" "))
	}
}

// maxLinkText bounds Link.Text, in bytes.
const maxLinkText = 200

// closeAnchor ends the text of a link.
func (r *reader) closeAnchor() {
	if r.anchor < 0 {
		return
	}
	link := &r.page.Links[r.anchor]
	if text := r.anchorText; len(bytes.TrimSpace(text)) > 0 {
		if bytes.IndexByte(text, '&') >= 0 {
			text = appendText(nil, text)
		}
		link.Text = r.keeper.keep(short(r.cleaned(text)))
	}
	if link.Text == "" {
		link.Text = r.anchorAlt
	}
	r.anchor, r.anchorText, r.anchorAlt = -1, r.anchorText[:0], ""
}

// short cuts a text to the length of a link's, between characters.
func short(text []byte) []byte {
	if len(text) <= maxLinkText {
		return text
	}
	end := maxLinkText
	for end > 0 && text[end]&0xc0 == 0x80 {
		end--
	}
	return bytes.TrimRight(text[:end], " ")
}
