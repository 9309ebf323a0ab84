package alttext

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/saintfish/chardet"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/japanese"
)

const (
	// sampleBytes is how much of a page's words the detector looks at.
	sampleBytes = 16 << 10
	// sampleLeast is what shorter samples are repeated to: the detector wants
	// more characters than a page with one caption has.
	sampleLeast = 1000
)

// undeclared names the character set of a page that states none in its head and
// is no UTF-8: by a meta element further down, or by how the bytes look.
func undeclared(body []byte, hint string) encoding.Encoding {
	if charset := prescan(body, true); charset != nil {
		return charset
	}
	charset, _ := guess(body)
	if charset == encoding.Nop {
		return nil
	}
	return charset
}

// shifted is ISO-2022-JP when the page has its escapes and they mean something.
func shifted(body []byte) encoding.Encoding {
	text, err := japanese.ISO2022JP.NewDecoder().Bytes(body)
	if err != nil || bytes.ContainsRune(text, utf8.RuneError) {
		return nil
	}
	return japanese.ISO2022JP
}

// guess names the character set of a page that states none.
func guess(body []byte) (enc encoding.Encoding, name string) {
	if mostlyUTF8(body) {
		return encoding.Nop, "utf-8"
	}
	sample := foreignWords(body)
	if oneByOne(sample) {
		// The default of browsers; its readers put accents on single letters.
		if enc, name, ok := suits("windows-1252", sample); ok {
			return enc, name
		}
	}
	sample = bytes.Repeat(sample, 1+sampleLeast/max(1, len(sample)))
	found, err := chardet.NewTextDetector().DetectAll(sample)
	if err == nil {
		// The detector leaves equals in any order; a page has one reading.
		slices.SortFunc(found, func(a, b chardet.Result) int {
			return cmp.Or(b.Confidence-a.Confidence, preference(b.Charset)-preference(a.Charset), cmp.Compare(a.Charset, b.Charset))
		})
		for _, f := range found {
			if enc, name, ok := suits(f.Charset, sample); ok {
				return enc, name
			}
		}
	}
	return encoding.Nop, "utf-8" // marks as unreadable what is
}

// preference decides between equals: measured on texts of known character
// sets, these two first go wrong least.
func preference(charset string) int {
	return slices.Index([]string{"GB-18030", "Shift_JIS"}, charset)
}

// suits reports whether the bytes of sample all mean something in the character
// set, and none a control or private character.
func suits(label string, sample []byte) (encoding.Encoding, string, bool) {
	if label == "GB-18030" { // the detector's own spelling
		label = "gb18030"
	}
	enc, err := htmlindex.Get(label)
	if err != nil {
		return nil, "", false
	}
	name, err := htmlindex.Name(enc)
	if err != nil || strings.HasPrefix(name, "utf-") { // markup that reads as ASCII is no UTF-16
		return nil, "", false
	}
	text, err := enc.NewDecoder().Bytes(sample)
	odd := func(c rune) bool { return c == utf8.RuneError || unicode.IsControl(c) || unicode.Is(unicode.Co, c) }
	return enc, name, err == nil && bytes.IndexFunc(text, odd) < 0
}

// mostlyUTF8 also holds for pages with a few stray bytes, and for those that
// were cut off inside a character.
func mostlyUTF8(body []byte) bool {
	var good, bad int
	for len(body) > 0 {
		c, n := utf8.DecodeRune(body)
		switch {
		case c == utf8.RuneError && n == 1:
			bad++
		case n > 1:
			good++
		}
		body = body[n:]
	}
	return bad == 0 || good > 10*bad
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

// oneByOne reports whether most bytes that are not ASCII stand between ASCII
// ones, as accented letters do in the languages of Western Europe.
func oneByOne(words []byte) bool {
	var alone, beside int
	for i, c := range words {
		switch {
		case c < 0x80:
		case i > 0 && words[i-1] >= 0x80, i+1 < len(words) && words[i+1] >= 0x80:
			beside++
		default:
			alone++
		}
	}
	return alone > beside
}
