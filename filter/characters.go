package filter

import (
	"fmt"
	"unicode/utf8"
)

// characters drops texts of too few or too many characters (code points).
func characters(fewest, greatest int) Rule[Text] {
	r := measured("characters",
		func(t *Text) (float64, bool) { return float64(utf8.RuneCountInString(t.Text)), true },
		func(_ *Text, v float64) string { return fmt.Sprintf("%g characters", v) },
		least("text.min_characters", float64(fewest)), most("text.max_characters", float64(greatest)))
	count := r.Drop
	r.Drop = func(t *Text) bool {
		// A character has one to four bytes: most texts need no counting.
		if bytes := len(t.Text); bytes >= 4*fewest && (greatest == 0 || bytes <= greatest) {
			return false
		}
		return count(t)
	}
	return r
}
