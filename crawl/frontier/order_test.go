package frontier

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pairloom/pairloom/shard"
)

// names are those of the pages leased, in order.
func names(leases []Lease) string {
	var list []string
	for _, l := range leases {
		list = append(list, strings.TrimPrefix(l.URL, "http://x.org/"))
	}
	return strings.Join(list, " ")
}

func TestPriorityComesFirstWithinALevel(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "crawl.db"))
	seed(t, f, page(0))
	commit(t, f, Result{Lease: lease(t, f, 0, 1, 0)[0], Fetched: 1, Links: []Link{
		{URL: page(1), Text: "one"}, {URL: page(2), Priority: 5, Text: "two"}, {URL: page(3), Priority: 9, Text: "three"}, {URL: page(4), Text: "four"},
	}})
	if got := names(lease(t, f, 1, 2, 0)); got != "3 2" {
		t.Errorf("leased %s, want 3 2", got)
	}
	err := f.Rescore(func(url, label string) int64 {
		if label == "four" {
			return 3
		}
		return 0
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(lease(t, f, 1, 1, 0)); got != "4" {
		t.Errorf("weighed anew: leased %s, want 4", got)
	}
}

// Sitemaps and feeds come behind the pages of the level that names them, what
// they name as sitemaps behind them, and then the pages of all of them.
func TestSitemapsComeBehindTheirLevel(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "crawl.db"))
	seed(t, f, page(0), page(1))
	for _, l := range lease(t, f, 0, 2, 0) {
		if !l.Sitemaps {
			t.Errorf("%s: robots.txt is not asked for sitemaps", l.URL)
		}
		commit(t, f, Result{Lease: l, Fetched: 1, Links: []Link{{URL: page(10), Kind: Sitemap}, {URL: page(11), Kind: Feed}, {URL: page(20)}}})
	}
	order := ""
	for {
		level, ok, err := f.Level(nil)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		leases, err := f.Lease(level, 9, Rules{})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range leases {
			if l.Sitemaps {
				t.Errorf("%s: robots.txt is asked twice in a run", l.URL)
			}
			r := Result{Lease: l, Fetched: 1, Reason: l.Kind.String()}
			switch l.URL {
			case page(10):
				r.Links = []Link{{URL: page(12), Kind: Sitemap}, {URL: page(21)}}
			case page(12):
				r.Links = []Link{{URL: page(22)}}
			}
			commit(t, f, r)
		}
		order += strings.Join(strings.Fields(names(leases)), ",") + " "
	}
	var sets []string
	for _, level := range strings.Fields(order) {
		n := strings.Count(level, ",") + 1
		switch {
		case n == 2 && strings.Contains(level, "10") && strings.Contains(level, "11"):
			sets = append(sets, "lists")
		case level == "12":
			sets = append(sets, "inner list")
		case n == 3:
			sets = append(sets, "pages")
		default:
			sets = append(sets, level)
		}
	}
	if got := strings.Join(sets, ", "); got != "lists, inner list, pages" {
		t.Errorf("order %s (%s)", got, order)
	}
	if r, ok, err := Lookup(f.path, page(22)); !ok || err != nil || r.Hops != 1 || r.Referrer != page(12) {
		t.Errorf("a page of a sitemap: %+v, %v, %v", r, ok, err)
	}
}

func TestRevisit(t *testing.T) {
	for _, tt := range []struct {
		name    string
		pace    int
		fetched int64
		r       Revisit
		due     bool
	}{
		{"as usual, in time", 1000, 100, Revisit{100 * time.Second, 0, time.Hour}, true},
		{"as usual, too early", 1000, 101, Revisit{100 * time.Second, 0, time.Hour}, false},
		{"sooner", 500, 150, Revisit{100 * time.Second, 0, time.Hour}, true},
		{"later", 2000, 50, Revisit{100 * time.Second, 0, time.Hour}, false},
		{"not sooner than the least", 500, 150, Revisit{100 * time.Second, 60 * time.Second, time.Hour}, false},
		{"not later than the most", 9000, 80, Revisit{100 * time.Second, 0, 120 * time.Second}, true},
	} {
		f := frontierOf(t, []row{{"a/1", 0, decided, "", tt.fetched, 0, 0}})
		if _, err := f.db.Exec("UPDATE pages SET pace = ?", tt.pace); err != nil {
			t.Fatal(err)
		}
		n, err := ReadDue(f.path, 200, tt.r, []string{"timeout"})
		if err != nil || (n == 1) != tt.due {
			t.Errorf("%s: %d due, %v", tt.name, n, err)
		}
		if err := f.Due(200, tt.r, []string{"timeout"}); err != nil {
			t.Fatal(err)
		}
		if due := pages(t, f, "state = 0") != ""; due != tt.due {
			t.Errorf("%s: due is %v", tt.name, due)
		}
	}
}

// A list that says that a page has changed makes it due, but not at once again.
func TestChangedPagesAreDue(t *testing.T) {
	for _, tt := range []struct {
		name             string
		fetched, changed int64
		due              bool
	}{
		{"changed since", 100, 101, true},
		{"changed before", 100, 100, false},
		{"changed since, fetched just now", 151, 200, false},
		{"the list does not say", 100, 0, false},
	} {
		f := frontierOf(t, []row{{"a/1", 0, decided, "", tt.fetched, 0, 0}})
		if err := f.Seed([]Link{{URL: "http://a/list", Kind: Sitemap}}); err != nil {
			t.Fatal(err)
		}
		l := lease(t, f, 0, 1, 0)
		if _, _, err := f.Commit([]Result{{Lease: l[0], Fetched: 200, Reason: "sitemap", Links: []Link{{URL: "http://a/1", Changed: tt.changed}}}}, 150); err != nil {
			t.Fatal(err)
		}
		if due := pages(t, f, "state = 0") != ""; due != tt.due {
			t.Errorf("%s: due is %v", tt.name, due)
		}
	}
}

// A page that is gone is due when a page that was read leads to it, but not at once
// again; no other decision is changed by a link.
func TestLinksToWhatIsGone(t *testing.T) {
	for _, tt := range []struct {
		name    string
		reason  string
		fetched int64
		from    Kind
		link    Link
		due     bool
	}{
		{"not found", "http_404", 150, Page, Link{}, true},
		{"gone", "http_410", 150, Page, Link{}, true},
		{"not found just now", "http_404", 151, Page, Link{}, false},
		{"never asked for", "http_404", 0, Page, Link{}, false},
		{"opted out", "opt_out", 100, Page, Link{}, false},
		{"read", "", 100, Page, Link{}, false},
		{"the link is not to be followed", "http_404", 100, Page, Link{Reason: "trap_hops"}, false},
		{"a list names it, as ever", "http_404", 100, Sitemap, Link{}, false},
		{"a list says that it has changed", "http_404", 100, Sitemap, Link{Changed: 120}, true},
		{"a list says that it changed before", "http_404", 100, Sitemap, Link{Changed: 99}, false},
		{"robots.txt names it, as in each run", "http_404", 100, Page, Link{Kind: Sitemap}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := frontierOf(t, []row{{"a/1", 3, decided, tt.reason, tt.fetched, 0, 0}})
			if _, err := f.db.Exec("UPDATE pages SET kind = ?", tt.link.Kind); err != nil {
				t.Fatal(err)
			}
			if err := f.Seed([]Link{{URL: "http://a/from", Kind: tt.from}}); err != nil {
				t.Fatal(err)
			}
			tt.link.URL = "http://a/1"
			l := lease(t, f, 0, 1, 0)
			if _, _, err := f.Commit([]Result{{Lease: l[0], Fetched: 200, Links: []Link{tt.link}}}, 150); err != nil {
				t.Fatal(err)
			}
			if due := pages(t, f, "state = 0") != ""; due != tt.due {
				t.Errorf("due is %v, want %v", due, tt.due)
			}
		})
	}
}

func TestRecall(t *testing.T) {
	f := frontierOf(t, []row{
		{"a/refused", 0, decided, "address_refused", 9, 0, 0}, {"a/gone", 0, decided, "http_404", 9, 0, 0},
		{"a/read", 0, decided, "", 9, 0, 0}, {"a/cut", 0, decided, "", 9, 0, 0}, {"a/mine", 0, decided, "", 9, 0, 0},
	})
	if _, err := f.db.Exec(`UPDATE pages SET copy = 1 WHERE reason = ''; UPDATE pages SET rule = 'cut off at 5' WHERE url = 'http://a/cut';
		UPDATE pages SET opt_out = 'noai' WHERE url = 'http://a/mine'`); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		refused Refused
		want    string
	}{
		{Refused{}, ""},
		{Refused{Reasons: []string{"address_refused", "opt_out"}}, "a/refused"},
		{Refused{Rules: []string{"cut off"}}, "a/cut"},
		{Refused{OptOuts: true}, "a/mine"},
		{Refused{Read: true}, "a/read a/cut a/mine"},
	} {
		if err := f.Recall(tt.refused); err != nil {
			t.Fatal(err)
		}
		if got := pages(t, f, "state = 0 AND etag = ''"); got != tt.want {
			t.Errorf("%+v: %q are asked for again, want %q", tt.refused, got, tt.want)
		}
		if _, err := f.db.Exec("UPDATE pages SET state = 2, etag = 'e'"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLongLevel has more pages past the cap than one transaction looks at.
func TestLongLevel(t *testing.T) {
	if testing.Short() {
		t.Skip("21,000 pages")
	}
	f := open(t, filepath.Join(t.TempDir(), "crawl.db"))
	seed(t, f, page(0))
	var links []Link
	for n := range walk + 1000 {
		links = append(links, Link{URL: page(n + 1), Priority: 1})
	}
	links = append(links, Link{URL: "http://y.org/"})
	commit(t, f, Result{Lease: lease(t, f, 0, 1, 0)[0], Fetched: 1, Links: links, Candidates: []shard.Candidate{{Text: "t"}}})
	leases, err := f.Lease(Level{Hops: 1}, 9, Rules{PerHost: 1, Reason: "cap", Rule: "1"})
	if err != nil || len(leases) != 1 || leases[0].Host != "y.org" {
		t.Errorf("leased %+v, %v; want that of the other host", leases, err)
	}
	skip := func(host string) bool { return host == "y.org" }
	if leases, err = f.Lease(Level{Hops: 1}, 9, Rules{Skip: skip}); err != nil || len(leases) != 0 {
		t.Errorf("leased %+v, %v; nothing else is left", leases, err)
	}
	if tally, err := f.Tally(); err != nil || tally.Dropped["cap"] != walk+1000 {
		t.Errorf("%+v, %v", tally, err)
	}
}
