package filter

import "fmt"

// stopWords drops texts with too small a share of English words that only have a
// grammatical task (words/english.txt): lists of terms have none.
func stopWords(fewest float64) Rule[Text] {
	return measured("stop_words",
		func(t *Text) (float64, bool) {
			return float64(t.english().stops) / float64(t.Words()), t.Words() > 0
		},
		func(_ *Text, v float64) string { return fmt.Sprintf("%.2f of the words are stop words", v) },
		least("text.min_stop_words", fewest))
}
