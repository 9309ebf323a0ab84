package filter

import (
	"fmt"
	"slices"
	"strings"
)

// detected drops texts whose likeliest language is not among those allowed; none
// allows all.
func detected(allowed []string) Rule[Text] {
	return Rule[Text]{Name: "language",
		Drop: func(t *Text) bool {
			if len(allowed) == 0 {
				return false
			}
			code, _ := t.Language()
			return !slices.Contains(allowed, code)
		},
		Detail: func(t *Text) string {
			code, confidence := t.Language()
			if code == "" {
				return "no language was detected"
			}
			return fmt.Sprintf("the text is %s (%.2f), and languages are %s", code, confidence, strings.Join(allowed, ", "))
		}}
}

// confidence drops texts whose language is not sure enough.
func confidence(smallest float64) Rule[Text] {
	r := measured("language_confidence",
		func(t *Text) (float64, bool) {
			_, c := t.Language()
			return c, true
		},
		func(t *Text, v float64) string {
			code, _ := t.Language()
			return fmt.Sprintf("the text is %q by a confidence of %.2f", code, v)
		},
		least("text.min_language_confidence", smallest))
	if smallest == 0 {
		r.Drop = func(*Text) bool { return false } // without asking
	}
	return r
}
