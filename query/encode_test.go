package query

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestEncodedReadsBack(t *testing.T) {
	header := []string{"recipe: test", "date: 2026-01-31", "source: a", "source: b"}
	entries := []Entry{{"red fox", "phrase", 7}, {"#c", "word", 1}, {"狐", "title", 1 << 40}}
	var one, two bytes.Buffer
	if err := Encode(&one, header, entries); err != nil {
		t.Fatal(err)
	}
	if err := Encode(&two, header, entries); err != nil || !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Errorf("the same list gave other bytes (%v)", err)
	}
	list, err := Read("l", one.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(list.Entries, entries) {
		t.Errorf("read %v, want %v", list.Entries, entries)
	}
	if got := list.Facts("source"); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("sources are %q", got)
	}
}

func TestEncodeRefuses(t *testing.T) {
	for _, e := range []Entry{{"", "w", 1}, {"a\tb", "w", 1}, {"a\nb", "w", 1}, {"# a", "w", 1}, {"\xff", "w", 1}, {strings.Repeat("x", 2000), "w", 1}} {
		if err := Encode(&bytes.Buffer{}, nil, []Entry{e}); err == nil {
			t.Errorf("entry %q was written", e.Text)
		}
	}
}
