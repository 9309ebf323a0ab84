package build

import (
	"bytes"
	"html"
	"unicode/utf8"
)

// maxNesting bounds how deep templates, tables and links may nest. What opens
// deeper is taken as plain text, so that time stays in proportion to the page.
const (
	maxNesting     = 64
	maxLinkNesting = 8
)

// dropped are the tags whose contents are no prose.
var dropped = map[string]bool{
	"ref": true, "math": true, "gallery": true, "timeline": true, "syntaxhighlight": true,
	"source": true, "score": true, "chem": true, "ce": true, "hiero": true, "imagemap": true,
	"pre": true, "templatestyles": true, "graph": true, "mapframe": true, "maplink": true,
	"inputbox": true, "section": true, "references": true, "code": true, "style": true, "script": true,
}

// markKind is what an open bracket begins.
type markKind byte

const (
	markTemplate markKind = '{' // {{ ... }}, {{{ ... }}}
	markTable    markKind = '|' // {| ... |}
	markLink     markKind = '[' // [[ ... ]]
)

// mark is an open bracket: where its contents begin in the output, and for a
// link where the text after its last bar does (0 for none).
type mark struct {
	kind      markKind
	at, label int
}

// parser turns wiki markup into prose. It belongs to one worker.
type parser struct {
	in    []byte
	out   []byte
	pos   int
	marks []mark
	links int
	lower []byte // in, with ASCII letters in lower case; made when a tag needs it
	// unclosed holds the closing marks that are known not to come any more.
	unclosed map[string]bool
}

// Text returns the prose of a page in MediaWiki's markup, line by line.
//
//   - Templates, tables, comments, references, formulas and other tags whose
//     contents are no prose go with their contents; other tags leave theirs.
//   - A link leaves its label or its target; links to files, categories and
//     other wikis leave nothing. An external link leaves its label, an address
//     nothing.
//   - Between nowiki tags everything is text. Headings, list items and bold
//     words lose their marks. Character references become their characters.
//
// A bracket that is never closed is text, as in MediaWiki. The result is valid
// until the next call. Time is linear in the page.
func (p *parser) Text(page []byte) []byte {
	p.in, p.out, p.pos = page, p.out[:0], 0
	p.marks, p.links, p.lower = p.marks[:0], 0, p.lower[:0]
	clear(p.unclosed)
	for p.pos < len(p.in) {
		p.step()
	}
	return p.out
}

func (p *parser) has(prefix string) bool {
	return len(p.in)-p.pos >= len(prefix) && string(p.in[p.pos:p.pos+len(prefix)]) == prefix
}

// emit copies n bytes of the input.
func (p *parser) emit(n int) {
	p.out = append(p.out, p.in[p.pos:p.pos+n]...)
	p.pos += n
}

// separate skips n bytes of the input and keeps what they stood between apart.
func (p *parser) separate(n int, with byte) {
	p.out = append(p.out, with)
	p.pos += n
}

func (p *parser) step() {
	switch p.in[p.pos] {
	case '<':
		p.tag()
	case '{':
		switch {
		case p.has("{{"):
			p.open(markTemplate)
		case p.has("{|"):
			p.open(markTable)
		default:
			p.emit(1)
		}
	case '}':
		if p.has("}}") && p.close(markTemplate) {
			return
		}
		p.emit(1)
	case '|':
		if p.has("|}") && !p.has("|}}") && p.close(markTable) {
			return
		}
		p.emit(1)
		if n := len(p.marks); n > 0 && p.marks[n-1].kind == markLink {
			p.marks[n-1].label = len(p.out)
		}
	case '[':
		switch {
		case p.has("[["):
			p.open(markLink)
		default:
			p.pos++
			p.out = append(p.out, '[')
			p.address()
		}
	case ']':
		if p.has("]]") && p.close(markLink) {
			return
		}
		p.emit(1)
	case '\'':
		n := 1
		for p.pos+n < len(p.in) && p.in[p.pos+n] == '\'' {
			n++
		}
		if n == 1 {
			p.emit(1)
			return
		}
		p.pos += n
	case '&':
		p.reference()
	case 'h', 'f', '/':
		if !p.address() {
			p.emit(1)
		}
	case '_':
		p.behaviour()
	case '=':
		// The marks of a heading; elsewhere no part of a word either.
		p.separate(1, '\n')
	default:
		p.plain()
	}
}

// special are the bytes at which step has a choice.
var special = func() (t [256]bool) {
	for _, c := range []byte("<{}|[]'&hf/_=") {
		t[c] = true
	}
	return t
}()

// plain copies up to the next byte that may mean something. The first letter of
// an address means something only where no letter stands before it.
func (p *parser) plain() {
	n := 1
	for p.pos+n < len(p.in) {
		c := p.in[p.pos+n]
		if special[c] && !((c == 'h' || c == 'f') && isLetter(p.in[p.pos+n-1])) {
			break
		}
		n++
	}
	p.emit(n)
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func (p *parser) open(kind markKind) {
	if len(p.marks) >= maxNesting || kind == markLink && p.links >= maxLinkNesting {
		p.emit(2)
		return
	}
	if kind == markLink {
		p.links++
		p.pos += 2
		// The brackets leave no gap: [[dog]]s is one word.
		p.marks = append(p.marks, mark{kind, len(p.out), 0})
		return
	}
	p.marks = append(p.marks, mark{kind, len(p.out), 0})
	p.emit(2)
}

// close ends the innermost bracket of this kind; brackets inside it that were
// never closed end with it. It tells whether there was one.
func (p *parser) close(kind markKind) bool {
	i := len(p.marks) - 1
	for i >= 0 && p.marks[i].kind != kind {
		// A link does not reach out of a template or table.
		if kind == markLink {
			return false
		}
		i--
	}
	if i < 0 {
		return false
	}
	m := p.marks[i]
	for _, inner := range p.marks[i:] {
		if inner.kind == markLink {
			p.links--
		}
	}
	p.marks = p.marks[:i]
	p.pos += 2
	switch kind {
	case markLink:
		p.link(m)
	case markTable:
		p.out = append(p.out[:m.at], '\n')
	default:
		// A stroke keeps the words around a template from making a phrase.
		p.out = append(p.out[:m.at], '|')
	}
	return true
}

// link leaves of [[target|label]] the label, or the target.
func (p *parser) link(m mark) {
	body := p.out[m.at:]
	if bar := bytes.IndexByte(body, '|'); bar >= 0 {
		if namespaced(body[:bar]) {
			p.out = p.out[:m.at]
			return
		}
		label := p.out[m.label:]
		if m.label == 0 || len(label) == 0 { // [[target|]]
			label = body[:bar]
		}
		p.out = append(p.out[:m.at], label...)
		return
	}
	if namespaced(body) {
		p.out = p.out[:m.at]
		return
	}
	if len(body) > 0 && body[0] == ':' {
		p.out = append(p.out[:m.at], body[1:]...)
	}
}

// namespaced tells whether a link leads out of the articles: a file, a category,
// another wiki or language. Titles such as "Alien: Covenant" have a space after
// the colon; a leading colon asks for a visible link.
func namespaced(target []byte) bool {
	colon := bytes.IndexByte(target, ':')
	return colon > 0 && colon < 24 && colon+1 < len(target) && target[colon+1] != ' ' ||
		colon > 0 && (foldedPrefix(target, "file:") || foldedPrefix(target, "image:") || foldedPrefix(target, "category:"))
}

func foldedPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && bytes.EqualFold(b[:len(prefix)], []byte(prefix))
}

// reference decodes one character reference such as &nbsp;.
func (p *parser) reference() {
	end := bytes.IndexByte(p.in[p.pos:min(p.pos+34, len(p.in))], ';')
	if end < 2 {
		p.emit(1)
		return
	}
	text := html.UnescapeString(string(p.in[p.pos : p.pos+end+1]))
	if r, _ := utf8.DecodeRuneInString(text); r == '\u00ad' || r == '\u200b' { // soft hyphen, zero-width space
		text = ""
	}
	p.out = append(p.out, text...)
	p.pos += end + 1
}

// behaviour skips a switch such as __NOTOC__.
func (p *parser) behaviour() {
	n := 2
	if !p.has("__") {
		p.emit(1)
		return
	}
	for p.pos+n < len(p.in) && n < 40 && 'A' <= p.in[p.pos+n] && p.in[p.pos+n] <= 'Z' {
		n++
	}
	if n > 2 && bytes.HasPrefix(p.in[p.pos+n:], []byte("__")) {
		p.separate(n+2, '\n')
		return
	}
	p.emit(2)
}

// address skips a web address at the current place.
func (p *parser) address() bool {
	for _, scheme := range []string{"http://", "https://", "ftp://", "//"} {
		if !p.has(scheme) {
			continue
		}
		if scheme == "//" && (p.pos == 0 || p.in[p.pos-1] != '[') {
			continue
		}
		end := bytes.IndexAny(p.in[p.pos:min(p.pos+4096, len(p.in))], " \t\n[]<>|{}\"")
		if end < 0 {
			end = min(4096, len(p.in)-p.pos)
		}
		p.separate(end, '|')
		return true
	}
	return false
}
