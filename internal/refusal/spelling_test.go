package refusal

import (
	"strings"
	"testing"
)

// TestSpellings holds which spellings of an address are one, in the list and in the dataset,
// and which are not.
func TestSpellings(t *testing.T) {
	for _, tt := range []struct {
		name, a, b string
		same       bool
	}{
		{"case of triplets", "http://h.example/caf%C3%A9.jpg", "http://h.example/caf%c3%a9.jpg", true},
		{"an unreserved character", "http://h.example/~t.jpg", "http://h.example/%7Et.jpg", true},
		{"the same in lower case", "http://h.example/~t.jpg", "https://h.example/%7et.jpg", true},
		{"a letter", "http://h.example/own/p7.jpg", "http://h.example/%6Fwn/p7.jpg", true},
		{"in the query", "http://h.example/a?b-c=%2F", "http://h.example/a?b%2Dc=%2f", true},
		{"an empty query", "http://h.example/a.jpg", "http://h.example/a.jpg?", true},
		{"of a host alone", "http://h.example/", "http://h.example?", true},
		{"from a page's source", "http://h.example/a?x=1&y=2", "http://h.example/a?x=1&amp;y=2", true},
		{"other scripts", "http://h.example/caf%C3%A9.jpg", "http://h.example/café.jpg", true},
		{"all at once", "http://h.example/~a?x=%C3&y=~", "HTTPS://u@H.example./%7ea?x=%c3&amp;y=%7E", true},
		{"a reserved character", "http://h.example/a/b", "http://h.example/a%2Fb", false},
		{"a percent sign", "http://h.example/a%41", "http://h.example/a%2541", false},
		{"no triplet", "http://h.example/a%", "http://h.example/a%25", false},
		{"the case of a path", "http://h.example/a", "http://h.example/A", false},
		{"a question mark in a query", "http://h.example/a?b", "http://h.example/a?b?", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, of := range [][2]string{{tt.a, tt.b}, {tt.b, tt.a}} {
				l := read(t, "url "+of[0]+"\n")
				_, image := l.Refuses(&Facts{ImageURL: of[1]})
				_, page := l.Refuses(&Facts{PageURL: of[1]})
				_, address := l.RefusesAddress(of[1])
				if image != tt.same || page != tt.same || address != tt.same {
					t.Errorf("an entry %s refuses %s as picture, page, address: %v %v %v, want %v", of[0], of[1], image, page, address, tt.same)
				}
			}
			if n := New(read(t, "url "+tt.a+"\nurl "+tt.b+"\n").Entries).Len(); (n == 1) != tt.same {
				t.Errorf("%d entries", n)
			}
		})
	}
}

func TestSpellingsAllocateNothing(t *testing.T) {
	l := New(many(1000))
	f := Facts{PageURL: "https://www.some.example.net/caf%c3%a9?", ImageURL: "https://cdn.example/%7Ea.jpg?" + strings.Repeat("x=%2f&amp;", 20)}
	if n := testing.AllocsPerRun(100, func() { l.Refuses(&f) }); n != 0 {
		t.Errorf("Refuses allocates %v times", n)
	}
}
