package pipeline

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/query"
	"github.com/pairloom/pairloom/trainer/evaluate"
)

func TestListedClasses(t *testing.T) {
	list := &query.List{Entries: []query.Entry{{Text: "bear"}, {Text: "red fox"}, {Text: "owl"}, {Text: "Bear"}}}
	for _, tt := range []struct {
		text string
		want []evaluate.Class
		err  []string
	}{
		{"Red  Fox\nbear\n", []evaluate.Class{{Label: "Red  Fox", QueryID: 1}, {Label: "bear", QueryID: 0}}, nil},
		{"owl\nwolf\nOWL\n", nil, []string{"eval.class_list", `line 2, "wolf", is no query`, `line 3, "OWL", is the query of line 1`}},
		{"owl\n\nbear\n", []evaluate.Class{{Label: "owl", QueryID: 2}, {Label: "bear", QueryID: 0}}, nil},
		{"owl\n\nwolf\n\nOwl", nil, []string{`line 3, "wolf", is no query`, `line 5, "Owl", is the query of line 1`}},
		{"owl\nowl\n", nil, []string{`line 2, "owl", is the query of line 1`}},
		{"\n \n", nil, []string{"classes.txt is empty"}},
		{"owl\nb\xE4r\n", nil, []string{"classes.txt", "line 2 is not UTF-8"}},
	} {
		path := filepath.Join(t.TempDir(), "classes.txt")
		if err := os.WriteFile(path, []byte(tt.text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := listedClasses(path, list)
		if !slices.Equal(got, tt.want) || (err == nil) != (tt.err == nil) {
			t.Errorf("%q: got %v, %v", tt.text, got, err)
		}
		for _, part := range tt.err {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q: got %v, want %q in it", tt.text, err, part)
			}
		}
	}
}
