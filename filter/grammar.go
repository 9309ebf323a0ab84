package filter

import "slices"

// Classes are the classes of English words that a text may be asked to have.
var Classes = []string{"noun", "determiner", "preposition"}

// classes are three rules that drop texts without a word of a class. How often they
// err is in docs/filters.md.
func classes(required []string) []Rule[Text] {
	count := map[string]func(grammar) int{
		"noun":        func(g grammar) int { return g.nouns },
		"determiner":  func(g grammar) int { return g.determiners },
		"preposition": func(g grammar) int { return g.prepositions },
	}
	var rules []Rule[Text]
	for _, class := range Classes {
		asked, of := slices.Contains(required, class), count[class]
		rules = append(rules, Rule[Text]{Name: "no_" + class,
			Drop:   func(t *Text) bool { return asked && of(t.english()) == 0 },
			Detail: func(*Text) string { return "no word is a " + class + ", which require asks for" }})
	}
	return rules
}
