package frontier

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/pairloom/pairloom/shard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string) *Frontier {
	t.Helper()
	f, _, err := Open(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func commit(t *testing.T, f *Frontier, results ...Result) {
	t.Helper()
	if _, _, err := f.Commit(results, 0); err != nil {
		t.Fatal(err)
	}
}

func lease(t *testing.T, f *Frontier, hops, n int, budget int64) []Lease {
	t.Helper()
	leases, err := f.Lease(Level{Hops: hops}, n, Rules{Budget: budget})
	if err != nil {
		t.Fatal(err)
	}
	return leases
}

func seed(t *testing.T, f *Frontier, urls ...string) {
	t.Helper()
	var links []Link
	for _, u := range urls {
		links = append(links, Link{URL: u})
	}
	if err := f.Seed(links); err != nil {
		t.Fatal(err)
	}
}

func page(n int) string { return fmt.Sprintf("http://x.org/%d", n) }

func TestLeaseOrderAndBudget(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crawl.db")
	f := open(t, path)
	var urls []string
	for n := range 20 {
		urls = append(urls, page(n))
	}
	seed(t, f, urls...)
	slices.SortFunc(urls, func(a, b string) int {
		if rank(a) < rank(b) {
			return -1
		}
		return 1
	})
	var got []string
	for _, n := range []int{3, 4, 100} {
		for _, l := range lease(t, f, 0, n, 12) {
			got = append(got, l.URL)
		}
	}
	if !slices.Equal(got, urls[:12]) {
		t.Errorf("leased %v, want %v", got, urls[:12])
	}
	// A killed process leaves its leases; they are in the budget already.
	f.Close()
	f = open(t, path)
	if got := lease(t, f, 0, 100, 12); len(got) != 12 || got[0].URL != urls[0] {
		t.Errorf("after a kill: %d leases", len(got))
	}
	// The next run has a budget of its own.
	if err := f.FinishRun(5); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if got := lease(t, open(t, path), 0, 100, 7); len(got) != 7 {
		t.Errorf("next run: %d leases, want 7", len(got))
	}
}

func TestCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crawl.db")
	f := open(t, path)
	seed(t, f, page(2), page(1))
	leases := lease(t, f, 0, 2, 0)
	slices.SortFunc(leases, func(a, b Lease) int { return strings.Compare(a.URL, b.URL) })
	c := shard.Candidate{PageURL: page(1), ImageURL: "http://x.org/i?a=1&b=<2>", Text: "größer \"quoted\"", TextSource: "alt", Language: "de", License: "l", OptOut: "noai", Source: "live", CrawlTime: 7}
	d := c
	d.PageURL = page(2)
	added, dropped, err := f.Commit([]Result{
		{Lease: leases[1], Fetched: 7, Candidates: []shard.Candidate{d}},
		{Lease: leases[0], Fetched: 7, ETag: "e", Candidates: []shard.Candidate{c, c}, Links: []Link{{URL: page(1)}, {URL: page(3)}, {URL: page(4), Reason: "trap_hops", Rule: "far"}}},
	}, 0)
	if err != nil || added != 2 || dropped != 1 {
		t.Fatalf("added %d, dropped %d, error %v", added, dropped, err)
	}
	var got []shard.Candidate
	for c, err := range f.Candidates() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, c)
	}
	if !slices.Equal(got, []shard.Candidate{c, c, d}) {
		t.Errorf("candidates %+v", got)
	}
	for range f.Candidates() { // an early break must not hold the file
		break
	}
	tally, err := f.Tally()
	if err != nil || tally.In != 3 || tally.Kept != 2 || tally.Dropped["trap_hops"] != 1 || tally.Out != 3 {
		t.Errorf("tally %+v, %v", tally, err)
	}
	// A shorter way brings back a page that was too far.
	l := lease(t, f, 1, 9, 0)
	if len(l) != 1 || l[0].URL != page(3) {
		t.Fatalf("leases %+v", l)
	}
	seed(t, f, page(4))
	if l := lease(t, f, 0, 9, 0); len(l) != 1 || l[0].URL != page(4) {
		t.Errorf("leases %+v, want page 4", l)
	}
	// A page that is dropped later loses its candidates.
	commit(t, f, Result{Lease: leases[0], Reason: "http_410", Status: 410, Fetched: 9})
	tally, err = f.Tally()
	if err != nil || tally.Out != 1 {
		t.Errorf("tally %+v, %v", tally, err)
	}
}

func TestRedirectCircleInAnyOrder(t *testing.T) {
	for _, order := range [][]int{{1, 2, 3}, {3, 2, 1}, {2, 1, 3}} {
		f := open(t, filepath.Join(t.TempDir(), "crawl.db"))
		seed(t, f, page(1), page(2), page(3), page(4))
		leases := map[string]Lease{}
		for _, l := range lease(t, f, 0, 9, 0) {
			leases[l.URL] = l
		}
		commit(t, f, Result{Lease: leases[page(4)], Reason: "redirected", Target: page(1), Fetched: 1})
		for _, n := range order {
			to := page(n%3 + 1)
			commit(t, f, Result{Lease: leases[page(n)], Reason: "redirected", Target: to, Links: []Link{{URL: to}}, Fetched: 1})
		}
		tally, err := f.Tally()
		if err != nil || tally.Dropped["redirect_loop"] != 3 || tally.Dropped["redirected"] != 1 {
			t.Errorf("order %v: %+v, %v", order, tally, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	newer := filepath.Join(dir, "newer?#%.db") // a name that an address would take apart
	f, _, err := Open(newer, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := os.Stat(newer); err != nil {
		t.Error(err)
	}
	if _, _, err := Open(newer, 1); err == nil || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("newer version: %v", err)
	}
	if _, err := ReadCounts(filepath.Join(dir, "none.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, _, err := Open(filepath.Join(dir, "no", "folder.db"), 1); err == nil {
		t.Error("opened a file in no folder")
	}
}

// TestFullDisk lets the database run out of pages: the commit fails whole, and
// goes through once there is room.
func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crawl.db")
	f := open(t, path)
	seed(t, f, page(1))
	l := lease(t, f, 0, 1, 0)[0]
	var size int
	if err := f.db.QueryRow("PRAGMA page_count").Scan(&size); err != nil {
		t.Fatal(err)
	}
	limit := func(n int) {
		if err := f.db.QueryRow(fmt.Sprintf("PRAGMA max_page_count = %d", n)).Scan(new(sql.NullInt64)); err != nil {
			t.Fatal(err)
		}
	}
	limit(size + 1)
	r := Result{Lease: l, Fetched: 1, Candidates: []shard.Candidate{{ImageURL: "http://x.org/i", Text: "t"}}}
	for n := range 500 {
		r.Links = append(r.Links, Link{URL: page(n) + strings.Repeat("x", 100)})
	}
	_, _, err := f.Commit([]Result{r}, 0)
	if err == nil || !strings.Contains(err.Error(), "full") || !strings.Contains(err.Error(), path) {
		t.Fatalf("error %v, want one that names the file and says full", err)
	}
	if c, err := f.Counts(); err != nil || c.Pages != 1 || c.Pending != 1 {
		t.Errorf("after the failure: %+v, %v", c, err)
	}
	limit(1 << 20)
	commit(t, f, r)
	if c, err := f.Counts(); err != nil || c.Pages != 501 || c.Kept != 1 {
		t.Errorf("after there is room: %+v, %v", c, err)
	}
}
