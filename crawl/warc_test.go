package crawl

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/crawl/archive"
	"github.com/pairloom/pairloom/crawl/gate"
)

// TestWARC: the archive that a crawl keeps says of pictures what the crawl itself
// took from the pages.
func TestWARC(t *testing.T) {
	s := newSite(t)
	dir := t.TempDir()
	o := options(s.URL)
	o.WARC = true
	var out strings.Builder
	manners := gateOptions()
	manners.Policies = true
	if _, err := runWith(context.Background(), dir, o, manners, &out, clock); err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "warc", "*"))
	if err != nil || len(paths) != 1 || !strings.HasSuffix(paths[0], ".warc.gz") {
		t.Fatalf("found %q, %v; want one file that is finished", paths, err)
	}
	f, err := os.Open(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := archive.NewReader(f, func(reason string, at int64) { t.Errorf("%s at %d", reason, at) })
	defer r.Close()
	scan, err := os.Open(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	defer scan.Close()
	robots, err := archive.NewRobots("pairloom", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer robots.Close()
	how := archive.Options{Token: "pairloom", Respect: gate.Wishes(), Policies: true, MaxPageBytes: 1 << 16, Now: clock()}
	if err := archive.NewExtractor(how, nil).ScanRobots(t.Context(), scan, robots.Add); err != nil {
		t.Fatal(err)
	}
	x := archive.NewExtractor(how, robots)
	var got []string
	for {
		record, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		candidates, _ := x.Record(record, "x")
		for _, c := range candidates {
			c.Source = "live"
			got = append(got, fmt.Sprintf("%+v", c))
		}
	}
	want := strings.Split(strings.TrimSpace(out.String()), "\n")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the archive gives %d candidates, the crawl gave %d:\n%s\n%s", len(got), len(want), strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
