package filter

import "fmt"

// blocked drops texts that contain a word or phrase of the list.
func blocked(list []string) Rule[Text] {
	p := newPhrases(list, nil)
	find := func(t *Text) *phrase {
		if len(p.list) == 0 {
			return nil
		}
		for i, hash := range t.wordHashes() {
			if found := p.at(t, i, hash, nil); found != nil {
				return found
			}
		}
		return nil
	}
	return Rule[Text]{Name: "blocked_word",
		Drop:   func(t *Text) bool { return find(t) != nil },
		Detail: func(t *Text) string { return fmt.Sprintf("the text contains %q of blocked_words", find(t)) }}
}
