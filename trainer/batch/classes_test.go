package batch

import (
	"slices"
	"strings"
	"testing"
)

func TestClasses(t *testing.T) {
	pairs := fake{
		{Text: "Red Fox", PictureHash: 5}, {Text: " brown bear ", PictureHash: 6}, {Text: "a red fox", PictureHash: 7},
		{Text: "an animal", PictureHash: 6}, {Text: "something"}, {Text: "brown bear", PictureHash: 5}, {Text: "it", PictureHash: 5},
		{Text: "red fox"}, {Text: "no picture is known"},
	}
	for _, tt := range []struct {
		pairs  fake
		labels string
		want   []int32
		found  int
		fault  string
	}{
		{pairs, "brown bear|RED FOX|owl", []int32{1, 0, -1, 0, -1, 0, 1, 1, -1}, 4, ""},
		{pairs, "owl", []int32{-1, -1, -1, -1, -1, -1, -1, -1, -1}, 0, ""},
		{fake{}, "owl", []int32{}, 0, ""},
		{pairs, "owl| ", nil, 0, "line 2 is empty"},
		{pairs, "owl|bear|OWL", nil, 0, `line 3 repeats "owl" of line 1`},
	} {
		got, found, err := classesOf(tt.pairs, strings.Split(tt.labels, "|"))
		if tt.fault != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("%s: got %v, want %q in it", tt.labels, err, tt.fault)
			}
			continue
		}
		if err != nil || !slices.Equal(got, tt.want) || found != tt.found {
			t.Errorf("%s: got %v, %d found, %v, want %v, %d", tt.labels, got, found, err, tt.want, tt.found)
		}
	}
}

// TestSourceClasses asks rows of a file.
func TestSourceClasses(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, "a fox", "an owl", "A Fox")
	s, err := Open(dir, Training)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, found, err := s.Classes([]string{"an owl", "a fox"}); err != nil || found != 3 || !slices.Equal(got, []int32{1, 0, 1}) {
		t.Errorf("got %v, %d found, %v", got, found, err)
	}
}
