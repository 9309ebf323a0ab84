package frontier

import (
	"database/sql"
	"errors"
	"fmt"
)

// Lease is a page to ask for.
type Lease struct {
	ID        int64
	URL       string
	Host      string // with port when it is not the scheme's own
	Hops      int
	Attempts  int
	Redirects int
	ETag      string // of the copy whose candidates are stored; "" when none
	Modified  string
	Kept      bool // was read before and is asked for again
}

// Level is the distance of the nearest pending pages; ok is false when nothing
// is pending. Pages past perHost on their host are dropped with reason before
// the level starts; 0 means no limit.
func (f *Frontier) Level(perHost int, reason, rule string) (hops int, ok bool, err error) {
	err = f.write("start level", func(tx *sql.Tx) error {
		for {
			err := tx.QueryRow("SELECT hops FROM pages WHERE state = ? ORDER BY hops LIMIT 1", pending).Scan(&hops)
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
			if perHost > 0 {
				if _, err := tx.Exec(dropPastCap, hops, perHost, reason, rule); err != nil {
					return err
				}
			}
			if err := tx.QueryRow("SELECT EXISTS (SELECT 1 FROM pages WHERE state = ? AND hops = ?)", pending, hops).Scan(&ok); err != nil || ok {
				return err
			}
		}
	})
	return hops, ok, err
}

// A page that was asked for before has its place already.
const dropPastCap = `
WITH done AS (SELECT host, count(*) AS n FROM pages WHERE fetched > 0 GROUP BY host),
     next AS (SELECT id, host, row_number() OVER (PARTITION BY host ORDER BY rank) AS n
              FROM pages WHERE state = 0 AND hops = ?1 AND fetched = 0 AND attempts = 0)
UPDATE pages SET state = 2, reason = ?3, rule = ?4
WHERE id IN (SELECT next.id FROM next LEFT JOIN done ON done.host = next.host
             WHERE next.n + coalesce(done.n, 0) > ?2)`

// Lease hands out up to n pending pages of a level in their order. budget is
// the number of pages that the run may have in all; 0 means no limit.
// Pages that the run counted before cost nothing.
func (f *Frontier) Lease(hops, n int, budget int64) (leases []Lease, err error) {
	var fresh int64
	err = f.write("lease pages", func(tx *sql.Tx) error {
		left := int64(n)
		if budget > 0 {
			left = min(left, budget-f.counted)
		}
		query := "SELECT id, url, host, hops, attempts, redirects, etag, modified, body_hash, run, EXISTS (SELECT 1 FROM texts WHERE page = id) FROM pages WHERE state = 0 AND hops = ?"
		if left <= 0 {
			query += fmt.Sprintf(" AND run = %d", f.run)
		}
		rows, err := tx.Query(query+" ORDER BY attempts, rank LIMIT ?", hops, n)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var l Lease
			var hash, run int64
			if err := rows.Scan(&l.ID, &l.URL, &l.Host, &l.Hops, &l.Attempts, &l.Redirects, &l.ETag, &l.Modified, &hash, &run, &l.Kept); err != nil {
				return err
			}
			if run != f.run {
				if left <= 0 {
					continue
				}
				left--
				fresh++
			}
			leases = append(leases, l)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		mark, err := tx.Prepare("UPDATE pages SET state = 1, run = ? WHERE id = ?")
		if err != nil {
			return err
		}
		defer mark.Close()
		for _, l := range leases {
			if _, err := mark.Exec(f.run, l.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.counted += fresh
	f.mu.Unlock()
	return leases, nil
}

// Due makes pages pending again: those fetched before the time given (Unix
// seconds) that are kept or had an answer that may change, and all whose
// failure is one of the reasons in passing.
func (f *Frontier) Due(before int64, passing []string) error {
	return f.write("find pages that are due", func(tx *sql.Tx) error {
		const due = `UPDATE pages SET state = 0, attempts = 0 WHERE state = 2 AND fetched > 0 AND `
		if _, err := tx.Exec(due+"fetched <= ? AND reason NOT IN ('http_404', 'http_410')", before); err != nil {
			return err
		}
		for _, reason := range passing {
			if _, err := tx.Exec(due+"reason = ?", reason); err != nil {
				return err
			}
		}
		return nil
	})
}

// Rejudge applies changed rules to all that is known. judge says of an address
// whether it is in scope, and why it should not be asked for. What is out of
// scope is forgotten; what was read is read again, for links that the old
// rules left out.
func (f *Frontier) Rejudge(judge func(url string, hops int) (Link, bool)) error {
	return f.write("apply changed rules", func(tx *sql.Tx) error {
		var last int64
		for {
			type page struct {
				id      int64
				url     string
				hops    int
				fetched int64
			}
			var batch []page
			rows, err := tx.Query("SELECT id, url, hops, fetched FROM pages WHERE id > ? ORDER BY id LIMIT 1000", last)
			if err != nil {
				return err
			}
			for rows.Next() {
				var p page
				if err := rows.Scan(&p.id, &p.url, &p.hops, &p.fetched); err != nil {
					rows.Close()
					return err
				}
				batch = append(batch, p)
			}
			rows.Close()
			if err := rows.Err(); err != nil || len(batch) == 0 {
				return err
			}
			for _, p := range batch {
				last = p.id
				l, in := judge(p.url, p.hops)
				if !in || l.Reason != "" {
					if _, err := tx.Exec("DELETE FROM texts WHERE page = ?", p.id); err != nil {
						return err
					}
				}
				switch {
				case !in:
					_, err = tx.Exec("DELETE FROM pages WHERE id = ?", p.id)
				case l.Reason != "":
					_, err = tx.Exec("UPDATE pages SET state = 2, reason = ?, rule = ?, fetched = 0, candidates = 0 WHERE id = ?", l.Reason, l.Rule, p.id)
				default:
					_, err = tx.Exec("UPDATE pages SET state = 0, attempts = 0, reason = '', rule = '', etag = '', modified = '' WHERE id = ?", p.id)
				}
				if err != nil {
					return err
				}
			}
		}
	})
}
