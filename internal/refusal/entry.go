package refusal

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Kind says by what an entry knows what it refuses.
type Kind uint8

// The kinds, in the order in which a list asks them.
const (
	Address Kind = iota // of a picture or a page
	Host                // with its subdomains
	Pair                // by its id
	Picture             // by the xxhash64 of its bytes
	Hash                // a pair or a picture
	SHA256              // a picture
	Similar             // pictures that look alike
	kinds
)

var words = [kinds]string{"url", "host", "pair", "picture", "hash", "sha256", "similar"}

// String is the word that begins a line of that kind.
func (k Kind) String() string {
	if k < kinds {
		return words[k]
	}
	return "unknown"
}

// MostDistance is the most bits in which a picture may differ from the hash of an entry
// [Similar]. Beyond some ten of 64 pictures that have nothing in common are near.
const MostDistance = 16

// Entry is one line. Entries that are equal refuse the same.
type Entry struct {
	Kind     Kind
	Text     string // the address, the host, or the SHA-256
	Port     uint16 // of a host; 0 for all
	Number   uint64 // hash or id
	Distance uint8  // most bits that differ, of Similar
}

// String is the entry as a line of the list.
func (e Entry) String() string {
	switch e.Kind {
	case Address, SHA256:
		return words[e.Kind] + " " + e.Text
	case Host:
		host := e.Text
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		if e.Port != 0 {
			host += ":" + strconv.Itoa(int(e.Port))
		}
		return "host " + host
	case Similar:
		return fmt.Sprintf("similar %016x %d", e.Number, e.Distance)
	}
	return fmt.Sprintf("%s %016x", e.Kind, e.Number)
}

// A Parser reads lines.
type Parser struct {
	// Address brings an absolute http or https address to the spelling that addresses of
	// the dataset have, and is false for what is none.
	Address func(string) (string, bool)
}

// Line reads one line of a list; ok is false for one that is blank or a comment.
func (p Parser) Line(line string) (e Entry, ok bool, err error) {
	fields, err := fieldsOf(line)
	if err != nil || len(fields) == 0 {
		return e, false, err
	}
	for k, word := range words {
		if fields[0] == word {
			e, err = p.entry(Kind(k), fields[1:])
			return e, err == nil, err
		}
	}
	return e, false, fmt.Errorf("%s is no kind of entry; use %s", excerpt(fields[0]), strings.Join(words[:], ", "))
}

// Bare reads a line of which only the value stands there, one of the kinds given, or
// a whole line of a list whose kind is one of them.
func (p Parser) Bare(line string, among ...Kind) (e Entry, ok bool, err error) {
	fields, err := fieldsOf(line)
	if err != nil || len(fields) == 0 {
		return e, false, err
	}
	may := func(k Kind) bool {
		for _, a := range among {
			if a == k {
				return true
			}
		}
		return false
	}
	for k, word := range words {
		if fields[0] == word && len(fields) > 1 {
			if !may(Kind(k)) {
				return e, false, fmt.Errorf("an entry %s is not asked for here", word)
			}
			e, err = p.entry(Kind(k), fields[1:])
			return e, err == nil, err
		}
	}
	value := fields[0]
	if len(fields) > 1 {
		return e, false, fmt.Errorf("%s has %d words, and a line names one address, host or hash; write a space in an address as %%20", excerpt(strings.Join(fields, " ")), len(fields))
	}
	kind := kinds
	switch {
	case strings.Contains(value, "://") || strings.HasPrefix(value, "list:"):
		kind = Address
		if !may(Address) && may(Host) {
			kind = Host
		}
	case len(value) == 64 && isHex(value):
		kind = SHA256
	case len(value) == 16 && isHex(value):
		kind = Hash
	case may(Host):
		kind = Host
	}
	switch {
	case kind == kinds && may(Address):
		return e, false, fmt.Errorf("%s is no absolute http or https address", excerpt(value))
	case kind == kinds:
		return e, false, fmt.Errorf("%s is no hash of 16 or 64 hexadecimal digits", excerpt(value))
	case !may(kind):
		return e, false, fmt.Errorf("%s is a %s, which is not asked for here", excerpt(value), kind)
	}
	e, err = p.entry(kind, fields)
	return e, err == nil, err
}

// fieldsOf cuts a line into words, without a comment.
func fieldsOf(line string) ([]string, error) {
	if !utf8.ValidString(line) {
		return nil, errors.New("it is not UTF-8")
	}
	if i := strings.IndexFunc(line, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }); i >= 0 {
		return nil, fmt.Errorf("it has a control character at byte %d", i)
	}
	fields := strings.Fields(line)
	for i, f := range fields {
		if f[0] == '#' {
			return fields[:i], nil
		}
	}
	return fields, nil
}

func (p Parser) entry(kind Kind, values []string) (e Entry, err error) {
	e.Kind = kind
	want := 1
	if kind == Similar {
		want = 2
	}
	switch {
	case len(values) < want:
		return e, fmt.Errorf("%s lacks its value", kind)
	case len(values) > want:
		return e, fmt.Errorf("%s is followed by %d words, and takes %d; write a space in an address as %%20", kind, len(values), want)
	}
	value := values[0]
	switch kind {
	case Address:
		e.Text, err = p.address(value)
	case Host:
		e.Text, e.Port, err = host(value)
	case SHA256:
		e.Text = strings.ToLower(value)
		if len(value) != 64 || !isHex(value) {
			err = fmt.Errorf("%s is no SHA-256 of 64 hexadecimal digits", excerpt(value))
		}
	default:
		if e.Number, err = number(value); err == nil && kind == Similar {
			var d uint64
			if d, err = strconv.ParseUint(values[1], 10, 8); err != nil || d > MostDistance {
				return e, fmt.Errorf("%s is no distance of 0 to %d bits", excerpt(values[1]), MostDistance)
			}
			if e.Distance = uint8(d); SaysNothing(e.Number) {
				err = errors.New("that is the perceptual hash of all pictures of one flat colour")
			}
		}
	}
	return e, err
}

// SaysNothing tells whether a perceptual hash is that of a picture of one flat colour,
// which is like all others of that kind: no bit but the first.
func SaysNothing(phash uint64) bool { return phash&^(1<<63) == 0 }

// address is an address without user, and without the last dot of the host, which is how
// it is listed.
func (p Parser) address(value string) (string, error) {
	if strings.HasPrefix(value, "list:") && len(value) > len("list:") {
		return value, nil // of a picture that a list brought along; it is as it is
	}
	if p.Address != nil {
		full, ok := p.Address(value)
		if !ok {
			return "", fmt.Errorf("%s is no absolute http or https address", excerpt(value))
		}
		value = full
	}
	a, ok := split(value)
	if !ok || len(a.host) == 0 {
		return "", fmt.Errorf("%s is no absolute http or https address", excerpt(value))
	}
	return value[:a.scheme] + string(a.appendAuthority(nil)) + a.rest, nil
}

// host is a host in the spelling that is compared: lower case, without a last dot, other
// scripts as xn--. It may be given with a port, as *.example.org, or as the address of its
// first page.
func host(value string) (name string, port uint16, err error) {
	fail := func(format string, args ...any) (string, uint16, error) {
		return "", 0, fmt.Errorf("%s "+format, append([]any{excerpt(value)}, args...)...)
	}
	name = value
	if rest, ok := cutScheme(name); ok {
		name = strings.TrimSuffix(rest, "/")
		if strings.ContainsAny(name, "/?#") {
			return fail("is an address, not a host; name it as url")
		}
	}
	if i := strings.LastIndexByte(name, ':'); i >= 0 && (strings.HasSuffix(name[:i], "]") || strings.Count(name, ":") == 1) {
		n, err := strconv.ParseUint(name[i+1:], 10, 16)
		if err != nil || n == 0 {
			return fail("has no port of 1 to 65535")
		}
		name, port = name[:i], uint16(n)
	}
	if len(name) > 1 && name[0] == '[' && name[len(name)-1] == ']' {
		name = name[1 : len(name)-1]
	}
	if addr, err := netip.ParseAddr(name); err == nil && addr.Zone() == "" {
		return addr.String(), port, nil
	}
	name = strings.ToLower(strings.TrimPrefix(strings.TrimPrefix(name, "*."), "."))
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(name, "."))
	if err != nil && plainName(name) { // such as a name with _
		ascii, err = strings.TrimSuffix(name, "."), nil
	}
	if err != nil || !plainName(ascii) {
		return fail("is no host name or address")
	}
	// One word such as com would take all of it out.
	if suffix, icann := publicsuffix.PublicSuffix(ascii); icann && suffix == ascii {
		return fail("is a public suffix, under which anybody may have a name; name the hosts")
	}
	return ascii, port, nil
}

// plainName tells whether a name can be one of DNS (RFC 1123, 2.1, with the _ that is
// seen) and is no number, which browsers take for an address.
func plainName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if len(name) == 0 || len(name) > 253 {
		return false
	}
	label := ""
	for label = range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for i := range len(label) {
			if c := label[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return strings.Trim(label, "0123456789") != "" && !strings.HasPrefix(label, "0x")
}

func number(value string) (uint64, error) {
	n, err := strconv.ParseUint(value, 16, 64)
	if err != nil || len(value) != 16 || !isHex(value) {
		return 0, fmt.Errorf("%s is no hash of 16 hexadecimal digits", excerpt(value))
	}
	return n, nil
}

func isHex(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil
}

// excerpt is foreign text as it stands in a message.
func excerpt(s string) string {
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "") + "..."
	}
	return strconv.QuoteToASCII(s)
}
