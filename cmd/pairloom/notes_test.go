package main

import (
	"slices"
	"testing"

	"github.com/pairloom/pairloom/crawl"
	"github.com/pairloom/pairloom/crawl/archive"
	"github.com/pairloom/pairloom/pipeline"
)

// What pages said and is not among the candidates is told below the table.
func TestNotesOfPages(t *testing.T) {
	for _, tt := range []struct {
		name   string
		result any
		want   []string
	}{
		{"a crawl", pipeline.Crawled{Result: &crawl.Result{Placeholders: 12}}, []string{"12 candidates dropped: their address stands under four texts or more"}},
		{"archives", pipeline.Archived{LeftOut: archive.LeftOut{Placeholders: 1200, Cut: 3}}, []string{
			"1,200 candidates dropped: their address stands under four texts or more",
			"3 candidates, links and sources left out: more than one page may have; pairloom explain tells of a page"}},
		{"nothing left out", pipeline.Crawled{Result: &crawl.Result{}}, nil},
	} {
		if got := notesOf(tt.result); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
