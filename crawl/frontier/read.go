package frontier

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/pairloom/pairloom/shard"
)

// Candidates lists what all kept pages said, by page address, then in page
// order. A page's candidates live on after the step.
func (f *Frontier) Candidates() iter.Seq2[shard.Candidate, error] {
	return func(yield func(shard.Candidate, error) bool) {
		fail := func(err error) { yield(shard.Candidate{}, fmt.Errorf("read candidates of %s: %w", f.path, err)) }
		dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
		if err != nil {
			fail(err)
			return
		}
		defer dec.Close()
		f.mu.Lock()
		defer f.mu.Unlock()
		rows, err := f.db.Query("SELECT url, data FROM pages JOIN texts ON page = id WHERE candidates > 0 ORDER BY url")
		if err != nil {
			fail(err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var page string
			var data sql.RawBytes
			if err := rows.Scan(&page, &data); err != nil {
				fail(err)
				return
			}
			plain, err := dec.DecodeAll(data, nil)
			var candidates []shard.Candidate
			if err == nil {
				err = json.Unmarshal(plain, &candidates)
			}
			if err != nil {
				fail(fmt.Errorf("page %s: %w", page, err))
				return
			}
			for _, c := range candidates {
				c.PageURL = page
				if !yield(c, nil) {
					return
				}
			}
		}
		if err := rows.Err(); err != nil {
			fail(err)
		}
	}
}

// A page that was read and is due again counts as what it is: read.
const tallyQuery = `SELECT CASE WHEN page IS NULL THEN reason ELSE '' END AS why, count(*), sum(candidates)
	FROM pages LEFT JOIN texts ON page = id WHERE state = 2 OR page IS NOT NULL GROUP BY why`

// Tally accounts for all pages that are decided.
func (f *Frontier) Tally() (*shard.Tally, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := shard.NewTally("crawl", "pages", "candidates")
	rows, err := f.db.Query(tallyQuery)
	if err != nil {
		return nil, fmt.Errorf("count pages of %s: %w", f.path, err)
	}
	defer rows.Close()
	for rows.Next() {
		var reason string
		var n, candidates int64
		if err := rows.Scan(&reason, &n, &candidates); err != nil {
			return nil, fmt.Errorf("count pages of %s: %w", f.path, err)
		}
		t.In += n
		if reason == "" {
			t.Kept, t.Out = t.Kept+n, t.Out+candidates
		} else {
			t.Dropped[reason] += n
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("count pages of %s: %w", f.path, err)
	}
	return t, t.Check()
}

// Counts are the pages of a crawl.
type Counts struct {
	Pages      int64 `json:"pages"`   // known
	Kept       int64 `json:"kept"`    // read
	Dropped    int64 `json:"dropped"` // decided, but not read
	Pending    int64 `json:"pending"` // still to be asked for
	Hosts      int64 `json:"hosts"`
	Candidates int64 `json:"candidates"`
	Running    bool  `json:"running"` // the last run has not finished

	// fetched counts the pages that may be asked for again, by the minute of
	// their last request; the key is the latest second in it.
	fetched map[int64]int64
}

// Due is the number of pages that a run at the time given would find to ask
// for: pending ones, and those whose last request is after or longer ago, to
// the minute. Pages that failed in passing are not among them.
func (c Counts) Due(now time.Time, after time.Duration) int64 {
	n, before := c.Pending, now.Add(-after).Unix()
	for at, pages := range c.fetched {
		if at <= before {
			n += pages
		}
	}
	return n
}

// Counts counts.
func (f *Frontier) Counts() (Counts, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return counts(f.path, f.db)
}

func counts(path string, db *sql.DB) (c Counts, err error) {
	err = db.QueryRow(`SELECT count(*), count(*) FILTER (WHERE state = 2 AND reason = ''), count(*) FILTER (WHERE state = 2 AND reason <> ''),
		count(*) FILTER (WHERE state <> 2), count(DISTINCT host), coalesce(sum(candidates), 0), EXISTS (SELECT 1 FROM runs WHERE finished = 0) FROM pages`).
		Scan(&c.Pages, &c.Kept, &c.Dropped, &c.Pending, &c.Hosts, &c.Candidates, &c.Running)
	if err != nil {
		return c, fmt.Errorf("count pages of %s: %w", path, err)
	}
	rows, err := db.Query("SELECT max(fetched), count(*) FROM pages WHERE state = 2 AND fetched > 0 AND reason NOT IN ('http_404', 'http_410') GROUP BY fetched / 60")
	if err != nil {
		return c, fmt.Errorf("count pages of %s: %w", path, err)
	}
	defer rows.Close()
	c.fetched = map[int64]int64{}
	for rows.Next() {
		var at, n int64
		if err := rows.Scan(&at, &n); err != nil {
			return c, fmt.Errorf("count pages of %s: %w", path, err)
		}
		c.fetched[at] = n
	}
	if err := rows.Err(); err != nil {
		return c, fmt.Errorf("count pages of %s: %w", path, err)
	}
	return c, nil
}

// ReadCounts counts the pages of the file at path, also while a crawl runs. It
// only reads, as do ReadSetting and Lookup.
func ReadCounts(path string) (c Counts, err error) {
	err = look(path, func(db *sql.DB) error {
		c, err = counts(path, db)
		return err
	})
	return c, err
}

// ReadSetting reads a value from the file at path, "" when there is none.
func ReadSetting(path, key string) (value string, err error) {
	err = look(path, func(db *sql.DB) error {
		value = ""
		err := db.QueryRow("SELECT value FROM settings WHERE key = ?", key).Scan(&value)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("read setting %s in %s: %w", key, path, err)
		}
		return nil
	})
	return value, err
}

// Record is all that is known of one page.
type Record struct {
	URL          string `json:"url"`
	State        string `json:"state"` // pending, leased, decided; crawl.Explain adds unknown
	Reason       string `json:"reason"`
	Rule         string `json:"rule"`
	Status       int    `json:"http_status"`
	Fetched      int64  `json:"fetched"` // Unix seconds, 0 when never
	Hops         int    `json:"hops"`
	Referrer     string `json:"referrer"`
	Target       string `json:"redirects_to"`
	OptOut       string `json:"opt_out"`
	Attempts     int    `json:"attempts"`
	Candidates   int    `json:"candidates"`
	ForeignLinks int    `json:"links_out_of_scope"`
}

// Lookup reads one page of the file at path; ok is false when it is unknown.
func Lookup(path, url string) (r Record, ok bool, err error) {
	err = look(path, func(db *sql.DB) error {
		var state int
		err := db.QueryRow(`SELECT url, state, reason, rule, status, fetched, hops, referrer, target, opt_out, attempts, candidates, foreign_links
			FROM pages WHERE url = ?`, url).Scan(&r.URL, &state, &r.Reason, &r.Rule, &r.Status, &r.Fetched, &r.Hops, &r.Referrer, &r.Target,
			&r.OptOut, &r.Attempts, &r.Candidates, &r.ForeignLinks)
		if ok = err == nil; ok {
			r.State = [...]string{"pending", "leased", "decided"}[min(max(state, 0), 2)]
		} else if !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("look up %s in %s: %w", url, path, err)
		}
		return nil
	})
	return r, ok, err
}
