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
	Bytes    int64 // decoded, of the body
	OptOut   string
	Fetched  int64 // Unix seconds
	Pace     int   // to the next visit; see [Revisit]
	// Again puts the page back to be tried once more; the rest is only noted.
	Again bool
	// Unchanged keeps the candidates, ETag and Modified of the stored copy, and what
	// its rule says was cut off. Due
	// also keeps when it was fetched: asking failed, and the next run asks again.
	Unchanged  bool
	Due        bool
	Candidates []shard.Candidate // PageURL is the lease's
	Links      []Link
	Foreign    int // links out of scope
	// Placeholders and Cut count what of the page is not among Candidates and Links;
	// see alttext.Page.
	Placeholders, Cut int
	// Most bounds the addresses known of a host: of a list, new pages of one that
	// has as many are left out and counted; 0 bounds nothing.
	Most   int64
	Target string // where the page redirects to; among Links when it is to be asked for
}

// loopReason marks pages that redirect to one another in a circle.
const loopReason = "redirect_loop"

// Commit stores results, all or none. A page whose links say that it has changed
// is due when it was fetched before the time given (Unix seconds), as is one that was
// gone and that a page links to. It returns how
// many addresses were new, and how many of those are never asked for.
func (f *Frontier) Commit(results []Result, before int64) (added, dropped int64, err error) {
	if len(results) == 0 {
		return 0, 0, nil
	}
	err = f.write("store pages", func(tx *sql.Tx) error {
		if _, err := tx.Exec(writeBack); err != nil {
			return err
		}
		c := committer{f: f, tx: tx}
		defer c.close()
		if err := c.prepare(before); err != nil {
			return err
		}
		var bytes int64
		for i := range results {
			bytes += results[i].Bytes
			if err := c.store(&results[i]); err != nil {
				return err
			}
		}
		added, dropped = c.links.fresh, c.links.closed
		if err := c.links.count(); err != nil {
			return err
		}
		_, err := tx.Exec("UPDATE runs SET bytes = bytes + ? WHERE id = ?", bytes, f.run)
		return err
	})
	return added, dropped, err
}

type committer struct {
	f                                     *Frontier
	tx                                    *sql.Tx
	links                                 *linker
	again, decide, same, put, del, mapped *sql.Stmt
}

func (c *committer) prepare(before int64) (err error) {
	if c.links, err = c.f.linker(c.tx, before); err != nil {
		return err
	}
	for _, s := range []struct {
		stmt  **sql.Stmt
		query string
	}{
		{&c.again, "UPDATE pages SET state = 0, attempts = attempts + 1, rule = ?2 WHERE id = ?1"},
		{&c.decide, `UPDATE pages SET state = 2, attempts = 0, reason = ?2, rule = ?3, status = ?4, etag = ?5, modified = ?6,
			body_hash = ?7, opt_out = ?8, fetched = ?9, candidates = ?10, foreign_links = iif(?4 = 304, foreign_links, ?11), target = ?12, copy = ?13, pace = ?14,
			kind = ?15, placeholders = ?16, cut = ?17, past = 0 WHERE id = ?1`},
		{&c.same, "UPDATE pages SET state = 2, attempts = 0, reason = '', rule = CASE WHEN substr(rule, 1, 7) = 'cut off' THEN substr(rule, 1, instr(rule || '; not refreshed: ', '; not refreshed: ') - 1) || iif(?2 = '', '', '; ' || ?2) ELSE ?2 END, status = ?3, fetched = CASE WHEN ?6 THEN fetched ELSE ?4 END, pace = ?5 WHERE id = ?1"},
		{&c.put, "INSERT INTO texts VALUES (?1, ?2) ON CONFLICT (page) DO UPDATE SET data = excluded.data"},
		{&c.del, "DELETE FROM texts WHERE page = ?"},
		{&c.mapped, "UPDATE hosts SET sitemaps = ? WHERE name = ?"},
	} {
		if *s.stmt, err = c.tx.Prepare(s.query); err != nil {
			return err
		}
	}
	return nil
}

func (c *committer) close() {
	if c.links != nil {
		c.links.close()
	}
	for _, s := range []*sql.Stmt{c.again, c.decide, c.same, c.put, c.del, c.mapped} {
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
	pace := r.Pace
	if pace == 0 {
		pace = usualPace
	}
	// Fetched is also the mark that a page was asked for.
	fetched := max(r.Fetched, 1)
	var err error
	switch {
	case r.Unchanged:
		_, err = c.same.Exec(id, r.Rule, r.Status, fetched, pace, r.Due)
	case r.Reason == "":
		// A page without candidates has a row too: it says that there is a copy.
		var data []byte
		if data, err = c.f.encode(r.Candidates); err == nil {
			_, err = c.put.Exec(id, data)
		}
		if err == nil {
			err = c.outcome(r, fetched, pace)
		}
	default:
		r.Candidates, r.Placeholders = nil, 0
		if r.Lease.Kept {
			_, err = c.del.Exec(id)
		}
		if err == nil {
			err = c.outcome(r, fetched, pace)
		}
	}
	if err != nil {
		return err
	}
	c.links.most, c.links.past = r.Most, 0
	for i := range r.Links {
		c.links.gone = 0
		if r.Lease.Kind == Page && r.Links[i].Kind != Sitemap { // robots.txt names those, in each run
			c.links.gone = c.links.before
		}
		if err := c.links.link(&r.Links[i], r.place(&r.Links[i])); err != nil {
			return err
		}
	}
	if past := c.links.past; past > 0 { // they are in the answer alone: the next is to be whole
		if _, err := c.tx.Exec("UPDATE pages SET past = ?, etag = '', modified = '' WHERE id = ?", past, id); err != nil {
			return err
		}
	}
	if r.Lease.Sitemaps {
		if _, err := c.mapped.Exec(c.f.run, r.Lease.Host); err != nil {
			return err
		}
	}
	if r.Target != "" && !r.Unchanged {
		return c.markLoop(r.Lease.URL, r.Target)
	}
	return nil
}

func (c *committer) outcome(r *Result, fetched int64, pace int) error {
	_, err := c.decide.Exec(r.Lease.ID, r.Reason, r.Rule, r.Status, r.ETag, r.Modified, int64(r.BodyHash), r.OptOut,
		fetched, len(r.Candidates), r.Foreign, r.Target, r.Reason == "", pace, r.Lease.Kind, r.Placeholders, r.Cut)
	return err
}

// place is where a link of the page stands: a page one hop further, a sitemap or
// feed behind the pages of its own level, and what a sitemap names as one behind
// that.
func (r *Result) place(l *Link) place {
	p := place{found: r.Lease.ID}
	if r.Target != "" && l.URL == r.Target {
		p.redirects = r.Lease.Redirects + 1
	}
	if l.Kind == Page {
		p.level = Level{Hops: r.Lease.Level.Hops + 1}
	} else {
		p.level = Level{r.Lease.Level.Hops, r.Lease.Level.Step + 1}
	}
	return p
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
