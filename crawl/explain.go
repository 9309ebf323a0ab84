package crawl

import (
	"net/url"

	"github.com/pairloom/pairloom/crawl/alttext"
	"github.com/pairloom/pairloom/crawl/frontier"
)

// Explain tells what is known of a page; ok is false when it was never seen,
// or only as a link out of scope. It may be called while a crawl runs.
func Explain(dir, page string) (r frontier.Record, ok bool, err error) {
	if u, err := url.Parse(page); err == nil {
		if full, valid := alttext.Resolve(u, page); valid {
			page = full
		}
	}
	return frontier.Lookup(File(dir), page)
}

// State counts the pages of a crawl. It may be called while one runs. The
// error is fs.ErrNotExist when nothing was crawled yet.
func State(dir string) (frontier.Counts, error) {
	return frontier.ReadCounts(File(dir))
}
