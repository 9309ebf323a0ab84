package pipeline

import (
	"slices"
	"strings"
	"testing"
)

// TestBraces holds what braces stand for to what a shell and WebDataset make of them.
func TestBraces(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	for _, tt := range []struct{ name, want string }{
		{"a.tar", "a.tar"},
		{"{0..3}.tar", "0.tar 1.tar 2.tar 3.tar"},
		{"{08..11}.tar", "08.tar 09.tar 10.tar 11.tar"},
		{"{00000..00002}.tar", "00000.tar 00001.tar 00002.tar"},
		{"{3..1}", "3 2 1"},
		{"{0..10..5}", "0 5 10"},
		{"{10..0..5}", "10 5 0"},
		{"{-1..1}", "-1 0 1"},
		{"x/{a,b}/{0..1}", "x/a/0 x/a/1 x/b/0 x/b/1"},
		{"{a,{1..2},b}", "a 1 2 b"},
		{"{a,}x", "ax x"},
		{"{a}", "{a}"},
		{"{", "{"},
		{"{a{1..2}", "{a1 {a2"},
		{"a}b{", "a}b{"},
		{"{1..x}", "{1..x}"},
		{"{}", "{}"},
	} {
		got, err := braces(tt.name)
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("%s stands for %q, %v; want %s", tt.name, got, err, tt.want)
		}
	}
	for _, name := range []string{"{0..99999999}", "{0..1..0}", "{0..1023}{0..1023}{0..9}", "{-9223372036854775808..9223372036854775807}"} {
		if got, err := braces(name); err == nil || !strings.Contains(err.Error(), "stands for more than") {
			t.Errorf("%s: %d names, %v", name, len(got), err)
		}
	}
}

func FuzzBraces(f *testing.F) {
	for _, name := range []string{"{0..3}.tar", "x/{a,b{1..2}}", "{{{", "{0..1..0}"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if len(name) > 40 || strings.Count(name, "..") > 2 {
			return
		}
		if got, err := braces(name); err == nil && !strings.ContainsAny(name, "{}") && !slices.Equal(got, []string{name}) {
			t.Errorf("%q became %q", name, got)
		}
	})
}
