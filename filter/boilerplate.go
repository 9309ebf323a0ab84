package filter

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

//go:embed words/boilerplate.txt
var boilerplateList string

// Kinds of boilerplate: the signs of the list.
const (
	boilerplateWhole    = '='
	boilerplateStart    = '^'
	boilerplateAnywhere = '~'
)

var boilerplatePhrases = sync.OnceValue(func() *phrases {
	var texts []string
	var kinds []byte
	for line := range strings.Lines(boilerplateList) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			texts, kinds = append(texts, line[1:]), append(kinds, line[0])
		}
	}
	return newPhrases(texts, kinds)
})

// boilerplate drops texts that stand beside any picture (words/boilerplate.txt).
func boilerplate(enabled bool) Rule[Text] {
	return Rule[Text]{Name: "boilerplate",
		Drop: func(t *Text) bool { return enabled && findBoilerplate(t) != nil },
		Detail: func(t *Text) string {
			p := findBoilerplate(t)
			where := map[byte]string{boilerplateWhole: "is", boilerplateStart: "begins with", boilerplateAnywhere: "contains"}[p.kind]
			return fmt.Sprintf("the text %s %q", where, p)
		}}
}

func findBoilerplate(t *Text) *phrase {
	list := boilerplatePhrases()
	words := t.Words()
	for words > 0 && allDigits(t.word(words-1)) {
		words--
	}
	for i, hash := range t.wordHashes() {
		found := list.at(t, i, hash, func(p *phrase) bool {
			return p.kind == boilerplateAnywhere || i == 0 && (p.kind == boilerplateStart || len(p.words) == words)
		})
		if found != nil {
			return found
		}
	}
	return nil
}

func allDigits(word []byte) bool {
	for _, c := range word {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
