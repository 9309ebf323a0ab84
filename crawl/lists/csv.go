package lists

import (
	"bytes"
)

// table cuts a text of separated values into records, by RFC 4180, with what is written
// in spite of it: a quote within a field that does not begin with one is a character
// like others. In CSV a quoted field may span lines. In TSV none does, and what looks
// like one and is not closed on its line, or goes on behind the quote, is taken as it
// stands: the best known lists of that kind (CC3M, CC12M) quote nothing.
//
// A record that is broken costs its first line: the next one is cut anew.
type table struct {
	lines     *lines
	separator byte
	fields    [][]byte
	cuts      []cut
	first     int64 // line on which the record begins
}

// cut is a field's place in a record; doubled says that it holds doubled quotes.
type cut struct {
	from, to int
	doubled  bool
}

// next cuts the next record into t.fields, which live until the next call. reason says
// why it is broken; ok is false at the end.
func (t *table) next() (reason string, ok bool) {
	l := t.lines
	for {
		if !l.more() {
			return "", false
		}
		t.first = l.number
		end, fits := l.until(0)
		if !fits {
			l.skip()
			return ReasonTooLong, true
		}
		if len(l.line(end)) == 0 {
			l.pass(end)
			continue
		}
		first := end
		end, whole := t.cut(end)
		if !whole {
			l.pass(first)
			return ReasonBadQuote, true
		}
		if len(t.cuts) > mostColumns {
			l.pass(end)
			return ReasonColumns, true
		}
		data := l.buf[l.start : l.start+end]
		t.fields = t.fields[:0]
		for _, c := range t.cuts {
			field := data[c.from:c.to]
			if c.doubled {
				field = bytes.ReplaceAll(field, []byte(`""`), []byte(`"`))
			}
			t.fields = append(t.fields, field)
		}
		l.pass(end)
		return "", true
	}
}

// cut finds the fields of the record whose first line ends at end, and where the record
// does.
func (t *table) cut(end int) (int, bool) {
	l := t.lines
	t.cuts = t.cuts[:0]
	at := 0
	for {
		line := l.line(end)
		if at < len(line) && line[at] == '"' {
			c, next, ok := t.quoted(at, &end)
			if !ok && t.separator != '\t' {
				return end, false
			}
			if ok {
				if t.cuts = append(t.cuts, c); next < 0 {
					return end, true
				}
				at = next
				continue
			}
		}
		to := bytes.IndexByte(line[at:], t.separator)
		if to < 0 || len(t.cuts) > mostColumns {
			t.cuts = append(t.cuts, cut{from: at, to: len(line)})
			return end, true
		}
		t.cuts = append(t.cuts, cut{from: at, to: at + to})
		at += to + 1
	}
}

// quoted finds the end of the field whose quote stands at at, going to further lines
// where it must, and the place of the next field, -1 for none.
func (t *table) quoted(at int, end *int) (c cut, next int, ok bool) {
	l := t.lines
	c.from = at + 1
	for at++; ; {
		data := l.buf[l.start : l.start+*end]
		i := bytes.IndexByte(data[at:], '"')
		if i < 0 {
			if t.separator == '\t' {
				return c, 0, false
			}
			at = *end
			further, fits := l.until(*end + 1)
			if !fits {
				return c, 0, false
			}
			*end = further
			continue
		}
		at += i
		if at+1 < len(data) && data[at+1] == '"' {
			c.doubled = true
			at += 2
			continue
		}
		c.to = at
		switch rest := l.line(*end)[min(at+1, len(l.line(*end))):]; {
		case len(rest) == 0:
			return c, -1, true
		case rest[0] == t.separator:
			return c, at + 2, true
		}
		return c, 0, false
	}
}
