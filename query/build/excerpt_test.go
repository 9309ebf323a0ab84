package build

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// TestRealPages builds a list from real pages, with markup as people write it,
// and compares the commonest entries and the longest, where markup that slipped
// through would show.
func TestRealPages(t *testing.T) {
	o := options(t, 2, "testdata/enwiki-excerpt.xml.bz2")
	o.MinCount, o.MinPMI, o.MinPhraseCount = 3, 8, 3
	_, r := encoded(t, o)
	var b strings.Builder
	d := r.Dumps[0]
	fmt.Fprintf(&b, "pages %d, kept %d, dropped %v, words %d, entries %d\n", d.Pages, d.Kept, d.Dropped, d.Words, len(r.Entries))
	shown := map[string]int{}
	for _, e := range r.Entries {
		if shown[e.Source]++; shown[e.Source] <= 60 || len(e.Text) > 24 || strings.ContainsAny(e.Text, "{}[]|=<>&#") {
			fmt.Fprintf(&b, "%s\t%s\t%d\n", e.Source, e.Text, e.Count)
		}
	}
	const golden = "testdata/enwiki-excerpt.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the list differs from %s (go test -update rewrites it):\n%s", golden, b.String())
	}
}
