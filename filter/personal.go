package filter

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// personalData drops texts with a mail address or a telephone number in them.
func personalData(drop bool) Rule[Text] {
	find := func(t *Text) span {
		if t.characters().digits < fewestPhoneDigits && strings.IndexByte(t.Text, '@') < 0 {
			return span{}
		}
		return nextPersonal(t.Text, 0)
	}
	return Rule[Text]{Name: "personal_data",
		Drop:   func(t *Text) bool { return drop && find(t).what != "" },
		Detail: func(t *Text) string { return fmt.Sprintf("the text holds a %s", find(t).what) }}
}

// Masked stands where personal data stood. It is no word and no part of one.
const Masked = "***"

// MaskPersonal is the text with each mail address and telephone number replaced by
// [Masked], so that it holds none any more; the text itself where there is none.
//
// A mail address is a name, an at sign, and a host with a point in it. A telephone
// number is a run of digits with single signs between them (space, point, hyphen,
// slash, brackets) that: begins with +, with 8 to 15 digits; follows a word such as
// tel or fax, with 6 to 15; is written as in North America, of 3, 3 and 4 digits,
// maybe after a 1; or begins with 0, is in groups of 2 to 5, with 9 to 11 digits.
// Dates, years, sizes, prices, ISBN and IP addresses are none of these; numbers
// without any sign or such a word are not found.
func MaskPersonal(text string) string {
	for { // each round makes it shorter
		found := nextPersonal(text, 0)
		if found.what == "" {
			return text
		}
		var b strings.Builder
		from := 0
		for ; found.what != ""; found = nextPersonal(text, from) {
			b.WriteString(text[from:found.start])
			b.WriteString(Masked)
			from = found.end
		}
		b.WriteString(text[from:])
		text = b.String()
	}
}

// span is a place in a text; what is "" for none.
type span struct {
	start, end int
	what       string
}

// nextPersonal finds the first personal data that begins at from or after.
func nextPersonal(text string, from int) span {
	phone := nextPhone(text, from)
	if mail := nextMail(text, from); mail.what != "" && (phone.what == "" || mail.start < phone.end) {
		return mail
	}
	return phone
}

func nextMail(text string, from int) span {
	for at := from; ; at++ {
		i := strings.IndexByte(text[at:], '@')
		if i < 0 {
			return span{}
		}
		at += i
		start, end := at, at+1
		for start > from && mailByte(text[start-1], "._%+-'") {
			start--
		}
		for end < len(text) && mailByte(text[end], ".-") {
			end++
		}
		for end > at && (text[end-1] == '.' || text[end-1] == '-') {
			end--
		}
		if end <= at+1 {
			continue
		}
		host := text[at+1 : end]
		point := strings.LastIndexByte(host, '.')
		if start < at && point > 0 && len(host)-point > 2 && !strings.Contains(host, "..") && !digit(host[point+1]) {
			return span{start, end, "mail address"}
		}
	}
}

func mailByte(c byte, signs string) bool {
	return c >= utf8.RuneSelf || digit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' || strings.IndexByte(signs, c) >= 0
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// Counts of a telephone number's digits.
const (
	fewestPhoneDigits = 6
	mostPhoneDigits   = 15
)

func nextPhone(text string, from int) span {
	for i := from; i < len(text); i++ {
		c := text[i]
		if !digit(c) && c != '+' && c != '(' {
			continue
		}
		if r, _ := utf8.DecodeLastRuneInString(text[:i]); i > 0 && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '.' || r == '/' || r == '-' || r == '_') {
			i = lastOfRun(text, i)
			continue
		}
		n := readNumber(text[i:])
		if n.digits >= fewestPhoneDigits && n.digits <= mostPhoneDigits && n.isPhone(text[:i]) {
			return span{i, i + n.end, "telephone number"}
		}
		if n.end > 0 {
			i += n.end - 1
		}
	}
	return span{}
}

// lastOfRun is the last byte of the digits that text has at i, i where it has none.
func lastOfRun(text string, i int) int {
	for i+1 < len(text) && digit(text[i]) && digit(text[i+1]) {
		i++
	}
	return i
}

// written is a number as it stands in a text.
type written struct {
	end    int // its length in bytes
	digits int
	plus   bool
	groups [mostPhoneDigits]int // how many digits stand together, and then together
	count  int                  // of groups
	zero   bool                 // the first digit is 0
	signs  int                  // between groups, but for spaces
}

// readNumber reads digits, and the single signs between them.
func readNumber(text string) written {
	var n written
	i := 0
	if text[0] == '+' {
		n.plus = true
		i++
	}
	for i < len(text) {
		start := i
		for i < len(text) && i-start < 3 && strings.IndexByte(" -./()", text[i]) >= 0 {
			i++
		}
		between := text[start:i]
		first := i
		for i < len(text) && digit(text[i]) {
			i++
		}
		if i == first || n.count == len(n.groups) || !joins(between, n.count == 0) {
			break
		}
		if n.count == 0 {
			n.zero = text[first] == '0'
		}
		if between != "" && between != " " {
			n.signs++
		}
		n.groups[n.count] = i - first
		n.count++
		n.digits += i - first
		n.end = i
	}
	if n.end < len(text) {
		if r, _ := utf8.DecodeRuneInString(text[n.end:]); unicode.IsLetter(r) || r == '%' || r == '$' || r == '€' {
			n.digits = 0 // 100mm, 5%
		}
	}
	return n
}

// joins tells whether a number may have these signs between two groups of digits, or
// before the first.
func joins(signs string, first bool) bool {
	switch signs {
	case "", " (", "(":
		return true
	case " ", "-", ".", "/", ")", ") ", ")-", " - ":
		return !first
	}
	return false
}

// isPhone tells by the number's form, or by the word before it.
func (n *written) isPhone(before string) bool {
	groups := n.groups[:n.count]
	if n.plus {
		return n.digits >= 8
	}
	if calls(before) {
		return true
	}
	if len(groups) == 4 && groups[0] == 1 && !n.zero {
		groups = groups[1:]
	}
	if len(groups) == 3 && groups[0] == 3 && groups[1] == 3 && groups[2] == 4 {
		return true
	}
	if !n.zero || n.digits < 9 || n.digits > 11 || len(groups) < 2 {
		return false
	}
	for _, g := range n.groups[:n.count] {
		if g < 2 || g > 5 {
			return n.signs > 0 && n.count == 2 && g > 5 // 030/1234567
		}
	}
	return true
}

// callWords are what stands before telephone numbers.
var callWords = []string{"tel", "tel.", "telephone", "phone", "call", "fax", "mobile", "mob", "cell", "whatsapp", "ph",
	"tél", "tél.", "téléphone", "telefon", "telefono", "teléfono", "telefoon"}

// calls tells whether the text ends in such a word, colon and spaces behind it.
func calls(text string) bool {
	text = strings.TrimRight(text, " :#")
	for _, word := range callWords {
		if len(text) >= len(word) && strings.EqualFold(text[len(text)-len(word):], word) {
			r, _ := utf8.DecodeLastRuneInString(text[:len(text)-len(word)])
			if len(text) == len(word) || !unicode.IsLetter(r) {
				return true
			}
		}
	}
	return false
}
