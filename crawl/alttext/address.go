package alttext

import (
	"bytes"
	"net/url"
	"strings"
	"unicode/utf8"

	whatwg "github.com/nlnwa/whatwg-url/url"
	"golang.org/x/text/encoding"
)

// Resolve makes ref absolute against base as the WHATWG URL Standard has it,
// section 4.4, and reports false for anything but http and https, for data:
// above all, and for what is longer than 4096 bytes. Scheme and host are lower
// case and ASCII; a default port, user and fragment are gone. Beyond the
// standard, what Go's net/url would read as something else is escaped: in a path
// a percent sign that escapes nothing, ^ and |. What comes out goes in and comes
// out again unchanged.
func Resolve(base *url.URL, ref string) (string, bool) {
	var r resolver
	r.setBase(base.String())
	s, ok := r.resolve([]byte(strings.ToValidUTF8(ref, "\uFFFD")))
	return string(s), ok
}

// resolver resolves many references against one base. What is plain it does
// itself; the rest (hosts that are not plain ASCII names, ports, users,
// backslashes, line breaks) goes through the library, which is some fifty times
// slower, and gives the same answers.
type resolver struct {
	base   string
	origin []byte // of the base, such as https://example.org; empty when it has none
	path   []byte // of the base, with a slash in front
	folder int    // how much of path lies before the last name
	query  []byte // of the base, with its question mark
	// charset is the page's, for queries; nil is UTF-8.
	charset encoding.Encoding

	parsed *whatwg.Url // base, once the library was asked
	out    []byte      // the last result
}

// setBase reports false when nothing can be resolved against s.
func (r *resolver) setBase(s string) bool {
	r.base, r.parsed = s, nil
	r.origin, r.path, r.query = r.origin[:0], r.path[:0], r.query[:0]
	whole, ok := r.resolve([]byte(s))
	if !ok {
		return false
	}
	root := 8 + bytes.IndexByte(whole[8:], '/') // https:// or http:// and a byte of the host
	r.origin = append(r.origin, whole[:root]...)
	path := whole[root:]
	if i := bytes.IndexByte(path, '?'); i >= 0 {
		r.query = append(r.query, path[i:]...)
		path = path[:i]
	}
	r.path = append(r.path, path...)
	r.folder = bytes.LastIndexByte(path, '/') + 1
	return true
}

// resolve makes ref, which is valid UTF-8, absolute. The result stands until the next call.
func (r *resolver) resolve(ref []byte) ([]byte, bool) {
	for len(ref) > 0 && ref[0] <= ' ' {
		ref = ref[1:]
	}
	for len(ref) > 0 && ref[len(ref)-1] <= ' ' {
		ref = ref[:len(ref)-1]
	}
	if len(ref) > maxURLBytes {
		return nil, false
	}
	answer := r.plain(ref)
	if answer == unsure {
		answer = r.foreign(ref)
	}
	if answer != absolute || len(r.out) > maxURLBytes {
		return nil, false
	}
	return r.out, true
}

// answer is what became of a reference.
type answer uint8

const (
	refused  answer = iota
	absolute        // out has it
	unsure          // the library must say
)

// plain resolves what needs no library.
func (r *resolver) plain(ref []byte) answer {
	r.out = r.out[:0]
	rest, authority := ref, false
	if scheme := schemeOf(ref); scheme > 0 {
		switch {
		case foldEqual(ref[:scheme], "http"):
			r.out = append(r.out, "http:"...)
		case foldEqual(ref[:scheme], "https"):
			r.out = append(r.out, "https:"...)
		default:
			return refused
		}
		rest, authority = ref[scheme+1:], true
	} else if bytes.HasPrefix(ref, []byte("//")) {
		if len(r.origin) == 0 {
			return refused
		}
		r.out, authority = append(r.out, r.origin[:bytes.IndexByte(r.origin, ':')+1]...), true
	} else if len(r.origin) == 0 {
		if bytes.ContainsAny(ref, "\t\n\r") { // perhaps inside a scheme
			return unsure
		}
		return refused
	}
	if authority {
		if len(rest) < 3 || rest[0] != '/' || rest[1] != '/' {
			return unsure
		}
		end := 2
		for end < len(rest) && rest[end] != '/' && rest[end] != '?' && rest[end] != '#' {
			end++
		}
		r.out = append(r.out, rest[:end]...)
		if !plainHost(rest[2:end]) && string(r.out) != string(r.origin) {
			return unsure
		}
		root := len(r.out)
		r.out = append(r.out, '/')
		if rest = rest[end:]; len(rest) > 0 && rest[0] == '/' {
			rest = rest[1:]
		}
		return r.write(rest, root)
	}
	root := len(r.origin)
	r.out = append(r.out, r.origin...)
	switch {
	case len(ref) == 0 || ref[0] == '#':
		r.out = append(append(r.out, r.path...), r.query...)
		return absolute
	case ref[0] == '?':
		r.out = append(r.out, r.path...)
		return r.writeQuery(ref)
	case ref[0] == '/':
		r.out = append(r.out, '/')
		return r.write(ref[1:], root)
	}
	r.out = append(r.out, r.path[:r.folder]...)
	return r.write(ref, root)
}

// schemeOf is the length of a scheme at the start of s, 0 when there is none.
func schemeOf(s []byte) int {
	if len(s) == 0 || !letter(s[0]) {
		return 0
	}
	for i, c := range s {
		switch {
		case letter(c), '0' <= c && c <= '9', c == '+', c == '-', c == '.':
		case c == ':':
			return i
		default:
			return 0
		}
	}
	return 0
}

// plainHost tells whether a host is one that the standard leaves as it is:
// labels of lower-case letters, digits and single hyphens, the last of which
// begins with a letter, for else it may be a number.
func plainHost(host []byte) bool {
	if len(host) == 0 || len(host) > 253 {
		return false
	}
	label := 0 // where it begins
	for i, c := range host {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '-':
			if i == label || i+1 == len(host) || host[i+1] == '-' || host[i+1] == '.' {
				return false
			}
		case c == '.':
			if i == label || i-label > 63 {
				return false
			}
			label = i + 1
		default:
			return false
		}
	}
	return label < len(host) && len(host)-label <= 63 && letter(host[label])
}

// How a byte is written in a path and in a query.
const (
	asIs    = iota
	escaped // percent and two digits
	looked  // it means something
	strange // the library must see it
)

var inPath, inQuery = addressBytes()

func addressBytes() (path, query [256]uint8) {
	for i := range path {
		if i <= ' ' || i >= 0x7f {
			path[i], query[i] = escaped, escaped
		}
	}
	for _, c := range "\"#<>?`{}^|" {
		path[c] = escaped
	}
	for _, c := range "\"#<>'" {
		query[c] = escaped
	}
	for _, c := range "\t\n\r" {
		path[c], query[c] = strange, strange
	}
	path['\\'] = strange
	path['/'], path['?'], path['#'], path['%'] = looked, looked, looked, looked
	query['#'] = looked
	return path, query
}

const hexDigits = "0123456789ABCDEF"

func hexDigit(c byte) bool {
	l := c | 0x20
	return c >= '0' && c <= '9' || l >= 'a' && l <= 'f'
}

// write appends the rest of a path and its query to out, which ends in a slash.
// Segments that go up do not go above root.
func (r *resolver) write(ref []byte, root int) answer {
	out := r.out
	segment, percent := len(out), false
	for i := 0; ; i++ {
		c := byte('#')
		if i < len(ref) {
			c = ref[i]
		}
		switch inPath[c] {
		case asIs:
			out = append(out, c)
			continue
		case escaped:
			out = append(out, '%', hexDigits[c>>4], hexDigits[c&15])
			continue
		case strange:
			return unsure
		}
		if c == '%' {
			percent = true
			out = append(out, '%')
			if i+2 >= len(ref) || !hexDigit(ref[i+1]) || !hexDigit(ref[i+2]) {
				out = append(out, "25"...)
			}
			continue
		}
		switch dots(out[segment:], percent) {
		case 1:
			out = out[:segment]
		case 2:
			out = out[:segment-1]
			for len(out) > root && out[len(out)-1] != '/' {
				out = out[:len(out)-1]
			}
			if len(out) == root {
				out = append(out, '/')
			}
		default:
			if c == '/' {
				out = append(out, '/')
			}
		}
		segment, percent = len(out), false
		if c == '/' {
			continue
		}
		r.out = out
		if i < len(ref) && c == '?' {
			return r.writeQuery(ref[i:])
		}
		return absolute
	}
}

// dots counts those of a segment that is made of one or two, some of them
// perhaps as %2e; 0 for others.
func dots(segment []byte, percent bool) int {
	if len(segment) == 0 || len(segment) > 6 || segment[0] != '.' && !percent {
		return 0
	}
	n := 0
	for len(segment) > 0 {
		switch {
		case segment[0] == '.':
			segment = segment[1:]
		case len(segment) >= 3 && segment[0] == '%' && segment[1] == '2' && segment[2]|0x20 == 'e':
			segment = segment[3:]
		default:
			return 0
		}
		n++
	}
	if n > 2 {
		return 0
	}
	return n
}

// writeQuery appends a query with its question mark to out, up to a fragment.
func (r *resolver) writeQuery(ref []byte) answer {
	r.out = append(r.out, '?')
	for i := 1; i < len(ref); i++ {
		c := ref[i]
		switch inQuery[c] {
		case asIs:
			r.out = append(r.out, c)
			continue
		case looked: // a fragment
			return absolute
		case strange:
			return unsure
		}
		if c < utf8.RuneSelf || r.charset == nil {
			r.out = append(r.out, '%', hexDigits[c>>4], hexDigits[c&15])
			continue
		}
		end := i
		for end < len(ref) && ref[end] >= utf8.RuneSelf {
			end++
		}
		r.encode(ref[i:end])
		i = end - 1
	}
	return absolute
}

// encode percent-encodes after encoding, URL Standard 1.3: what the page's
// character set lacks becomes a decimal character reference.
func (r *resolver) encode(text []byte) {
	encoder := r.charset.NewEncoder()
	for _, c := range string(text) {
		b, err := encoder.Bytes([]byte(string(c)))
		if err != nil {
			r.out = append(r.out, "%26%23"...)
			r.out = appendDecimal(r.out, c)
			r.out = append(r.out, "%3B"...)
			encoder.Reset()
			continue
		}
		for _, c := range b {
			if inQuery[c] == asIs {
				r.out = append(r.out, c)
			} else {
				r.out = append(r.out, '%', hexDigits[c>>4], hexDigits[c&15])
			}
		}
	}
}

func appendDecimal(dst []byte, c rune) []byte {
	if c >= 10 {
		dst = appendDecimal(dst, c/10)
	}
	return append(dst, byte('0'+c%10))
}

// lineBreaks takes them out, as the standard does wherever they stand.
var lineBreaks = strings.NewReplacer("\t", "", "\n", "", "\r", "")

// foreign asks the library.
func (r *resolver) foreign(ref []byte) answer {
	text := lineBreaks.Replace(string(ref))
	// The library would write the query in UTF-8.
	if query := strings.IndexAny(text, "?#"); r.charset != nil && query >= 0 && text[query] == '?' {
		r.out = r.out[:0]
		if r.writeQuery([]byte(text[query:])) != absolute {
			return refused
		}
		text = text[:query] + string(r.out)
	}
	var u *whatwg.Url
	var err error
	if len(r.origin) > 0 && r.parsed == nil {
		r.parsed, err = whatwg.Parse(string(r.origin) + string(r.path) + string(r.query))
		if err != nil {
			return refused
		}
	}
	if len(r.origin) > 0 {
		u, err = r.parsed.Parse(text)
	} else {
		u, err = whatwg.Parse(text)
	}
	if err != nil || u.Scheme() != "http" && u.Scheme() != "https" || u.Hostname() == "" {
		return refused
	}
	u.SetUsername("")
	u.SetPassword("")
	whole := u.Href(true)
	// What net/url cannot read back cannot be asked for.
	if parsed, err := url.Parse(u.Scheme() + "://" + u.Host()); err != nil || parsed.Host != u.Host() {
		return refused
	}
	origin := len(u.Scheme()) + len("://") + len(u.Host())
	r.out = append(r.out[:0], whole[:origin]...)
	r.out = append(r.out, '/')
	return r.write([]byte(whole[origin+1:]), origin)
}
