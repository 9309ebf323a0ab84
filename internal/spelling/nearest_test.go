package spelling

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"max_pages", "max_hops", "seeds", "scope"}
	for _, tt := range []struct {
		word string
		most int
		want string
	}{
		{"max_pagess", 3, "max_pages"},
		{"max_page", 3, "max_pages"},
		{"seed", 3, "seeds"},
		{"elephants", 3, ""},
		{"scopes", 0, ""},
		{"scope", 0, "scope"},
		{"max_pops", 3, "max_hops"},
		{"", 99, "scope"}, // as far from seeds: alphabetical order decides
	} {
		if got := Nearest(tt.word, names, tt.most); got != tt.want {
			t.Errorf("Nearest(%q, most %d) = %q, want %q", tt.word, tt.most, got, tt.want)
		}
	}
}
