package frontier

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pairloom/pairloom/shard"
)

// version1 is a copy of a file that the first version wrote: a crawl that was
// killed with one page leased.
func version1(t *testing.T) string { return fixture(t, "testdata/version-1.db") }

// fixture is a crawl.db that is a copy of a file.
func fixture(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "crawl.db")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantOfVersion1 is what it says, once its leases are released.
var wantOfVersion1 = []Record{
	{URL: "http://a.example/", State: "decided", Status: 200, Fetched: 1_700_000_000, OptOut: "noai", Candidates: 1, ForeignLinks: 2},
	{URL: "http://a.example/1", State: "pending", Hops: 1, Referrer: "http://a.example/"},
	{URL: "http://a.example/2", State: "pending", Hops: 1, Referrer: "http://a.example/"},
	{URL: "http://a.example/3", State: "decided", Reason: "redirected", Rule: "to http://a.example/4", Target: "http://a.example/4", Status: 302, Fetched: 1_700_000_003, Hops: 1, Referrer: "http://a.example/"},
	{URL: "http://a.example/4", State: "pending", Hops: 2, Referrer: "http://a.example/3"},
	{URL: "http://b.example/", State: "decided", Reason: "address_refused", Rule: "127.0.0.1 is not a public address", Fetched: 1_700_000_001},
	{URL: "http://b.example/far", State: "decided", Reason: "trap_hops", Rule: "1 links from a seed, crawl.max_hops = 0", Hops: 1, Referrer: "http://a.example/"},
	{URL: "http://b.example/gone", State: "decided", Reason: "http_404", Rule: "Not Found", Status: 404, Fetched: 1_700_000_002},
}

func checkVersion1(t *testing.T, path string, leased string) {
	t.Helper()
	for _, want := range wantOfVersion1 {
		want.Kind = "page"
		if want.URL == leased {
			want.State = "leased"
		}
		if got, ok, err := Lookup(path, want.URL); got != want || !ok || err != nil {
			t.Errorf("%+v, %v, %v; want %+v", got, ok, err, want)
		}
	}
	c, err := ReadCounts(path)
	if err != nil || c != (Counts{Pages: 8, Kept: 1, Dropped: 4, Pending: 3, Hosts: 2, Candidates: 1, Running: true}) {
		t.Errorf("counts %+v, %v", c, err)
	}
}

// Who looks at an older file sees all of it, and changes nothing.
func TestLookAtVersion1(t *testing.T) {
	path := version1(t)
	before := contents(t, filepath.Dir(path))
	checkVersion1(t, path, "http://a.example/1")
	if err := Check(t.Context(), path); err != nil {
		t.Error(err)
	}
	if contents(t, filepath.Dir(path)) != before {
		t.Error("the folder has changed")
	}
}

// A crawl goes on in an older file where the older program left it.
func TestOpenVersion1(t *testing.T) {
	path := version1(t)
	f, resumed, err := Open(path, 1_700_000_100)
	if err != nil || !resumed {
		t.Fatalf("resumed %v, %v", resumed, err)
	}
	checkVersion1(t, path, "")
	var got []shard.Candidate
	for c, err := range f.Candidates() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, c)
	}
	if !slices.Equal(got, []shard.Candidate{{PageURL: "http://a.example/", ImageURL: "http://a.example/fox.png", Text: "Red fox", TextSource: "alt", Source: "live", CrawlTime: 1_700_000_000}}) {
		t.Errorf("candidates %+v", got)
	}
	if scope, err := f.Setting("scope"); err != nil || scope == "" {
		t.Errorf("setting %q, %v", scope, err)
	}
	if tally, err := f.Tally(); err != nil || tally.In != 5 || tally.Kept != 1 || tally.Out != 1 {
		t.Errorf("tally %+v, %v", tally, err)
	}
	// The five pages that the run has asked for stay in its budget, and on their
	// hosts: of the two that are left at the level, the one that was leased is free.
	if s, err := f.Spent(); err != nil || s.Pages != 5 {
		t.Errorf("%+v, %v, want 5 pages", s, err)
	}
	leases, err := f.Lease(Level{Hops: 1}, 9, Rules{Budget: 5})
	if err != nil || len(leases) != 1 || leases[0].URL != "http://a.example/1" {
		t.Errorf("leased %+v, %v", leases, err)
	}
	leases, err = f.Lease(Level{Hops: 1}, 9, Rules{PerHost: 3, Reason: "cap", Rule: "3"})
	if err != nil || len(leases) != 0 {
		t.Errorf("leased %+v, %v; a.example has three places, which are taken", leases, err)
	}
	if err := f.Due(1_700_000_050, Revisit{After: 40 * time.Second, Most: time.Hour}, nil); err != nil {
		t.Fatal(err)
	}
	if l := lease(t, f, 0, 9, 0); len(l) != 3 || !slices.ContainsFunc(l, func(l Lease) bool { return l.Kept && l.ETag == `"one"` && l.BodyHash == 7 }) {
		t.Errorf("due: %+v", l)
	}
	f.Close()
	if f, _, err = Open(path, 1_700_000_200); err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// A file of the second version says what it said, to those who look and to the
// crawl that goes on in it.
func TestVersion2(t *testing.T) {
	path := fixture(t, "testdata/version-2.db")
	check := func(when string) {
		t.Helper()
		for _, want := range []Record{
			{URL: "http://a.example/", Kind: "page", State: "decided", Status: 200, Fetched: 1_700_000_000, OptOut: "noai", Candidates: 1, ForeignLinks: 2},
			{URL: "http://a.example/1", Kind: "page", State: "pending", Hops: 1, Referrer: "http://a.example/"},
			{URL: "http://a.example/map.xml", Kind: "sitemap", State: "pending", Referrer: "http://a.example/"},
			{URL: "http://b.example/", Kind: "page", State: "decided", Reason: "http_404", Rule: "Not Found", Status: 404, Fetched: 1_700_000_002},
		} {
			if got, ok, err := Lookup(path, want.URL); got != want || !ok || err != nil {
				t.Errorf("%s: %+v, %v, %v; want %+v", when, got, ok, err, want)
			}
		}
	}
	check("as it is")
	f := open(t, path)
	check("brought to today's schema")
	var known string
	if err := f.db.QueryRow("SELECT group_concat(name || ' ' || known, ', ' ORDER BY name) FROM hosts").Scan(&known); err != nil || known != "a.example 3, b.example 1" {
		t.Errorf("pages of hosts: %s, %v", known, err)
	}
}

// A list brings a host to so many addresses and no further, whatever else is found
// there; what it leaves out is counted, and the list is read whole the next time.
func TestMost(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "crawl.db"))
	seed(t, f, page(0))
	list := func(most int64, pages ...int) {
		t.Helper()
		if _, err := f.db.Exec("UPDATE pages SET state = 0 WHERE url = ?", page(0)); err != nil {
			t.Fatal(err)
		}
		r := Result{Lease: lease(t, f, 0, 1, 0)[0], Reason: "sitemap", Fetched: 1, ETag: "x", Most: most}
		for _, n := range pages {
			r.Links = append(r.Links, Link{URL: page(n)})
		}
		r.Links = append(r.Links, Link{URL: page(99), Kind: Sitemap}, Link{URL: fmt.Sprintf("http://other.org/%d", pages[0])})
		commit(t, f, r)
	}
	for _, tt := range []struct {
		name        string
		most        int64
		pages       []int
		known, past int64
		etag        string
	}{
		{"room for two", 3, []int{1, 2, 3, 4}, 5, 2, ""}, // and the inner list, and the other host's
		{"what is known counts once", 4, []int{1, 2, 3}, 5, 1, ""},
		{"more may be known", 5, []int{1, 2, 3}, 6, 0, "x"},
		{"no bound", 0, []int{1, 2, 3, 4, 5, 6}, 9, 0, "x"},
	} {
		list(tt.most, tt.pages...)
		c, err := f.Counts()
		if err != nil || c.Pages != tt.known || c.Past != tt.past {
			t.Errorf("%s: %d pages, %d left out, %v; want %d and %d", tt.name, c.Pages, c.Past, err, tt.known, tt.past)
		}
		var etag string
		if err := f.db.QueryRow("SELECT etag FROM pages WHERE url = ?", page(0)).Scan(&etag); err != nil || etag != tt.etag {
			t.Errorf("%s: ETag %q, %v; want %q", tt.name, etag, err, tt.etag)
		}
	}
}

// A file that cannot be brought to today's schema stays as it was.
func TestVersion1IsWholeOrNot(t *testing.T) {
	path := version1(t)
	db, err := openSQLite(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE hosts (other TEXT)"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, _, err := Open(path, 1); err == nil {
		t.Fatal("opened")
	}
	if db, err = openSQLite(path, ""); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n, version int
	if err := db.QueryRow("SELECT count(*) FROM pages WHERE referrer IS NOT NULL").Scan(&n); err != nil || n != 8 {
		t.Errorf("%d pages, %v", n, err)
	}
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != 1 {
		t.Errorf("version %d, %v", version, err)
	}
}

// What a link may change of what is known.
func TestLinks(t *testing.T) {
	type step struct {
		link  Link
		place place
	}
	at := func(hops, step int) place { return place{level: Level{hops, step}} }
	const x = "http://x.org/"
	for _, tt := range []struct {
		name  string
		steps []step
		want  string // kind, hops, step, state, priority, label, pace
	}{
		{"a new page", []step{{Link{URL: x, Text: "fox", Priority: 7, Pace: 33}, at(2, 0)}}, "page 2 0 pending 7 fox 33"},
		{"a new page of no pace", []step{{Link{URL: x}, at(2, 0)}}, "page 2 0 pending 0  1000"},
		{"a shorter way", []step{{Link{URL: x}, at(3, 0)}, {Link{URL: x}, at(1, 0)}}, "page 1 0 pending 0  1000"},
		{"a longer way", []step{{Link{URL: x}, at(1, 0)}, {Link{URL: x}, at(3, 0)}}, "page 1 0 pending 0  1000"},
		{"a longer way that is too far", []step{{Link{URL: x}, at(1, 0)}, {Link{URL: x, Reason: "trap_hops"}, at(3, 0)}}, "page 1 0 pending 0  1000"},
		{"a shorter way to what was too far", []step{{Link{URL: x, Reason: "trap_hops"}, at(3, 0)}, {Link{URL: x}, at(1, 0)}}, "page 1 0 pending 0  1000"},
		{"more priority, on a longer way", []step{{Link{URL: x, Text: "a", Priority: 1}, at(1, 0)}, {Link{URL: x, Text: "b", Priority: 2}, at(3, 0)}}, "page 1 0 pending 2 b 1000"},
		{"less priority", []step{{Link{URL: x, Text: "b", Priority: 2}, at(1, 0)}, {Link{URL: x, Text: "aaa", Priority: 1}, at(1, 0)}}, "page 1 0 pending 2 b 1000"},
		{"a longer text of equal priority", []step{{Link{URL: x, Text: "b"}, at(1, 0)}, {Link{URL: x, Text: "aa"}, at(1, 0)}}, "page 1 0 pending 0 aa 1000"},
		{"in either order", []step{{Link{URL: x, Text: "aa"}, at(1, 0)}, {Link{URL: x, Text: "b"}, at(1, 0)}}, "page 1 0 pending 0 aa 1000"},
		{"a sitemap that is linked to", []step{{Link{URL: x}, at(1, 0)}, {Link{URL: x, Kind: Sitemap}, at(0, 1)}}, "sitemap 0 1 pending 0  1000"},
		{"in the other order", []step{{Link{URL: x, Kind: Sitemap}, at(0, 1)}, {Link{URL: x}, at(1, 0)}}, "sitemap 0 1 pending 0  1000"},
		{"a sitemap whose name is no page's", []step{{Link{URL: x, Reason: "not_html"}, at(1, 0)}, {Link{URL: x, Kind: Sitemap}, at(0, 1)}}, "sitemap 0 1 pending 0  1000"},
		{"a feed that is a sitemap too", []step{{Link{URL: x, Kind: Sitemap}, at(0, 1)}, {Link{URL: x, Kind: Feed}, at(0, 1)}}, "sitemap 0 1 pending 0  1000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := open(t, filepath.Join(t.TempDir(), "crawl.db"))
			for _, s := range tt.steps {
				addLink(t, f, s.link, s.place)
			}
			var kind Kind
			var hops, step, state, priority, pace int
			var label string
			err := f.db.QueryRow("SELECT kind, hops, step, state, priority, label, pace FROM pages").Scan(&kind, &hops, &step, &state, &priority, &label, &pace)
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprintf("%v %d %d %s %d %s %d", kind, hops, step, [...]string{"pending", "leased", "decided"}[state], priority, label, pace)
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// TestMenus adds links that are known, in all orders of ways and texts: what is
// remembered of the file never hides a change to it.
func TestMenus(t *testing.T) {
	dir := t.TempDir()
	with, without := open(t, filepath.Join(dir, "with.db")), open(t, filepath.Join(dir, "without.db"))
	for i := range 3000 {
		h := rank(fmt.Sprint(i))
		n := func(m int64) int64 { h = h>>7 ^ h*31; return (h%m + m) % m }
		l := Link{URL: page(int(n(5))), Kind: Kind(max(0, n(9)-6)), Priority: n(4), Text: []string{"", "a", "bb"}[n(3)]}
		p := place{level: Level{int(n(6)), 0}}
		if l.Kind != Page {
			l.Priority, l.Text, p.level.Step = 0, "", 1
		}
		addLink(t, with, l, p)
		without.forget()
		addLink(t, without, l, p)
	}
	const all = "SELECT group_concat(url || kind || hops || step || priority || label, ' ') FROM (SELECT * FROM pages ORDER BY url)"
	var a, b string
	if err := with.db.QueryRow(all).Scan(&a); err != nil {
		t.Fatal(err)
	}
	if err := without.db.QueryRow(all).Scan(&b); err != nil {
		t.Fatal(err)
	}
	if a != b {
		t.Errorf("\n%s, want\n%s", a, b)
	}
}

func addLink(t *testing.T, f *Frontier, n Link, p place) {
	t.Helper()
	tx, err := f.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	l, err := f.linker(tx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if err := l.link(&n, p); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}
