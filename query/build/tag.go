package build

import "bytes"

// maxTagBytes bounds one tag with its attributes. A < that no > follows within
// it is text.
const maxTagBytes = 2048

// tag handles what a < begins: a comment, a tag, or nothing.
func (p *parser) tag() {
	if p.has("<!--") {
		end := p.find("-->", 4)
		p.pos = end
		return
	}
	name, closing := p.tagName()
	if len(name) == 0 {
		p.separate(1, '|')
		return
	}
	end := bytes.IndexByte(p.in[p.pos:min(p.pos+maxTagBytes, len(p.in))], '>')
	if end < 0 {
		p.separate(1, '|')
		return
	}
	selfClosing := p.in[p.pos+end-1] == '/'
	size := end + 1
	switch {
	case closing || selfClosing:
		p.endOf(name, size)
	case name == "nowiki":
		start := p.pos + size
		stop := p.findTag(name, size)
		p.out = append(p.out, p.in[start:stop]...)
		p.pos = stop
	case dropped[name]:
		if stop := p.findTag(name, size); stop < len(p.in) {
			p.pos = stop
			p.out = append(p.out, '|')
			return
		}
		p.separate(size, '|')
	default:
		p.endOf(name, size)
	}
}

// endOf skips a tag whose contents stay. Inline tags leave no gap, so that
// <i>photo</i>graph is one word; others end a line.
func (p *parser) endOf(name string, size int) {
	switch name {
	case "b", "i", "em", "strong", "small", "big", "span", "u", "s", "sup", "sub", "abbr", "font", "nowiki", "includeonly", "noinclude", "onlyinclude":
		p.pos += size
	case "ref":
		p.pos += size
		p.out = append(p.out, '|')
	default:
		p.separate(size, '\n')
	}
}

// tagName is the name, in lower case, of the tag that begins here.
func (p *parser) tagName() (name string, closing bool) {
	i := p.pos + 1
	if i < len(p.in) && p.in[i] == '/' {
		closing = true
		i++
	}
	var buf [24]byte
	n := 0
	for ; i < len(p.in) && n < len(buf); i++ {
		c := p.in[i] | 0x20
		if !('a' <= c && c <= 'z') && !(n > 0 && '0' <= p.in[i] && p.in[i] <= '9') {
			break
		}
		buf[n] = c
		n++
	}
	return string(buf[:n]), closing
}

// find is the place after the next end mark, or the end of the page. A mark that
// was once not found is not looked for again, which keeps the time linear.
func (p *parser) find(end string, skip int) int {
	if p.unclosed[end] {
		return len(p.in)
	}
	from := min(p.pos+skip, len(p.in))
	i := bytes.Index(p.in[from:], []byte(end))
	if i < 0 {
		p.note(end)
		return len(p.in)
	}
	return from + i + len(end)
}

func (p *parser) note(end string) {
	if p.unclosed == nil {
		p.unclosed = map[string]bool{}
	}
	p.unclosed[end] = true
}

// findTag is the place after the closing tag of name for dropped tags, and of
// the closing tag itself for nowiki; the end of the page where there is none.
func (p *parser) findTag(name string, skip int) int {
	end := "</" + name
	if p.unclosed[end] {
		return len(p.in)
	}
	if len(p.lower) == 0 {
		p.lower = append(p.lower, p.in...)
		for i, c := range p.lower {
			if 'A' <= c && c <= 'Z' {
				p.lower[i] = c | 0x20
			}
		}
	}
	from := min(p.pos+skip, len(p.in))
	i := bytes.Index(p.lower[from:], []byte(end))
	if i < 0 {
		p.note(end)
		return len(p.in)
	}
	if name == "nowiki" {
		return from + i
	}
	stop := bytes.IndexByte(p.in[from+i:], '>')
	if stop < 0 {
		return len(p.in)
	}
	return from + i + stop + 1
}
