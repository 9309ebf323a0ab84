package lists

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// member is a name of a JSON object with its value.
type member struct{ name, value []byte }

// members appends the members of a JSON object that is valid.
func members(list []member, object []byte) []member {
	i := 1 // behind the brace
	for {
		i = pastSpace(object, i)
		if object[i] == ',' {
			i = pastSpace(object, i+1)
		}
		if object[i] == '}' {
			return list
		}
		end := pastValue(object, i)
		name := unquoted(object[i:end])
		i = pastSpace(object, pastSpace(object, end)+1) // the colon
		end = pastValue(object, i)
		list = append(list, member{name, object[i:end]})
		i = end
	}
}

func pastSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

// pastValue is the end of the valid value at i.
func pastValue(b []byte, i int) int {
	depth := 0
	for {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		default:
			if depth > 0 {
				break
			}
			for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && pastSpace(b, i) == i {
				i++
			}
			return i
		}
		if i++; depth == 0 {
			return i
		}
	}
}

// unquoted is the text of a JSON string. What is not UTF-8 stays, so that it is seen.
func unquoted(quoted []byte) []byte {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 || !utf8.Valid(inner) {
		return inner
	}
	var text string
	if json.Unmarshal(quoted, &text) != nil { // it is valid
		return inner
	}
	return []byte(text)
}

// objectRows makes rows of JSON objects.
type objectRows struct {
	*textFile
	members         []member
	names           []string // of the last object, and what they mean
	columns         columns
	firstNames      []string
	hasURL, hasText bool // some object has such a member
}

// fill makes the row of an object.
func (r *objectRows) fill(object []byte) {
	r.row = row{}
	r.more.reset()
	if object = bytes.TrimSpace(object); len(object) == 0 || object[0] != '{' || !json.Valid(object) {
		r.row.reason = ReasonBadJSON
		return
	}
	r.members = members(r.members[:0], object)
	if len(r.members) > mostColumns {
		r.row.reason = ReasonColumns
		return
	}
	if r.names == nil || !slices.EqualFunc(r.members, r.names, func(m member, name string) bool { return string(m.name) == name }) {
		r.names = make([]string, 0, len(r.members))
		for _, m := range r.members {
			r.names = append(r.names, string(m.name))
		}
		if r.firstNames == nil {
			r.firstNames = slices.Clone(r.names)
		}
		r.columns = r.present()
	}
	c := r.columns
	r.hasURL, r.hasText = r.hasURL || c.url >= 0, r.hasText || c.text >= 0
	r.row.url, r.row.text, r.row.file = r.value(c.url, true), r.value(c.text, true), r.value(c.file, false)
	r.row.page, r.row.license, r.row.language = r.value(c.page, false), r.value(c.license, false), r.value(c.language, false)
	for _, i := range c.keep {
		r.more.raw(string(r.members[i].name), r.members[i].value)
	}
}

// present says what the members of the object at hand mean. What it lacks another may
// have.
func (r *objectRows) present() columns {
	o := *r.options
	absent := func(name string) bool {
		_, err := named(r.names, name)
		return name != "" && err != nil
	}
	noURL, noText := absent(o.URLColumn), absent(o.TextColumn)
	if noURL {
		o.URLColumn = ""
	}
	if noText {
		o.TextColumn = ""
	}
	o.Keep = slices.DeleteFunc(slices.Clone(o.Keep), absent)
	c, err := o.columnsOf(r.names, false, false)
	if noURL || err != nil {
		c.url = -1
	}
	if noText || err != nil {
		c.text = -1
	}
	return c
}

// value is the text of member i, none for null; what is no text and must be one is a
// reason to drop the row.
func (r *objectRows) value(i int, must bool) []byte {
	if i < 0 {
		return nil
	}
	switch v := r.members[i].value; {
	case v[0] == '"':
		return unquoted(v)
	case must && string(v) != "null":
		r.row.reason = ReasonNotText
	}
	return nil
}

// missing says, at the end of a file, that no object had a member that was asked for.
func (r *objectRows) missing() error {
	if r.firstNames == nil || (r.hasURL || r.find != nil) && r.hasText {
		return nil
	}
	_, err := r.columnsOf(r.firstNames)
	return err
}

// objects reads JSON lines.
func (t *textFile) objects(l *lines) error {
	r := &objectRows{textFile: t}
	for l.more() {
		line := l.number
		if end, fits := l.until(0); !fits {
			t.more.reset()
			t.row = row{reason: ReasonTooLong}
			l.skip()
		} else {
			object := l.line(end)
			if len(bytes.TrimSpace(object)) == 0 {
				l.pass(end)
				continue
			}
			r.fill(object)
			if line == 1 && r.columnwise() {
				return t.fault(line, errColumnwise)
			}
			l.pass(end)
		}
		if err := t.next(line); err != nil {
			return err
		}
	}
	if err := r.missing(); err != nil {
		return t.fault(0, err)
	}
	return nil
}

var errNoArray = errors.New("it is no array of JSON objects; write the table as lines of objects (pandas: to_json(orient='records', lines=True))")

var errColumnwise = errors.New("an array of objects is expected, and its members are whole columns; write the table as lines of objects (pandas: to_json(orient='records', lines=True))")

// columnwise tells an object of columns, as pandas writes them unasked, from a row.
func (r *objectRows) columnwise() bool {
	return len(r.members) > 0 && !slices.ContainsFunc(r.members, func(m member) bool { return m.value[0] != '{' && m.value[0] != '[' })
}

// array reads an array of JSON objects, or objects one after another.
func (t *textFile) array(l *lines) error {
	r := &objectRows{textFile: t}
	s := &stretch{lines: l}
	inArray := false
	for {
		c, ok := s.peek()
		switch {
		case !ok && inArray && l.fault() == nil:
			return t.fault(l.number, errors.New("the array is not closed: it is cut off; get it again"))
		case !ok || c == ']' && inArray:
			if err := r.missing(); err != nil {
				return t.fault(0, err)
			}
			return nil
		case c == '[' && !inArray:
			inArray = true
			s.take(1)
			continue
		case c == ',' && inArray:
			s.take(1)
			continue
		case c != '{':
			return t.fault(l.number, errNoArray)
		}
		line := l.number
		object, whole, err := s.object()
		switch {
		case err != nil:
			return t.fault(line, err)
		case !whole:
			t.more.reset()
			t.row = row{reason: ReasonTooLong}
		default:
			if r.fill(object); !inArray && line == 1 && r.columnwise() {
				return t.fault(line, errColumnwise)
			}
		}
		if err := t.next(line); err != nil {
			return err
		}
	}
}

// stretch cuts a text by bytes rather than lines.
type stretch struct{ *lines }

// peek is the next byte that is no white space.
func (s *stretch) peek() (byte, bool) {
	for s.more() {
		switch c := s.buf[s.start]; c {
		case ' ', '\t', '\r', '\n':
			s.take(1)
		default:
			return c, true
		}
	}
	return 0, false
}

// take goes past n bytes that are there.
func (s *stretch) take(n int) {
	s.number += int64(bytes.Count(s.buf[s.start:s.start+n], []byte("\n")))
	s.start += n
}

// object cuts the object that begins here. One of more than mostRow bytes is passed
// over: whole is false.
func (s *stretch) object() (object []byte, whole bool, err error) {
	depth, quoted, escaped := 0, false, false
	passed := false
	for i := 0; ; i++ {
		if i > mostRow {
			s.take(i)
			passed, i = true, 0
		}
		for s.start+i >= s.end {
			if s.err != nil {
				return nil, false, fmt.Errorf("an object that begins here is not closed: the file is cut off; get it again")
			}
			s.fill()
		}
		switch c := s.buf[s.start+i]; {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				object := s.buf[s.start : s.start+i+1]
				s.take(i + 1)
				return object, !passed, nil
			}
		}
	}
}
