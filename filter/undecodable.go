package filter

import "strings"

// undecodable drops texts of which some bytes meant nothing in their page's
// character set: each such place holds U+FFFD.
func undecodable() Rule[Text] {
	return Rule[Text]{Name: "undecodable_text",
		Drop: func(t *Text) bool { return strings.Contains(t.Text, "\ufffd") },
		Detail: func(*Text) string {
			return "the text holds U+FFFD: bytes that mean nothing in the page's character set"
		}}
}
