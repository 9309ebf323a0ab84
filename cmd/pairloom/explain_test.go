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

func TestExplainSaysHowImportedPicturesAreNamed(t *testing.T) {
	if out := explained(&pipeline.Explanation{Asked: "/pictures/e.jpg"}); !strings.Contains(out, "list:NAME/FOLDER/PATH") {
		t.Errorf("of what is not known explain says\n%s", out)
	}
}
