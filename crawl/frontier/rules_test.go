package frontier

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pairloom/pairloom/shard"
)

// row is a page as it stands in the file.
type row struct {
	name     string // http://HOST/PATH without http://
	hops     int
	state    int
	reason   string
	fetched  int64
	attempts int
	foreign  int // links out of scope
}

// frontierOf has the pages of rows, whose order is their order within a level.
func frontierOf(t *testing.T, rows []row) *Frontier {
	t.Helper()
	f := open(t, filepath.Join(t.TempDir(), "crawl.db"))
	for i, r := range rows {
		host, _, _ := strings.Cut(r.name, "/")
		_, err := f.db.Exec("INSERT INTO hosts (name, taken) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET taken = taken + ?2", host, r.fetched > 0 || r.attempts > 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.db.Exec(`INSERT INTO pages (url, host, hops, rank, state, reason, fetched, attempts, foreign_links, etag)
			SELECT ?, id, ?, ?, ?, ?, ?, ?, ?, 'e' FROM hosts WHERE name = ?`,
			"http://"+r.name, r.hops, i, r.state, r.reason, r.fetched, r.attempts, r.foreign, host)
		if err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// pages lists the names of the pages of which where holds, in order.
func pages(t *testing.T, f *Frontier, where string) string {
	t.Helper()
	rows, err := f.db.Query("SELECT url FROM pages WHERE " + where + " ORDER BY rank")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var url string
		if err := rows.Scan(&url); err != nil {
			t.Fatal(err)
		}
		names = append(names, strings.TrimPrefix(url, "http://"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

func TestLevel(t *testing.T) {
	for _, tt := range []struct {
		name    string
		rows    []row
		perHost int
		hops    int
		ok      bool
		dropped string // by the cap
	}{
		{"nothing known", nil, 0, 0, false, ""},
		{"all decided or leased", []row{{"a/1", 0, decided, "", 9, 0, 0}, {"a/2", 1, leased, "", 0, 0, 0}}, 0, 0, false, ""},
		{"the nearest pending", []row{{"a/1", 3, pending, "", 0, 0, 0}, {"a/2", 2, pending, "", 0, 0, 0}, {"a/3", 1, decided, "", 9, 0, 0}}, 0, 2, true, ""},
		{"no cap", []row{{"a/1", 0, pending, "", 0, 0, 0}, {"a/2", 0, pending, "", 0, 0, 0}}, 0, 0, true, ""},
		{"as many as the cap", []row{{"a/1", 0, pending, "", 0, 0, 0}, {"a/2", 0, pending, "", 0, 0, 0}}, 2, 0, true, ""},
		{"past the cap, in the level's order, each host for itself",
			[]row{{"a/1", 0, pending, "", 0, 0, 0}, {"b/1", 0, pending, "", 0, 0, 0}, {"a/2", 0, pending, "", 0, 0, 0}, {"a/3", 0, pending, "", 0, 0, 0}}, 1, 0, true, "a/2 a/3"},
		{"what was asked for counts", []row{{"a/1", 0, decided, "http_404", 9, 0, 0}, {"a/2", 1, pending, "", 0, 0, 0}, {"a/3", 1, pending, "", 0, 0, 0}}, 2, 1, true, "a/3"},
		{"what was never asked for does not", []row{{"a/1", 0, decided, "trap_depth", 0, 0, 0}, {"a/2", 1, pending, "", 0, 0, 0}}, 1, 1, true, ""},
		{"what is due again keeps its place", []row{{"a/1", 0, pending, "", 9, 0, 0}, {"a/2", 0, pending, "", 0, 0, 0}}, 1, 0, true, "a/2"},
		{"what is tried again keeps its place", []row{{"a/1", 0, decided, "", 9, 0, 0}, {"a/2", 0, pending, "", 0, 1, 0}, {"a/3", 0, pending, "", 0, 0, 0}}, 1, 0, true, "a/3"},
		{"a level past the cap is passed over", []row{{"a/1", 0, decided, "", 9, 0, 0}, {"a/2", 1, pending, "", 0, 0, 0}, {"b/1", 2, pending, "", 0, 0, 0}}, 1, 2, true, "a/2"},
		{"all levels past the cap", []row{{"a/1", 0, decided, "", 9, 0, 0}, {"a/2", 1, pending, "", 0, 0, 0}, {"a/3", 2, pending, "", 0, 0, 0}}, 1, 0, false, "a/2 a/3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := frontierOf(t, tt.rows)
			level, leases := Level{}, []Lease(nil)
			ok := false
			for len(leases) == 0 { // levels whose pages are all past the cap are passed over
				var err error
				if level, ok, err = f.Level(nil); err != nil {
					t.Fatal(err)
				}
				if !ok {
					break
				}
				if leases, err = f.Lease(level, 9, Rules{PerHost: tt.perHost, Reason: "cap", Rule: "the rule"}); err != nil {
					t.Fatal(err)
				}
			}
			if ok != tt.ok || ok && level != (Level{Hops: tt.hops}) {
				t.Errorf("Level = %d, %v; want %d, %v", level, ok, tt.hops, tt.ok)
			}
			if got := pages(t, f, "state = 2 AND reason = 'cap' AND rule = 'the rule'"); got != tt.dropped {
				t.Errorf("dropped %q, want %q", got, tt.dropped)
			}
		})
	}
}

func TestDue(t *testing.T) {
	for _, tt := range []struct {
		name string
		row  row
		due  bool
	}{
		{"read long ago", row{"a/1", 0, decided, "", 100, 0, 0}, true},
		{"read just now", row{"a/1", 0, decided, "", 101, 0, 0}, false},
		{"an answer that may change, long ago", row{"a/1", 0, decided, "opt_out", 100, 0, 0}, true},
		{"an answer that may change, just now", row{"a/1", 0, decided, "opt_out", 101, 0, 0}, false},
		{"not found, long ago", row{"a/1", 1, decided, "http_404", 100, 0, 0}, true},
		{"not found, just now", row{"a/1", 1, decided, "http_404", 101, 0, 0}, false},
		{"gone, long ago", row{"a/1", 1, decided, "http_410", 100, 0, 0}, false},
		{"gone, very long ago", row{"a/1", 1, decided, "http_410", 50, 0, 0}, true},
		{"a seed that is gone, long ago", row{"a/1", 0, decided, "http_410", 100, 0, 0}, true},
		{"failed in passing just now", row{"a/1", 0, decided, "timeout", 101, 0, 0}, true},
		{"failed in passing, with its attempts used up", row{"a/1", 0, decided, "timeout", 101, 2, 0}, true},
		{"never asked for", row{"a/1", 0, decided, "trap_depth", 0, 0, 0}, false},
		{"never asked for, by a reason that may pass", row{"a/1", 0, decided, "timeout", 0, 0, 0}, false},
		{"leased", row{"a/1", 0, leased, "", 1, 0, 0}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := frontierOf(t, []row{tt.row})
			if err := f.Due(200, Revisit{After: 100 * time.Second, Most: 150 * time.Second}, []string{"dns", "timeout"}); err != nil {
				t.Fatal(err)
			}
			if due := pages(t, f, "state = 0 AND attempts = 0") != ""; due != tt.due {
				t.Errorf("due is %v, want %v", due, tt.due)
			}
		})
	}
}

func TestRejudge(t *testing.T) {
	// The new rules: host b is out, paths with an x are not asked for, and
	// nothing past two hops is.
	judge := func(url string, _ Kind, hops int) (Link, bool) {
		l := Link{URL: url}
		switch {
		case strings.HasPrefix(url, "http://b/"):
			return Link{}, false
		case strings.Contains(url, "x"):
			l.Reason, l.Rule = "left_out", "an x"
		case hops > 2:
			l.Reason, l.Rule = "trap_hops", "far"
		}
		return l, true
	}
	for _, tt := range []struct {
		name string
		row  row
		want string
	}{
		{"read, still wanted", row{"a/1", 0, decided, "", 9, 0, 0}, "decided fetched 9"},
		{"read, with links that were out of scope", row{"a/1", 0, decided, "", 9, 0, 1}, "pending fetched 9"},
		{"led out of scope", row{"a/1", 0, decided, "out_of_scope", 9, 0, 0}, "pending out_of_scope () fetched 9"},
		{"not found", row{"a/1", 0, decided, "http_404", 9, 0, 0}, "decided http_404 () fetched 9"},
		{"dropped by rules that are gone", row{"a/1", 1, decided, "trap_hops", 0, 0, 0}, "pending fetched 0"},
		{"pending", row{"a/1", 2, pending, "", 0, 1, 0}, "pending fetched 0"},
		{"read, no longer asked for", row{"a/x", 0, decided, "", 9, 0, 0}, "decided left_out (an x) fetched 0"},
		{"pending, no longer asked for", row{"a/x", 0, pending, "", 0, 0, 0}, "decided left_out (an x) fetched 0"},
		{"now too far", row{"a/1", 3, pending, "", 0, 0, 0}, "decided trap_hops (far) fetched 0"},
		{"out of scope", row{"b/1", 0, decided, "", 9, 0, 0}, "forgotten"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := frontierOf(t, []row{tt.row})
			if tt.row.reason == "" && tt.row.fetched > 0 { // a page that was read has candidates
				data, err := f.encode([]shard.Candidate{{Text: "t"}})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.db.Exec("INSERT INTO texts SELECT id, ? FROM pages", data); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.Rejudge(judge, "out_of_scope"); err != nil {
				t.Fatal(err)
			}
			got, texts := "forgotten", 0
			if r, ok, err := Lookup(f.path, "http://"+tt.row.name); err != nil {
				t.Fatal(err)
			} else if ok {
				got = r.State
				if r.Reason != "" {
					got += fmt.Sprintf(" %s (%s)", r.Reason, r.Rule)
				}
				got += fmt.Sprintf(" fetched %d", r.Fetched)
			}
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if err := f.db.QueryRow("SELECT count(*) FROM texts").Scan(&texts); err != nil {
				t.Fatal(err)
			}
			// The copy at hand counts until the page is read again.
			if kept := tt.row.fetched > 0 && tt.row.reason == "" && !strings.Contains(tt.want, "left_out") && tt.want != "forgotten"; kept != (texts == 1) {
				t.Errorf("%d pages have candidates, want %v", texts, kept)
			}
			if got := pages(t, f, "state = 0 AND (etag <> '' OR attempts > 0)"); got != "" {
				t.Errorf("%s would be asked for conditionally or as a last try", got)
			}
		})
	}
}

// TestRejudgeMany goes past one batch of pages.
func TestRejudgeMany(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "crawl.db"))
	var urls []string
	for n := range 2500 {
		urls = append(urls, page(n))
	}
	seed(t, f, urls...)
	seen := map[string]int{}
	err := f.Rejudge(func(url string, _ Kind, _ int) (Link, bool) {
		seen[url]++
		return Link{URL: url}, !strings.HasSuffix(url, "7")
	}, "out_of_scope")
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) != len(urls) || slices.ContainsFunc(urls, func(u string) bool { return seen[u] != 1 }) {
		t.Errorf("%d of %d pages judged, want each once", len(seen), len(urls))
	}
	if c, err := f.Counts(); err != nil || c.Pages != 2250 {
		t.Errorf("%+v, %v: want 2,250 pages left", c, err)
	}
}

func TestLookup(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "crawl.db"))
	seed(t, f, page(1))
	l := lease(t, f, 0, 1, 0)
	commit(t, f, Result{Lease: l[0], Status: 200, OptOut: "noai", Fetched: 7, Foreign: 3, Candidates: []shard.Candidate{{Text: "t"}},
		Links: []Link{{URL: page(2)}, {URL: page(3)}, {URL: page(4)}, {URL: page(5), Reason: "trap_hops", Rule: "far"}}})
	for _, l := range lease(t, f, 1, 3, 0) {
		switch l.URL {
		case page(2):
			commit(t, f, Result{Lease: l, Status: 302, Reason: "redirected", Rule: "to 9", Target: page(9), Links: []Link{{URL: page(9)}}, Fetched: 8})
		case page(3):
			commit(t, f, Result{Lease: l, Reason: "timeout", Rule: "slow", Again: true})
		}
	}
	for _, tt := range []struct {
		url  string
		want Record
	}{
		{page(1), Record{State: "decided", Status: 200, Fetched: 7, OptOut: "noai", Candidates: 1, ForeignLinks: 3}},
		{page(2), Record{State: "decided", Reason: "redirected", Rule: "to 9", Target: page(9), Status: 302, Fetched: 8, Hops: 1, Referrer: page(1)}},
		{page(3), Record{State: "pending", Rule: "timeout: slow", Attempts: 1, Hops: 1, Referrer: page(1)}},
		{page(4), Record{State: "leased", Hops: 1, Referrer: page(1)}},
		{page(5), Record{State: "decided", Reason: "trap_hops", Rule: "far", Hops: 1, Referrer: page(1)}},
		{page(9), Record{State: "pending", Hops: 2, Referrer: page(2)}},
	} {
		tt.want.URL, tt.want.Kind = tt.url, "page"
		if got, ok, err := Lookup(f.path, tt.url); got != tt.want || !ok || err != nil {
			t.Errorf("Lookup(%s) = %+v, %v, %v; want %+v", tt.url, got, ok, err, tt.want)
		}
	}
	if got, ok, err := Lookup(f.path, page(6)); ok || err != nil {
		t.Errorf("an unknown page: %+v, %v, %v", got, ok, err)
	}
}
