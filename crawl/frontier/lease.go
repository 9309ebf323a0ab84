package frontier

import (
	"database/sql"
	"errors"
	"fmt"
)

// Level is the place of pages that are asked for together.
type Level struct {
	Hops int // links from a seed
	Step int // 0 for pages; 1 for the sitemaps and feeds that they name, 2 for those that these name
}

func (l Level) before(m Level) bool { return l.Hops < m.Hops || l.Hops == m.Hops && l.Step < m.Step }

// Lease is a page to ask for.
type Lease struct {
	ID        int64
	URL       string
	Host      string // with port when it is not the scheme's own
	Kind      Kind
	Level     Level
	Attempts  int
	Redirects int
	ETag      string // of the copy whose candidates are stored; "" when none
	Modified  string
	BodyHash  uint64 // of the last answer
	Kept      bool   // was read before and is asked for again
	OptOut    string // what the copy was recorded with
	Asked     bool   // was decided before, with Reason
	Reason    string
	Pace      int
	Sitemaps  bool // of its host, robots.txt has not been asked for sitemaps in this run
}

// Level is that of the nearest pending pages behind the one given, or of the
// nearest of all for nil; ok is false when there is none.
func (f *Frontier) Level(behind *Level) (l Level, ok bool, err error) {
	if behind == nil {
		behind = &Level{-1, 0}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	err = f.db.QueryRow("SELECT hops, step FROM pages WHERE state = 0 AND (hops, step) > (?, ?) ORDER BY hops, step LIMIT 1", behind.Hops, behind.Step).Scan(&l.Hops, &l.Step)
	if errors.Is(err, sql.ErrNoRows) {
		return l, false, nil
	}
	if err != nil {
		return l, false, Damage(f.path, fmt.Errorf("find the next level in %s: %w", f.path, err))
	}
	return l, true, nil
}

// Rules bound what Lease hands out.
type Rules struct {
	Budget  int64 // pages that the run may have in all; 0 means no limit
	PerHost int   // pages that a host may have, over all runs; 0 means no limit
	// Reason and Rule are given to pages past PerHost.
	Reason, Rule string
	// Skip leaves the pages of a host where they are; it may be nil.
	Skip func(host string) bool
}

// walk bounds the pages that one statement looks at.
const walk = 20_000

// Lease hands out up to n pending pages of a level in their order. Pages that the
// run counted before cost nothing of its budget. A page past its host's cap is
// decided so; one that was asked for before has its place already.
func (f *Frontier) Lease(level Level, n int, r Rules) (leases []Lease, err error) {
	for {
		more := false
		err = f.write("lease pages", func(tx *sql.Tx) (err error) {
			leases, more, err = f.lease(tx, level, n, r)
			return err
		})
		if err != nil || len(leases) > 0 || !more {
			return leases, err
		}
	}
}

const leaseColumns = `SELECT p.id, url, host, name, taken, sitemaps, kind, attempts, redirects, etag, modified, body_hash, copy, opt_out, fetched, reason, pace, run `

// lease is one transaction of Lease; more says that it ended before the level.
func (f *Frontier) lease(tx *sql.Tx, level Level, n int, r Rules) (leases []Lease, more bool, err error) {
	left := int64(n)
	if r.Budget > 0 {
		left = min(left, r.Budget-f.counted)
	}
	query := leaseColumns + "FROM pages p JOIN hosts ON hosts.id = host WHERE state = 0 AND hops = ?1 AND step = ?2 "
	if left <= 0 {
		query = leaseColumns + fmt.Sprintf("FROM pages p INDEXED BY pages_again JOIN hosts ON hosts.id = host WHERE state = 0 AND run > 0 AND run = %d AND hops = ?1 AND step = ?2 ", f.run)
	}
	rows, err := tx.Query(query+"ORDER BY attempts, priority DESC, rank LIMIT ?3", level.Hops, level.Step, walk)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	var past []int64
	placed := map[int64]int{} // host -> places that it takes now
	var fresh int64
	seen := 0
	for len(leases) < n && rows.Next() {
		l := Lease{Level: level}
		var host, taken, sitemaps, hash, fetched, run int64
		if err := rows.Scan(&l.ID, &l.URL, &host, &l.Host, &taken, &sitemaps, &l.Kind, &l.Attempts, &l.Redirects, &l.ETag, &l.Modified, &hash, &l.Kept, &l.OptOut, &fetched, &l.Reason, &l.Pace, &run); err != nil {
			return nil, false, err
		}
		seen++
		if r.Skip != nil && r.Skip(l.Host) {
			continue
		}
		if run == 0 && fetched == 0 && l.Attempts == 0 { // it has no place yet
			if r.PerHost > 0 && taken+int64(placed[host]) >= int64(r.PerHost) {
				past = append(past, l.ID)
				continue
			}
		}
		if run != f.run {
			if left <= 0 {
				break
			}
			left--
			fresh++
		}
		if run == 0 && fetched == 0 && l.Attempts == 0 {
			placed[host]++
		}
		l.BodyHash, l.Asked, l.Sitemaps = uint64(hash), fetched > 0, sitemaps < f.run
		leases = append(leases, l)
	}
	if err := rows.Close(); err != nil {
		return nil, false, err
	}
	if err := rows.Err(); err != nil {
		return nil, false, err
	}
	if err := f.mark(tx, leases, past, placed, r); err != nil {
		return nil, false, err
	}
	if _, err := tx.Exec("UPDATE runs SET pages = pages + ? WHERE id = ?", fresh, f.run); err != nil {
		return nil, false, err
	}
	f.counted += fresh
	return leases, seen == walk && len(past) > 0, nil
}

// mark stores what a lease decided.
func (f *Frontier) mark(tx *sql.Tx, leases []Lease, past []int64, placed map[int64]int, r Rules) error {
	lease, err := tx.Prepare("UPDATE pages SET state = 1, run = ? WHERE id = ?")
	if err != nil {
		return err
	}
	defer lease.Close()
	for i := range leases {
		if _, err := lease.Exec(f.run, leases[i].ID); err != nil {
			return err
		}
	}
	for _, id := range past {
		if _, err := tx.Exec("UPDATE pages SET state = 2, reason = ?, rule = ? WHERE id = ?", r.Reason, r.Rule, id); err != nil {
			return err
		}
	}
	for host, n := range placed {
		if _, err := tx.Exec("UPDATE hosts SET taken = taken + ? WHERE id = ?", n, host); err != nil {
			return err
		}
	}
	return nil
}
