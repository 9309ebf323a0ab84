package token

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean is what encoding does to a text before it looks for words: bytes that
// are not UTF-8 replaced, HTML unescaped twice, white space folded and
// stripped, lower case.
func Clean(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = html.UnescapeString(html.UnescapeString(text))
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), unicode.IsSpace), " ")
}

// contractions are words of their own wherever a word may start.
var contractions = []string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}

// nextWord cuts the first word off a cleaned text, after CLIP's pattern: a
// contraction, a run of letters, one digit, or a run of anything else that is
// not white space. word is "" at the end.
func nextWord(text string) (word, rest string) {
	text = strings.TrimLeftFunc(text, unicode.IsSpace)
	if text == "" {
		return "", ""
	}
	for _, c := range contractions {
		if strings.HasPrefix(text, c) {
			return c, text[len(c):]
		}
	}
	r, size := utf8.DecodeRuneInString(text)
	switch {
	case unicode.IsLetter(r):
		return cut(text, unicode.IsLetter)
	case unicode.IsNumber(r):
		return text[:size], text[size:]
	default:
		return cut(text, func(r rune) bool { return !unicode.IsSpace(r) && !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	}
}

func cut(text string, in func(rune) bool) (word, rest string) {
	end := strings.IndexFunc(text, func(r rune) bool { return !in(r) })
	if end < 0 {
		return text, ""
	}
	return text[:end], text[end:]
}
