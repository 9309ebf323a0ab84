package optout

import (
	"bytes"
	"encoding/binary"
	"iter"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Line is one line of robots.txt, or of ai.txt, which has the same form.
type Line struct {
	Number     int    // from 1
	Key, Value string // of "Key: Value # comment"; the key in lower case
	Text       string // the whole line, for people, at most 303 bytes
}

// Lines are those lines of a file that have a key and a value, in order. Lines end in CR, LF
// or both. Before the first one a byte order mark is passed over, even if only
// its first bytes are there; that of UTF-16 is believed.
func Lines(file []byte) iter.Seq[Line] {
	return func(yield func(Line) bool) {
		rest := fromUTF16(file)
		for _, mark := range []byte("\xef\xbb\xbf") {
			if len(rest) == 0 || rest[0] != mark {
				break
			}
			rest = rest[1:]
		}
		for n := 1; len(rest) > 0; n++ {
			var raw []byte
			raw, rest = nextLine(rest)
			text, _, _ := bytes.Cut(raw, []byte("#"))
			key, value, ok := strings.Cut(string(text), ":")
			if !ok { // the colon is left out where that leaves no doubt
				words := strings.Fields(key)
				if len(words) != 2 {
					continue
				}
				key, value = words[0], words[1]
			}
			l := Line{n, strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value), oneLine(string(raw))}
			if !yield(l) {
				return
			}
		}
	}
}

// fromUTF16 is the file in UTF-8 if it begins with a byte order mark of UTF-16.
func fromUTF16(file []byte) []byte {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.HasPrefix(file, []byte("\xff\xfe")):
	case bytes.HasPrefix(file, []byte("\xfe\xff")):
		order = binary.BigEndian
	default:
		return file
	}
	units := make([]uint16, 0, len(file)/2)
	for i := 2; i+1 < len(file); i += 2 {
		units = append(units, order.Uint16(file[i:]))
	}
	return []byte(string(utf16.Decode(units)))
}

func nextLine(b []byte) (line, rest []byte) {
	i := bytes.IndexAny(b, "\r\n")
	if i < 0 {
		return b, nil
	}
	if b[i] == '\r' && i+1 < len(b) && b[i+1] == '\n' {
		return b[:i], b[i+2:]
	}
	return b[:i], b[i+1:]
}

// ProductToken is the leading product token of an agent's name (RFC 9309,
// 2.2.1): "pairloom" of "pairloom/1.0".
func ProductToken(s string) string {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && s[i] != '-' && s[i] != '_' {
			return s[:i]
		}
	}
	return s
}

// oneLine makes foreign text fit a record: one line of valid UTF-8 and at most
// 303 bytes.
func oneLine(s string) string {
	const most = 300
	long := len(s) > most
	if long {
		end := most
		for end > most-utf8.UTFMax && !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end]
	}
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?")))
	if long {
		s += "..."
	}
	return s
}
