package settings

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

type common struct {
	Agent string `yaml:"agent"`
}

type inner struct {
	Rate float64       `yaml:"rate"`
	Wait time.Duration `yaml:"wait"`
}

type section struct {
	common
	Pairs   int      `yaml:"pairs"`
	Lists   []string `yaml:"lists"`
	Deep    inner    `yaml:"deep"`
	Clip    bool     `yaml:"clip"`
	Workers int      `yaml:"workers" pace:"true"`
	Folder  string   `yaml:"-"`
	Untold  string
}

func TestWalk(t *testing.T) {
	var got []string
	Walk(reflect.ValueOf(section{}), func(path string, f Field) { got = append(got, path) })
	want := []string{"agent", "pairs", "lists", "deep.rate", "deep.wait", "clip", "workers"}
	if !slices.Equal(got, want) {
		t.Errorf("visited %q, want %q", got, want)
	}
}

// TestHash holds the bytes of fingerprints: folders that were made with them
// would be made again otherwise.
func TestHash(t *testing.T) {
	s := section{common{"bot"}, 10, []string{"a", "b"}, inner{0.5, 2 * time.Second}, true, 8, "x", "y"}
	with := func(change func(s *section)) section { o := s; change(&o); return o }
	for _, tt := range []struct {
		name  string
		parts []any
		want  string
	}{
		{"a section, a text and a number", []any{s, "list", int64(7)}, "775d35fa0a806c62"},
		{"pace is left out", []any{with(func(s *section) { s.Workers = 1 }), "list", int64(7)}, "775d35fa0a806c62"},
		{"so is what is no key", []any{with(func(s *section) { s.Folder, s.Untold = "", "" }), "list", int64(7)}, "775d35fa0a806c62"},
		{"a key", []any{with(func(s *section) { s.Pairs = 11 }), "list", int64(7)}, "a81fcbf964e29c8b"},
		{"a key of an embedded section", []any{with(func(s *section) { s.Agent = "" }), "list", int64(7)}, "91870c346a8fdf76"},
		{"a key of a section in it", []any{with(func(s *section) { s.Deep.Wait = 0 }), "list", int64(7)}, "ba7fa9a75c2d7268"},
		{"another text", []any{s, "lists", int64(7)}, "2895fa8606dd3c09"},
		{"fewer parts", []any{s, "list"}, "d36eaca70266b948"},
		{"nothing", nil, "ef46db3751d8e999"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Hash(tt.parts...); got != tt.want {
				t.Errorf("Hash is %s, want %s", got, tt.want)
			}
		})
	}
}
