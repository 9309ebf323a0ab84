package browse

import (
	"testing"
)

// TestSearch looks for the pairs of foxes: b is held out; a, c, d and e are for
// training; f and g are copies of a, h was not fetched, i is too small, j waits.
func TestSearch(t *testing.T) {
	s := newServer(t, foxes(), nil)
	for _, tt := range []struct{ ask, want string }{
		{"", "acdeb"},
		{"fox", "aceb"},
		{"FOX red", "ab"},
		{"foxe", "b"},
		{`"fox"`, "ace"},
		{`"red fox"`, "a"},
		{`"red fox in"`, "a"},
		{`"ed fox"`, ""},
		{"snow", "ad"},
		{"cafe\u0301", "d"},
		{"c++", "c"},
		{"fox -red", "ce"},
		{"-fox", "d"},
		{`-"red fox"`, "cdeb"},
		{"no such word", ""},
		{"!?", ""},
		{"host:page.example", "adb"},
		{"host:PAGE.example fox", "ab"},
		{"host:other.example", "c"},
		{"host:www.other.example:8080", "c"},
		{"host:pictures.example", "acdeb"},
		{"host:ge.example", ""},
		{"-host:page.example", "ce"},
		{"query:fox", "aceb"},
		{`query:"red fox"`, "a"},
		{"query:c++ query:boat", "c"},
		{"-query:fox", "d"},
		{"query:unknown", ""},
		{"is:held-out", "b"},
		{"is:training", "acde"},
		{"is:kept", "acdeb"},
		{"is:dropped", "fghi"},
		{"is:waiting", "j"},
		{"is:any boat", "cij"},
		{"is:any -is:dropped", "acdebj"},
		{"is:nothing", ""},
		{"reason:near_duplicate_picture", "f"},
		{"reason:picture_not_fetched", "h"},
		{"reason:http_404", "h"},
		{"reason:picture_not_fetched/http_404", "h"},
		{"is:dropped -reason:http_404", "fgi"},
		{"reason:short_side fox", ""},
		{"is:any \"smaller\"", "f"},
		{"copies:" + foxes()[6].id(), "afg"},
		{"copies:" + foxes()[0].id() + " is:dropped", "fg"},
		{"copies:" + foxes()[2].id(), ""},
		{"copies:nonsense", ""},
		{"size:large fox", ""}, // no condition, so words
		{"host:", "acdeb"},     // still being written
		{`"red fox`, "a"},
	} {
		found, counts := s.index.newFilter(parseAsk(tt.ask), false).all()
		if got := s.letters(found); got != tt.want {
			t.Errorf("%q finds %q, want %q", tt.ask, got, tt.want)
		}
		among := 0
		for _, n := range counts {
			among += n
		}
		if among < len(found) {
			t.Errorf("%q counts %d pairs of all verdicts, of which it finds %d", tt.ask, among, len(found))
		}
		filter := s.index.newFilter(parseAsk(tt.ask), false)
		var each []entry
		for e := range entry(s.index.len()) {
			if filter.finds(e) {
				each = append(each, e)
			}
		}
		if got := s.letters(each); got != tt.want {
			t.Errorf("%q finds %q one by one, want %q", tt.ask, got, tt.want)
		}
	}
}

// TestAskIsWrittenAsItWasRead holds that links which change one condition keep the
// others.
func TestAskIsWrittenAsItWasRead(t *testing.T) {
	for _, tt := range []struct{ ask, with, without string }{
		{"", "is:dropped", ""},
		{`fox "in the snow" -boat`, `fox "in the snow" -boat is:dropped`, `"in the snow" -boat`},
		{`query:"red fox" is:kept host:page.example`, `query:"red fox" host:page.example is:dropped`, "is:kept host:page.example"},
		{`-query:"red fox"`, `-query:"red fox" is:dropped`, ""},
	} {
		a := parseAsk(tt.ask)
		if got := a.with(keyIs, isDropped); got != tt.with {
			t.Errorf("%q with is:dropped is %q, want %q", tt.ask, got, tt.with)
		}
		if got := a.without(0); got != tt.without {
			t.Errorf("%q without its first word is %q, want %q", tt.ask, got, tt.without)
		}
		if got := parseAsk(a.with("", "")).with(keyIs, isDropped); tt.ask != "" && got == "" {
			t.Errorf("%q is lost", tt.ask)
		}
	}
}

func FuzzAsk(f *testing.F) {
	for _, s := range []string{`fox "in the snow" -boat host:a`, `"`, "-", `key:"`, `-"a`, ":", "is:any"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a := parseAsk(text)
		for i := range a.terms {
			if a.terms[i].value == "" {
				t.Errorf("%q has an empty word", text)
			}
			a.without(i)
		}
		a.with(keyHost, "x")
	})
}
