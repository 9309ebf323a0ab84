package filter

import "slices"

// textSource drops texts from places that are not listed.
func textSource(allowed []string) Rule[Text] {
	return Rule[Text]{Name: "text_source",
		Drop:   func(t *Text) bool { return !slices.Contains(allowed, t.TextSource) },
		Detail: func(t *Text) string { return t.TextSource + " is not among sources" }}
}
