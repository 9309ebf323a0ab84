package crawl

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/pairloom/pairloom/crawl/alttext"
	"github.com/pairloom/pairloom/crawl/frontier"
)

// Explain tells what is known of a page; ok is false when it was never seen.
// A page that the crawl's rules leave out is not stored: for it the State is
// "unknown", with the reason. It may be called while a crawl runs.
func Explain(dir, page string) (r frontier.Record, ok bool, err error) {
	u, err := url.Parse(page)
	if err != nil {
		return r, false, fmt.Errorf("explain %q: %w", page, err)
	}
	if full, valid := alttext.Resolve(u, page); valid {
		page = full
	}
	if r, ok, err = frontier.Lookup(File(dir), page); ok || err != nil {
		return r, ok, err
	}
	text, err := frontier.ReadSetting(File(dir), "scope")
	if err != nil || text == "" {
		return r, false, err
	}
	var s settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return r, false, fmt.Errorf("read the scope of %s: %w", File(dir), err)
	}
	scope, err := newScope(Options{Scope: s.Scope, Hosts: s.Hosts, MaxHops: s.MaxHops}, s.Seeds)
	if err != nil {
		return r, false, err
	}
	if _, in := scope.judge(page, frontier.Page, 0); !in {
		return frontier.Record{URL: page, State: "unknown", Reason: OutOfScope, Rule: "crawl.scope = " + s.Scope + ", and crawl.hosts does not name it"}, true, nil
	}
	return r, false, nil
}

// Due is the number of pages that a run at the time given would ask for.
func Due(dir string, now time.Time, o Options) (int64, error) {
	return frontier.ReadDue(File(dir), now.Unix(), revisit(o.RevisitAfter), passing())
}

// State counts the pages of a crawl. It may be called while one runs. The
// error is fs.ErrNotExist when nothing was crawled yet.
func State(dir string) (frontier.Counts, error) {
	return frontier.ReadCounts(File(dir))
}
