package filter

import "strings"

// undecodable drops texts of which some bytes meant nothing in their page's
// character set: each such place holds U+FFFD.
func undecodable() Rule[Text] {
	return Rule[Text]{"undecodable_text",
		func(t *Text) bool { return strings.Contains(t.Text, "\ufffd") },
		func(*Text) string {
			return "the text holds U+FFFD: bytes that mean nothing in the page's character set"
		}}
}
