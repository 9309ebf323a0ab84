package query

import (
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pairloom/pairloom/queries"
)

func compress(s string) []byte {
	e, _ := zstd.NewWriter(nil)
	return e.EncodeAll([]byte(s), nil)
}

func TestShippedList(t *testing.T) {
	list, err := Read(queries.Name, queries.List)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(list.Entries); n != 500000 {
		t.Errorf("%d entries; queries/README.md says 500,000", n)
	}
	byText := map[string]Entry{}
	for _, e := range list.Entries {
		byText[e.Text] = e
	}
	for _, text := range []string{"red fox", "Eiffel Tower", "dialog box", "turkey", "Turkey", "A.D."} {
		if byText[text].Source != "wordnet" {
			t.Errorf("%q is not in the list", text)
		}
	}
	if list.Name(0) != list.Entries[0].Text || list.Name(1<<31) != "" {
		t.Error("Name does not follow the ids")
	}
}

func TestBadLists(t *testing.T) {
	head := formatLine + "\n"
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"not zstd", []byte("red fox\n"), "read query list l:"},
		{"cut short", compress(head + "red fox\twordnet\t1\n")[:20], "read query list l:"},
		{"no header", compress("red fox\twordnet\t1\n"), "line 1 is not"},
		{"another version", compress("# pairloom queries 2\n"), "line 1 is not"},
		{"no entries", compress(head), "no entries"},
		{"empty entry", compress(head + "\twordnet\t1\n"), "line 2: the entry is empty"},
		{"repeat", compress(head + "a\tw\t1\nb\tw\t1\na\tw\t1\n"), `line 4: "a" stands on line 2 already`},
		{"too long", compress(head + strings.Repeat("x", 2000) + "\tw\t1\n"), "line 2: the entry has 2000 bytes"},
		{"no count", compress(head + "a\tw\n"), "line 2: want text, source and count"},
		{"count is no number", compress(head + "a\tw\tmany\n"), `line 2: the count "many"`},
		{"not UTF-8", compress(head + "a\xff\tw\t1\n"), "line 2: the entry is not valid UTF-8"},
		{"a million characters", compress(head + strings.Repeat("x", 1<<21) + "\tw\t1\n"), "token too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Read("l", tt.data)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want it to say %q", err, tt.want)
			}
		})
	}
}
