package filter

import "fmt"

// special drops texts of which too many characters are neither letters nor marks: white
// space, digits, punctuation and symbols, as ROOTS and OBELICS count. Of an English
// sentence that is about a fifth.
func special(greatest float64) Rule[Text] {
	return measured("special_characters",
		func(t *Text) (float64, bool) {
			k := t.characters()
			return k.share(k.all - k.letters)
		},
		func(_ *Text, v float64) string { return fmt.Sprintf("%.2f of the characters are no letters", v) },
		most("text.max_special_characters", greatest))
}
