package main

import (
	"strings"
	"testing"

	"github.com/pairloom/pairloom/pipeline"
)

func TestExplainSaysTheDetectedLanguage(t *testing.T) {
	for _, tt := range []struct {
		language string
		want     bool
	}{{"de", true}, {"", false}} {
		e := &pipeline.Explanation{Asked: "0123456789abcdef", Pairs: []pipeline.PairReport{{PairID: "0123456789abcdef", Text: "eine Katze", Language: tt.language, Stage: "match"}}}
		if out := explained(e); strings.Contains(out, "    language detected: de\n") != tt.want || strings.Contains(out, "language") != tt.want {
			t.Errorf("of a text in %q explain says\n%s", tt.language, out)
		}
	}
}
