package alttext

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
)

// sampleBytes is how much of a page's words is looked at.
const sampleBytes = 1 << 10

// leastScore is below that of any text that was read rightly, and above that of
// bytes that are no text.
const leastScore = 0.8

// undeclared names the character set of a page that states none in its head and
// is no UTF-8: by a meta element further down, or by how the bytes look. nil is
// UTF-8 all the same, damaged.
func undeclared(body []byte, host string) encoding.Encoding {
	if charset := prescan(body, true); charset != nil {
		return charset
	}
	if mostlyUTF8(body) {
		return nil
	}
	sample := foreignWords(body)
	language, land := pageLanguage(body), host[strings.LastIndexByte(host, '.')+1:]
	var found encoding.Encoding
	best := 0.0
	for i := range readings {
		r := &readings[i]
		charset := labelled([]byte(r.charset))
		score, ok := r.score(charset, sample)
		if !ok || score < leastScore {
			continue
		}
		if slices.Contains(strings.Fields(r.languages), language) {
			score++
		}
		if slices.Contains(strings.Fields(r.lands), land) {
			score += 0.5
		}
		if found == nil || score > best {
			found, best = charset, score
		}
	}
	return found
}

// shifted is ISO-2022-JP when the page has its escapes and they mean something.
func shifted(body []byte) encoding.Encoding {
	text, err := japanese.ISO2022JP.NewDecoder().Bytes(body)
	if err != nil || strings.ContainsRune(string(text), utf8.RuneError) {
		return nil
	}
	return japanese.ISO2022JP
}

// pageLanguage is the primary language that the html element states.
func pageLanguage(body []byte) string {
	s := scanner{text: body[:min(len(body), prescanLeast)]}
	for {
		switch _, what := s.next(); what {
		case end:
			return ""
		case declaration:
			s.skipDeclaration(false)
		case startTag:
			if s.readAttributes(); s.tag.what.kind == kindHTML {
				v, ok := s.value("lang")
				if !ok {
					v, _ = s.value("xml:lang")
				}
				language, _, _ := strings.Cut(languageTag(string(v)), "-")
				return language
			}
		}
	}
}

// mostlyUTF8 also holds for pages with a few stray bytes, and for those that
// were cut off inside a character. Text in other character sets forms characters
// of UTF-8 by chance, GB18030 in one of seven places at most.
func mostlyUTF8(body []byte) bool {
	var good, bad int
	for len(body) > 0 {
		c, n := utf8.DecodeRune(body)
		switch {
		case c == utf8.RuneError && n == 1:
			if !utf8.FullRune(body) { // cut off
				return good > 2*bad
			}
			bad++
		case n > 1:
			good++
		}
		body = body[n:]
	}
	return bad == 0 || good > 2*bad
}

// foreignWords are the words of a page that are not all ASCII: text without
// markup, wherever it stands. The second byte of a Shift_JIS or GB18030 character
// may be an ASCII letter or digit, but none of the marks that end a word here.
func foreignWords(body []byte) []byte {
	var words []byte
	for len(body) > 0 && len(words) < sampleBytes {
		end := 0
		foreign := false
		for end < min(len(body), sampleBytes) && (body[end] >= 0x40 || body[end] >= '0' && body[end] <= '9') {
			foreign = foreign || body[end] >= 0x80
			end++
		}
		if foreign {
			words = append(append(words, body[:end]...), ' ')
		}
		body = body[min(end+1, len(body)):]
	}
	return words
}

// reading is one way to read bytes of no stated character set: it says which
// characters texts are made of when they are read rightly.
type reading struct {
	charset   string
	languages string // that are written in it
	lands     string // top-level domains where it was in use
	often     string // letters in lower case, other than ASCII, that are frequent
	seldom    string // and that occur
	latin     bool   // and the letters of ASCII are of the same alphabet
	// pairs is nil when a byte is a character, else tells what a pair of bytes is
	// worth.
	pairs func(lead, trail byte) float64
}

// score is how much the bytes look like text in this reading, for each character
// that is not ASCII; false when they mean nothing in it.
func (r *reading) score(charset encoding.Encoding, sample []byte) (float64, bool) {
	text, err := charset.NewDecoder().String(string(sample))
	if err != nil {
		return 0, false
	}
	total, n := 0.0, 0
	before := ' '
	for _, c := range text {
		if c == utf8.RuneError || c != ' ' && unicode.IsControl(c) || unicode.Is(unicode.Co, c) {
			return 0, false
		}
		if c >= utf8.RuneSelf {
			n++
			total += r.worth(c)
		}
		// Capitals seldom follow capitals and never small letters, and scripts do
		// not mix.
		if unicode.IsUpper(c) && (c >= utf8.RuneSelf || before >= utf8.RuneSelf) {
			switch {
			case unicode.IsLower(before):
				total -= 2
			case unicode.IsUpper(before):
				total -= 0.4
			}
		}
		if r.pairs == nil && unicode.IsLetter(c) && unicode.IsLetter(before) {
			switch plain, plainBefore := c < utf8.RuneSelf, before < utf8.RuneSelf; {
			case !r.latin && plain != plainBefore:
				total--
			case r.latin && !plain && !plainBefore: // accents stand on single letters
				total -= 0.7
			}
		}
		before = c
	}
	if n == 0 {
		return 0, false
	}
	for i := 0; r.pairs != nil && i+1 < len(sample); i++ {
		if sample[i] >= 0x80 {
			total += r.pairs(sample[i], sample[i+1])
			if sample[i+1] >= 0x40 && !(r.charset == "shift_jis" && halfWidth(sample[i])) {
				i++
			}
		}
	}
	return total / float64(n), true
}

// worth of a character by itself.
func (r *reading) worth(c rune) float64 {
	switch low := unicode.ToLower(c); {
	case strings.ContainsRune(r.often, low):
		return 2
	case strings.ContainsRune(r.seldom, low):
		return 1
	case r.pairs != nil:
		return 0
	case strings.ContainsRune("‘’“”„–—…«»€°©®№·\u00a0", c):
		return 0.3
	case unicode.IsLetter(c):
		return -0.5
	}
	return -3
}

func halfWidth(c byte) bool { return 0xa1 <= c && c <= 0xdf }
