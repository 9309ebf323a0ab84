package frontier

import (
	"database/sql"
	"fmt"
	"net/url"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// Kind is what an address is said to lead to.
type Kind int

// The kinds. Of an address that is found as several, the last counts.
const (
	Page Kind = iota
	Feed
	Sitemap
)

func (k Kind) String() string {
	return [...]string{"page", "feed", "sitemap"}[min(max(k, Page), Sitemap)]
}

// Link is an address to remember.
type Link struct {
	URL    string // absolute, without fragment
	Kind   Kind
	Reason string // "" to ask for it; else why it never will be
	Rule   string
	// Text is what the link says; Priority, from it and the address, says how early
	// within its level the page comes. Of several links to a page, that with the
	// most priority counts, then the longest text.
	Text     string
	Priority int64
	// Pace is what a page starts with, when it is new; see [Revisit]. 0 is 1000.
	Pace int
	// Changed says that the page has changed at that time (Unix seconds): when it
	// was fetched before, it is due, but not sooner than Revisit.Least allows.
	Changed int64
}

// place is where in the order of a crawl a link stands, and what led to it.
type place struct {
	level     Level
	redirects int
	found     int64 // pages.id, 0 for a seed
}

// insertLink keeps what is known already, but for a shorter way to a page that
// is pending or was left out as too far, for a kind that counts more, and for a
// better text. A page that is gone is asked for again when a page that was read
// leads to it.
var insertLink = `
INSERT INTO pages (url, host, kind, hops, step, priority, rank, label, found, state, redirects, reason, rule, pace)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
ON CONFLICT (url) DO UPDATE SET ` +
	takeOver(betterWay, "kind", "hops", "step", "found", "redirects", "reason", "rule") + ", " + takeOver(betterText, "priority", "label") + `,
	state = CASE WHEN ` + betterWay + ` OR ` + back + ` THEN excluded.state ELSE pages.state END
WHERE ` + betterWay + ` OR ` + back + ` OR pages.kind = excluded.kind AND pages.state = 0 AND ` + betterText

// back is a page that was gone by the time ?15 or before.
const back = `pages.state = 2 AND pages.reason IN ('http_404', 'http_410') AND excluded.state = 0 AND pages.fetched BETWEEN 1 AND ?15`

const betterWay = `(excluded.kind = pages.kind AND (excluded.hops, excluded.step) < (pages.hops, pages.step)
		AND (pages.state = 0 AND pages.fetched = 0 OR pages.reason = 'trap_hops')
	OR excluded.kind > pages.kind AND pages.state <> 1)`

const betterText = `(excluded.priority, length(excluded.label), excluded.label) > (pages.priority, length(pages.label), pages.label)`

func takeOver(when string, columns ...string) string {
	var set []string
	for _, c := range columns {
		set = append(set, fmt.Sprintf("%s = CASE WHEN %s THEN excluded.%[1]s ELSE pages.%[1]s END", c, when))
	}
	return strings.Join(set, ", ")
}

const recallChanged = `UPDATE pages SET state = 0, attempts = 0 WHERE url = ?1 AND state = 2 AND fetched BETWEEN 1 AND min(?2 - 1, ?3)`

// linker adds links in a transaction.
type linker struct {
	f             *Frontier
	tx            *sql.Tx
	add, recall   *sql.Stmt
	before        int64           // a page fetched later is not due again, whatever has changed
	gone          int64           // a page that was gone by then is due, since it is linked to; 0 for none
	fresh, closed int64           // new addresses, and those of them that are never asked for
	grown         map[int64]int64 // hosts.id -> its new addresses
	known         map[int64]int64 // hosts.id -> addresses that it had before
	most          int64           // pages of a host, beyond which new ones are left out; 0 for no bound
	past          int64           // pages left out
}

func (f *Frontier) linker(tx *sql.Tx, before int64) (*linker, error) {
	l := &linker{f: f, tx: tx, before: before, grown: map[int64]int64{}, known: map[int64]int64{}}
	var err error
	if l.add, err = tx.Prepare(insertLink); err == nil {
		l.recall, err = tx.Prepare(recallChanged)
	}
	return l, err
}

func (l *linker) close() {
	if l.add != nil {
		l.add.Close()
	}
	if l.recall != nil {
		l.recall.Close()
	}
}

func (l *linker) link(n *Link, p place) error {
	slot := &l.f.known[xxhash.Sum64String(n.URL)%uint64(len(l.f.known))]
	if slot.covers(n, p.level) {
		return nil
	}
	host, err := l.host(hostOf(n.URL))
	if err != nil {
		return err
	}
	if full, err := l.full(n, host); err != nil || full {
		return err
	}
	state, pace := pending, n.Pace
	if n.Reason != "" {
		state = decided
	}
	if pace == 0 {
		pace = usualPace
	}
	done, err := l.add.Exec(n.URL, host, n.Kind, p.level.Hops, p.level.Step, n.Priority, rank(n.URL), n.Text, p.found, state, p.redirects, n.Reason, n.Rule, pace, l.gone)
	if err != nil {
		return err
	}
	id, err := done.LastInsertId()
	if err != nil {
		return err
	}
	if id > l.f.lastPage {
		l.f.lastPage = id
		l.fresh++
		l.grown[host]++
		if n.Reason != "" {
			l.closed++
		}
	} else if n.Changed > 0 {
		if _, err := l.recall.Exec(n.URL, n.Changed, l.before); err != nil {
			return err
		}
	}
	*slot = knownLink{n.URL, n.Kind, p.level, n.Priority, n.Text}
	return nil
}

// full tells whether a page is to be left out, since it is new and its host has as
// many as a list may bring it to.
func (l *linker) full(n *Link, host int64) (bool, error) {
	if l.most == 0 || n.Kind != Page {
		return false, nil
	}
	if _, ok := l.known[host]; !ok {
		var known int64
		if err := l.tx.QueryRow("SELECT known FROM hosts WHERE id = ?", host).Scan(&known); err != nil {
			return false, err
		}
		l.known[host] = known
	}
	if l.known[host]+l.grown[host] < l.most {
		return false, nil
	}
	var is bool
	if err := l.tx.QueryRow("SELECT EXISTS (SELECT 1 FROM pages WHERE url = ?)", n.URL).Scan(&is); err != nil || is {
		return false, err
	}
	l.past++
	return true, nil
}

// count adds the new addresses to their hosts' numbers.
func (l *linker) count() error {
	for host, n := range l.grown {
		if _, err := l.tx.Exec("UPDATE hosts SET known = known + ? WHERE id = ?", n, host); err != nil {
			return err
		}
	}
	return nil
}

// host is the id of a host's row.
func (l *linker) host(name string) (id int64, err error) {
	if id, ok := l.f.hosts[name]; ok {
		return id, nil
	}
	err = l.tx.QueryRow("INSERT INTO hosts (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = name RETURNING id", name).Scan(&id)
	if len(l.f.hosts) >= maxHostIDs {
		clear(l.f.hosts)
	}
	l.f.hosts[name] = id
	return id, err
}

const (
	knownLinks = 1 << 15 // addresses whose links were stored last: menus are the same on each page
	maxHostIDs = 1 << 16
)

// knownLink is a link that the file has. Another like it changes nothing.
type knownLink struct {
	url      string
	kind     Kind
	level    Level
	priority int64
	text     string
}

func (k *knownLink) covers(n *Link, at Level) bool {
	return k.url == n.URL && k.kind >= n.Kind && !at.before(k.level) && n.Changed == 0 &&
		k.priority >= n.Priority && (n.Text == "" || n.Text == k.text)
}

// forget drops what is remembered of the file, which may have changed.
func (f *Frontier) forget() {
	clear(f.known)
	clear(f.hosts)
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}

// rank orders the pages of a level; it spreads them over hosts and over the
// parts of a site.
func rank(raw string) int64 { return int64(xxhash.Sum64String(raw)) }
