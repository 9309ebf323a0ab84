package query

import (
	"slices"
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

// TestMarksOfEditors holds that a list which went through an editor is the same.
func TestMarksOfEditors(t *testing.T) {
	const plain = formatLine + "\n# date: 2026-01-31\n fox \tw\t1\nsnow\tw\t2\n"
	want, err := Read("l", compress(plain))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"byte order mark": "\uFEFF" + plain, "CRLF": strings.ReplaceAll(plain, "\n", "\r\n"),
		"blank lines": strings.ReplaceAll(plain, "\n", "\n \n\n"), "all": "\uFEFF" + strings.ReplaceAll(plain, "\n", "\r\n\r\n"),
	} {
		got, err := Read("l", compress(text))
		if err != nil || !slices.Equal(got.Entries, want.Entries) || !slices.Equal(got.Header, want.Header) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestBadLists(t *testing.T) {
	head := formatLine + "\n"
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"a text", []byte("red fox\n"), "read query list l: a query list is a zstd file as pairloom queries makes it; for a text file with a query a line run: pairloom queries from-lines FILE"},
		{"a short text", []byte("fox"), "run: pairloom queries from-lines FILE"},
		{"an empty file", nil, "run: pairloom queries from-lines FILE"},
		{"compressed text", compress("red fox\n"), "run: pairloom queries from-lines FILE"},
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
