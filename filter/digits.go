package filter

import "fmt"

// digits drops texts of which too many characters are digits, as part numbers and
// dates are.
func digits(greatest float64) Rule[Text] {
	return measured("digits",
		func(t *Text) (float64, bool) {
			k := t.characters()
			return k.share(k.digits)
		},
		func(_ *Text, v float64) string { return fmt.Sprintf("%.2f of the characters are digits", v) },
		most("text.max_digits", greatest))
}
