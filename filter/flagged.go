package filter

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

//go:embed words/flagged-en.txt
var flaggedEnglish string

var flaggedPhrases = sync.OnceValue(func() *phrases {
	return newPhrases(strings.Split(strings.TrimSpace(flaggedEnglish), "\n"), nil)
})

// flagged drops texts in which too great a share of words is flagged
// (words/flagged-en.txt), each word of a flagged phrase among them.
func flagged(list string, greatest float64) Rule[Text] {
	return measured("flagged_words",
		func(t *Text) (float64, bool) {
			if list != "english" || t.Words() == 0 {
				return 0, false
			}
			p, n := flaggedPhrases(), 0
			for i, hashes := 0, t.wordHashes(); i < len(hashes); {
				length := 1
				if found := p.at(t, i, hashes[i], nil); found != nil {
					length = len(found.words)
					n += length
				}
				i += length
			}
			return float64(n) / float64(t.Words()), true
		},
		func(_ *Text, v float64) string { return fmt.Sprintf("%.3f of the words are flagged", v) },
		most("text.max_flagged_words", greatest))
}
