package query

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestFromLines(t *testing.T) {
	for _, tt := range []struct{ name, text, entries, dropped string }{
		{"a query a line", "red fox\nsnow\n", "red fox 1, snow 1", ""},
		{"order is kept", "snow\nfox\nbear", "snow 1, fox 1, bear 1", ""},
		{"marks of editors", "\uFEFFred fox\r\nsnow\r\n", "red fox 1, snow 1", ""},
		{"space around", "  red fox \t\n", "red fox 1", ""},
		{"blank lines", "\nfox\n \t\n\n", "fox 1", "blank 3"},
		{"duplicates", "fox\nsnow\nfox\nfox\n", "fox 3, snow 1", "duplicate 2"},
		{"case makes another query", "fox\nFox\n", "fox 1, Fox 1", ""},
		{"comment", "# animals\n#c\n# \nfox", "#c 1, # 1, fox 1", "comment 1"},
		{"Latin-1", "caf\xE9\nfox\n", "fox 1", "not_utf8 1"},
		{"tabs and controls", "fox\tword\t3\na\rb\na\x00b\nfox", "fox 1", "tab_or_control 3"},
		{"too long", strings.Repeat("x", maxEntryBytes+1) + "\n" + strings.Repeat("é", maxEntryBytes/2), strings.Repeat("é", maxEntryBytes/2) + " 1", "over_1024_bytes 1"},
		{"nothing", "", "", ""},
		{"no word, as MetaCLIP's mode finds it", "!!!", "!!! 1", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header, entries, tally, err := FromLines("animals.txt", strings.NewReader(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if err := tally.Check(); err != nil {
				t.Error(err)
			}
			var got, dropped []string
			for _, e := range entries {
				got = append(got, fmt.Sprintf("%s %d", e.Text, e.Count))
			}
			for _, r := range tally.Reasons() {
				dropped = append(dropped, fmt.Sprintf("%s %d", r, tally.Dropped[r]))
			}
			if all := strings.Join(got, ", "); all != tt.entries {
				t.Errorf("entries are %s, want %s", all, tt.entries)
			}
			if all := strings.Join(dropped, ", "); all != tt.dropped {
				t.Errorf("dropped are %s, want %s", all, tt.dropped)
			}
			if len(entries) == 0 {
				return
			}
			// What is an entry is one for a list too.
			var b bytes.Buffer
			if err := Encode(&b, header, entries); err != nil {
				t.Fatal(err)
			}
			list, err := Read("l", b.Bytes())
			if err != nil || !slices.Equal(list.Entries, entries) {
				t.Errorf("the list reads back as %v, %v", list, err)
			}
		})
	}
}

func TestFromLinesNamesItsSource(t *testing.T) {
	header, _, _, err := FromLines("of\ncats\xFF.txt", strings.NewReader("fox\n"))
	const want = "source: lines of cats?.txt sha256 6b11f0c75173495bf8df6bebde95939d85332e466418b084deb6aa3b5a6a5c80"
	if err != nil || len(header) != 2 || header[1] != want {
		t.Errorf("the header is %q, %v", header, err)
	}
	fault := errors.New("disk")
	if _, _, _, err := FromLines("cats.txt", iotest.ErrReader(fault)); !errors.Is(err, fault) || !strings.Contains(err.Error(), "cats.txt") {
		t.Errorf("a fault of the disk is %v", err)
	}
}
