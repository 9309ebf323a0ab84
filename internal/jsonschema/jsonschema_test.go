package jsonschema

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

type inner struct {
	N    int        `json:"n"`
	Both [2]float64 `json:"both"`
}

type whole struct {
	inner
	Name string           `json:"name"`
	Some *inner           `json:"some,omitempty"`
	List []inner          `json:"list"`
	By   map[string]int64 `json:"by"`
	Own  bool             `json:"-"`
}

const page = "### whole\n\n| field | type | meaning |\n|---|---|---|\n" +
	"| `n` | integer | a number |\n| `both` | list of number | two |\n| `name` | string | a name |\n| `some` | inner | one |\n| `list` | list of inner | more |\n| `by` | object of integer | counts |\n" +
	"\n### inner\n\n| `n` | integer | a number |\n| `both` | list of number | two |\n"

func TestOf(t *testing.T) {
	for _, tt := range []struct {
		name, from, to string
		want           []string
	}{
		{"all is there", "", "", nil},
		{"a field is missing", "| `name` | string | a name |\n", "", []string{`whole.name is not on the page: it is of type "string"`}},
		{"a field is of another type", "`name` | string", "`name` | integer", []string{`whole.name is "string", but the page says "integer"`}},
		{"a field has no meaning", "| a name |", "| |", []string{"whole.name has no meaning on the page"}},
		{"a field too many", "| `name`", "| `more` | string | more |\n| `name`", []string{"whole has no field more, which the page describes"}},
		{"a section too many", "### inner", "### other\n\n| `x` | string | x |\n\n### inner", []string{"the page describes other, which is not in the file"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, got := Of(reflect.TypeFor[whole](), "id", "title", strings.Replace(page, tt.from, tt.to, 1))
			if !slices.Equal(got, tt.want) {
				t.Errorf("faults are %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	s, faults := Of(reflect.TypeFor[whole](), "id", "title", page)
	if faults != nil {
		t.Fatal(faults)
	}
	const sound = `{"n": 1, "both": [1, 2.5], "name": "a", "list": [{"n": 2, "both": [0, 0]}], "by": {"x": 3}}`
	for _, tt := range []struct{ from, to, want string }{
		{"", "", ""},
		{`"name": "a", `, "", "/: lacks name"},
		{`"name": "a"`, `"name": 1`, "/name: is 1, want string"},
		{`"name": "a"`, `"name": "a", "own": true`, "/: has own, which the schema does not"},
		{`"n": 2`, `"n": 2.5`, "/list/0/n: is 2.5, want integer"},
		{`[1, 2.5]`, `[1]`, "/both: has 1 items, want 2"},
		{`{"x": 3}`, `{"x": "3"}`, "/by/x: is a string, want integer"},
		{`[{"n": 2, "both": [0, 0]}]`, `null`, "/list: is null, want array"},
		{`"n": 1`, `"n": 1, "some": []`, "/some: is a list, want object"},
		{`"n": 1`, `"n": {}`, "/n: is an object, want integer"},
		{`"n": 1`, `"n": true`, "/n: is a boolean, want integer"},
	} {
		if got := strings.Join(s.Check([]byte(strings.Replace(sound, tt.from, tt.to, 1))), "; "); got != tt.want {
			t.Errorf("%s for %s: %q, want %q", tt.to, tt.from, got, tt.want)
		}
	}
	if got := s.Check([]byte("{")); len(got) != 1 {
		t.Errorf("no JSON: %q", got)
	}
}
