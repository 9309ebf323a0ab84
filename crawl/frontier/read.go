package frontier

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

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
const tallyQuery = `SELECT iif(copy, '', reason) AS why, count(*), sum(candidates) FROM pages WHERE state = 2 OR copy GROUP BY why`

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

// NotRefreshed counts the pages that are kept as an earlier run read them, by the
// reason why they could not be asked for since they were due.
func (f *Frontier) NotRefreshed() (map[string]int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	const mark = "'not refreshed: '"
	rows, err := f.db.Query(`SELECT substr(why, 1, instr(why || ':', ':') - 1) AS reason, count(*)
		FROM (SELECT substr(rule, instr(rule, ` + mark + `) + length(` + mark + `)) AS why FROM pages WHERE state = 2 AND copy AND instr(rule, ` + mark + `) > 0) GROUP BY reason`)
	if err != nil {
		return nil, fmt.Errorf("count pages of %s that were not refreshed: %w", f.path, err)
	}
	defer rows.Close()
	counts := map[string]int64{}
	for rows.Next() {
		var reason string
		var n int64
		if err := rows.Scan(&reason, &n); err != nil {
			return nil, fmt.Errorf("count pages of %s that were not refreshed: %w", f.path, err)
		}
		counts[reason] = n
	}
	return counts, rows.Err()
}

// Counts are the pages of a crawl.
type Counts struct {
	Pages      int64 `json:"pages"`   // known
	Kept       int64 `json:"kept"`    // read
	Dropped    int64 `json:"dropped"` // decided, but not read
	Pending    int64 `json:"pending"` // still to be asked for
	Hosts      int64 `json:"hosts"`
	Candidates int64 `json:"candidates"`
	// Placeholders and Cut are the sums over pages that were read, of what is in
	// their Results; Past that of addresses that lists name beyond Result.Most.
	Placeholders int64 `json:"placeholders,omitempty"`
	Cut          int64 `json:"cut,omitempty"`
	Past         int64 `json:"past,omitempty"`
	Running      bool  `json:"running"` // the last run has not finished
}

// Counts counts.
func (f *Frontier) Counts() (Counts, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return counts(f.path, f.db)
}

func counts(path string, db *sql.DB) (c Counts, err error) {
	err = db.QueryRow(`SELECT count(*), count(*) FILTER (WHERE state = 2 AND reason = ''), count(*) FILTER (WHERE state = 2 AND reason <> ''),
		count(*) FILTER (WHERE state <> 2), (SELECT count(*) FROM hosts), coalesce(sum(candidates), 0),
		coalesce(sum(placeholders), 0), coalesce(sum(cut), 0), coalesce(sum(past), 0), EXISTS (SELECT 1 FROM runs WHERE finished = 0) FROM pages`).
		Scan(&c.Pages, &c.Kept, &c.Dropped, &c.Pending, &c.Hosts, &c.Candidates, &c.Placeholders, &c.Cut, &c.Past, &c.Running)
	if err != nil {
		return c, fmt.Errorf("count pages of %s: %w", path, err)
	}
	return c, nil
}

// ReadDue is the number of pages that a run at the time given (Unix seconds) would
// find to ask for: those that are pending, those that are due, and those whose
// failure is one of the reasons in passing.
func ReadDue(path string, now int64, r Revisit, passing []string) (n int64, err error) {
	err = look(path, func(db *sql.DB) error {
		err := db.QueryRow("SELECT count(*) FROM pages WHERE state <> 2 OR " + r.due(now) + " OR " + failed(passing)).Scan(&n)
		if err != nil {
			return fmt.Errorf("count pages of %s that are due: %w", path, err)
		}
		return nil
	})
	return n, err
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
	Kind         string `json:"kind"`  // page, feed, sitemap
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
	Placeholders int    `json:"placeholders,omitempty"` // candidates dropped
	Cut          int    `json:"cut,omitempty"`          // beyond the bounds on a page
	Past         int    `json:"past,omitempty"`         // addresses of a list, beyond those of a host
}

// Lookup reads one page of the file at path; ok is false when it is unknown.
func Lookup(path, url string) (r Record, ok bool, err error) {
	err = look(path, func(db *sql.DB) error {
		var state int
		var kind Kind
		err := db.QueryRow(`SELECT p.url, p.kind, p.state, p.reason, p.rule, p.status, p.fetched, p.hops, coalesce(r.url, ''), p.target, p.opt_out, p.attempts, p.candidates, p.foreign_links, p.placeholders, p.cut, p.past
			FROM pages p LEFT JOIN pages r ON r.id = p.found WHERE p.url = ?`, url).Scan(&r.URL, &kind, &state, &r.Reason, &r.Rule, &r.Status, &r.Fetched, &r.Hops, &r.Referrer, &r.Target,
			&r.OptOut, &r.Attempts, &r.Candidates, &r.ForeignLinks, &r.Placeholders, &r.Cut, &r.Past)
		if ok = err == nil; ok {
			r.Kind = kind.String()
			r.State = [...]string{"pending", "leased", "decided"}[min(max(state, 0), 2)]
		} else if !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("look up %s in %s: %w", url, path, err)
		}
		return nil
	})
	return r, ok, err
}
