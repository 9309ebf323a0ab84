package frontier

import (
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/pairloom/pairloom/shard"
)

// Result is what became of a leased page.
type Result struct {
	Lease    Lease
	Reason   string // "" when the page was read
	Rule     string
	Status   int
	ETag     string
	Modified string
	BodyHash uint64
	OptOut   string
	Fetched  int64 // Unix seconds
	// Again puts the page back to be tried once more; the rest is only noted.
	Again bool
	// Unchanged keeps the candidates, ETag and Modified of the stored copy.
	Unchanged  bool
	Candidates []shard.Candidate // PageURL is the lease's
	Links      []Link
	Foreign    int    // links out of scope
	Target     string // where the page redirects to; among Links when it is to be asked for
}

// loopReason marks pages that redirect to one another in a circle.
const loopReason = "redirect_loop"

// Commit stores results, all or none. It returns how many addresses were new,
// and how many of those are never asked for.
func (f *Frontier) Commit(results []Result) (added, dropped int64, err error) {
	if len(results) == 0 {
		return 0, 0, nil
	}
	err = f.write("store pages", func(tx *sql.Tx) error {
		c := committer{f: f, tx: tx}
		defer c.close()
		if err := c.prepare(); err != nil {
			return err
		}
		for i := range results {
			if err := c.store(&results[i]); err != nil {
				return err
			}
		}
		added, dropped = c.added, c.dropped
		return nil
	})
	return added, dropped, err
}

type committer struct {
	f                                  *Frontier
	tx                                 *sql.Tx
	again, decide, same, put, del, add *sql.Stmt
	added, dropped                     int64
}

func (c *committer) prepare() error {
	for _, s := range []struct {
		stmt  **sql.Stmt
		query string
	}{
		{&c.again, "UPDATE pages SET state = 0, attempts = attempts + 1, rule = ?2 WHERE id = ?1"},
		{&c.decide, `UPDATE pages SET state = 2, attempts = 0, reason = ?2, rule = ?3, status = ?4, etag = ?5, modified = ?6,
			body_hash = ?7, opt_out = ?8, fetched = ?9, candidates = ?10, foreign_links = ?11, target = ?12 WHERE id = ?1`},
		{&c.same, "UPDATE pages SET state = 2, attempts = 0, reason = '', rule = ?2, status = ?3, fetched = ?4 WHERE id = ?1"},
		{&c.put, "INSERT INTO texts VALUES (?1, ?2) ON CONFLICT (page) DO UPDATE SET data = excluded.data"},
		{&c.del, "DELETE FROM texts WHERE page = ?"},
		{&c.add, insertLink},
	} {
		stmt, err := c.tx.Prepare(s.query)
		if err != nil {
			return err
		}
		*s.stmt = stmt
	}
	return nil
}

func (c *committer) close() {
	for _, s := range []*sql.Stmt{c.again, c.decide, c.same, c.put, c.del, c.add} {
		if s != nil {
			s.Close()
		}
	}
}

func (c *committer) store(r *Result) error {
	id := r.Lease.ID
	if r.Again {
		_, err := c.again.Exec(id, r.Reason+": "+r.Rule)
		return err
	}
	// Fetched is also the mark that a page was asked for.
	fetched := max(r.Fetched, 1)
	if r.Unchanged {
		_, err := c.same.Exec(id, r.Rule, r.Status, fetched)
		return err
	}
	if r.Reason != "" {
		r.Candidates = nil
	}
	if _, err := c.decide.Exec(id, r.Reason, r.Rule, r.Status, r.ETag, r.Modified, int64(r.BodyHash), r.OptOut,
		fetched, len(r.Candidates), r.Foreign, r.Target); err != nil {
		return err
	}
	// A page without candidates has a row too: it says that there is a copy.
	if r.Reason == "" {
		data, err := c.f.encode(r.Candidates)
		if err != nil {
			return err
		}
		if _, err := c.put.Exec(id, data); err != nil {
			return err
		}
	} else if _, err := c.del.Exec(id); err != nil {
		return err
	}
	redirects := 0
	if r.Target != "" {
		redirects = r.Lease.Redirects + 1
	}
	for _, l := range r.Links {
		n, err := addLink(c.add, l, r.Lease.Hops+1, redirects, r.Lease.URL)
		if err != nil {
			return err
		}
		c.added += n
		if l.Reason != "" {
			c.dropped += n
		}
	}
	if r.Target != "" {
		return c.markLoop(r.Lease.URL, r.Target)
	}
	return nil
}

// markLoop follows stored redirects from target. When they lead back to start,
// all of them are a loop, whichever of them was fetched first.
func (c *committer) markLoop(start, target string) error {
	circle := []string{start}
	for at := target; at != start; {
		if len(circle) > 32 {
			return nil
		}
		circle = append(circle, at)
		err := c.tx.QueryRow("SELECT target FROM pages WHERE url = ? AND state = 2 AND target <> ''", at).Scan(&at)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	for _, u := range circle {
		if _, err := c.tx.Exec("UPDATE pages SET reason = ? WHERE url = ?", loopReason, u); err != nil {
			return err
		}
	}
	return nil
}

// encode packs candidates without what the page's row holds.
func (f *Frontier) encode(candidates []shard.Candidate) ([]byte, error) {
	slim := make([]shard.Candidate, len(candidates))
	for i, c := range candidates {
		c.PageURL = ""
		slim[i] = c
	}
	plain, err := json.Marshal(slim)
	if err != nil {
		return nil, err
	}
	return f.enc.EncodeAll(plain, nil), nil
}
