package filter

import (
	"fmt"
	"unicode/utf8"
)

// characters drops texts of too few or too many characters (code points).
func characters(least, most int) Rule[Text] {
	return Rule[Text]{"characters",
		func(t *Text) bool {
			// A character has one to four bytes: most texts need no counting.
			if bytes := len(t.Text); bytes >= 4*least && (most == 0 || bytes <= most) {
				return false
			}
			n := utf8.RuneCountInString(t.Text)
			return n < least || most > 0 && n > most
		},
		func(t *Text) string {
			n := utf8.RuneCountInString(t.Text)
			if n < least {
				return fmt.Sprintf("%d characters, fewer than min_characters %d", n, least)
			}
			return fmt.Sprintf("%d characters, more than max_characters %d", n, most)
		}}
}
