package filter

import "fmt"

// words drops texts of too few or too many words, as package fold cuts them.
func words(least, most int) Rule[Text] {
	return Rule[Text]{"words",
		func(t *Text) bool { return t.Words() < least || most > 0 && t.Words() > most },
		func(t *Text) string {
			if n := t.Words(); n < least {
				return fmt.Sprintf("%d words, fewer than min_words %d", n, least)
			}
			return fmt.Sprintf("%d words, more than max_words %d", t.Words(), most)
		}}
}
