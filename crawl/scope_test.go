package crawl

import (
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/crawl/frontier"
)

func TestValidate(t *testing.T) {
	o := options("example.org")
	o.Hosts = []string{"http://example.org/"}
	err := o.Validate()
	for _, part := range []string{"crawl.seeds", "crawl.hosts"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("Validate = %v, want a word on %s", err, part)
		}
	}
	o.Seeds = nil
	if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "crawl.seeds is empty") {
		t.Errorf("Validate = %v", err)
	}
}

func TestScope(t *testing.T) {
	for _, tt := range []struct {
		scope string
		in    []string
		out   []string
	}{
		{"host", []string{"http://www.a.example.co.uk/", "https://a.example.co.uk/x", "http://more.org/"}, []string{"http://b.example.co.uk/", "http://a.example.co.uk:8080/"}},
		{"domain", []string{"http://b.example.co.uk/", "http://example.co.uk/"}, []string{"http://other.co.uk/"}},
		{"any", []string{"http://other.co.uk/"}, nil},
	} {
		o := Options{Scope: tt.scope, Hosts: []string{"more.org"}, MaxHops: 1}
		s, err := newScope(o, []string{"http://a.example.co.uk/"})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range slices.Concat(tt.in, tt.out) {
			if _, in := s.judge(u, frontier.Page, 1); in != slices.Contains(tt.in, u) {
				t.Errorf("scope %s: %s in scope is %v", tt.scope, u, in)
			}
		}
	}
}
