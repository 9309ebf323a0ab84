package filter

import "fmt"

// words drops texts of too few or too many words, as package fold cuts them.
func words(fewest, greatest int) Rule[Text] {
	return measured("words",
		func(t *Text) (float64, bool) { return float64(t.Words()), true },
		func(_ *Text, v float64) string { return fmt.Sprintf("%g words", v) },
		least("text.min_words", float64(fewest)), most("text.max_words", float64(greatest)))
}
