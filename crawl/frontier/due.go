package frontier

import (
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// usualPace is the pace of a page of which nothing is known.
const usualPace = 1000

// Revisit says when a page that was fetched is due again: After times its pace,
// in thousandths, but within Least and Most. One that is gone for good (410) is due
// after Most, but for a seed, without which nothing of a site may be known.
type Revisit struct{ After, Least, Most time.Duration }

// due is the condition on pages that they are due, but for those that failed in
// passing, at a time in Unix seconds. It has no parameters.
func (r Revisit) due(now int64) string {
	seconds := func(d time.Duration) int64 { return int64(d / time.Second) }
	return fmt.Sprintf("state = 2 AND fetched > 0 AND fetched + iif(reason = 'http_410' AND (hops, step) > (0, 0), %[2]d, max(%[1]d, min(%[2]d, %[3]d * pace / 1000))) <= %[4]d",
		seconds(r.Least), seconds(r.Most), seconds(r.After), now)
}

// failed is the condition on pages that their last answer was a failure, of a
// kind that may pass. Reasons are words of this program's own.
func failed(passing []string) string {
	return "state = 2 AND fetched > 0 AND reason IN ('" + strings.Join(passing, "', '") + "')"
}

// Due makes pages pending again: those that are due at the time given (Unix
// seconds), and all whose failure is one of the reasons in passing.
func (f *Frontier) Due(now int64, r Revisit, passing []string) error {
	return f.write("find pages that are due", func(tx *sql.Tx) error {
		for _, where := range []string{r.due(now), failed(passing)} {
			if _, err := tx.Exec("UPDATE pages SET state = 0, attempts = 0 WHERE " + where); err != nil {
				return err
			}
		}
		return nil
	})
}

// Refused are pages that a setting decided.
type Refused struct {
	Reasons []string // for one of these they were not kept
	Rules   []string // their rule begins with one of these words
	OptOuts bool     // read, though they ask for something
	Read    bool     // read at all
}

// Recall makes pages pending again; they are asked for whole.
func (f *Frontier) Recall(r Refused) error {
	return f.write("ask again for what a setting decided", func(tx *sql.Tx) error {
		const again = "UPDATE pages SET state = 0, attempts = 0, etag = '', modified = '' WHERE state = 2 AND "
		for _, reason := range r.Reasons {
			if _, err := tx.Exec(again+"reason = ?", reason); err != nil {
				return err
			}
		}
		for _, rule := range r.Rules {
			if _, err := tx.Exec(again+"substr(rule, 1, length(?1)) = ?1", rule); err != nil {
				return err
			}
		}
		_, err := tx.Exec(again+"copy AND (?1 AND opt_out <> '' OR ?2)", r.OptOuts, r.Read)
		return err
	})
}

// stored is a page for those who look at all of them.
type stored struct {
	id, priority, foreign int64
	url, label, reason    string
	kind                  Kind
	hops, state           int
}

// each calls do for all pages of which where holds, in batches, so that do may
// change them.
func each(tx *sql.Tx, where string, do func(stored) error) error {
	for last := int64(0); ; {
		var batch []stored
		rows, err := tx.Query("SELECT id, url, label, kind, hops, state, priority, reason, foreign_links FROM pages WHERE id > ? AND "+where+" ORDER BY id LIMIT 1000", last)
		if err != nil {
			return err
		}
		for rows.Next() {
			var p stored
			if err := rows.Scan(&p.id, &p.url, &p.label, &p.kind, &p.hops, &p.state, &p.priority, &p.reason, &p.foreign); err != nil {
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
			if err := do(p); err != nil {
				return err
			}
		}
	}
}

// Rejudge applies changed rules to all that is known. judge says of an address
// whether it is in scope, and why it should not be asked for. What is out of
// scope is forgotten; a page that had links out of scope is read again, for those
// that the old rules left out, as is one that led out of scope for that reason.
func (f *Frontier) Rejudge(judge func(url string, kind Kind, hops int) (Link, bool), outOfScope string) error {
	err := f.write("apply changed rules", func(tx *sql.Tx) error {
		err := each(tx, "true", func(p stored) (err error) {
			l, in := judge(p.url, p.kind, p.hops)
			if !in || l.Reason != "" {
				if _, err := tx.Exec("DELETE FROM texts WHERE page = ?", p.id); err != nil {
					return err
				}
			}
			switch {
			case !in:
				_, err = tx.Exec("DELETE FROM pages WHERE id = ?", p.id)
			case l.Reason != "":
				_, err = tx.Exec("UPDATE pages SET state = 2, reason = ?, rule = ?, fetched = 0, run = 0, attempts = 0, copy = 0, candidates = 0, placeholders = 0, cut = 0, past = 0 WHERE id = ?", l.Reason, l.Rule, p.id)
			case p.state == pending:
				_, err = tx.Exec("UPDATE pages SET attempts = 0, rule = '', etag = '', modified = '' WHERE id = ?", p.id)
			case p.foreign > 0 || p.reason == outOfScope:
				_, err = tx.Exec("UPDATE pages SET state = 0, attempts = 0, rule = '', etag = '', modified = '' WHERE id = ?", p.id)
			default: // what the old rules left out unseen, the new ones let in
				_, err = tx.Exec("UPDATE pages SET state = 0, attempts = 0, reason = '', rule = '', etag = '', modified = '' WHERE id = ? AND fetched = 0", p.id)
			}
			return err
		})
		if err != nil {
			return err
		}
		_, err = tx.Exec(`
UPDATE pages SET found = 0 WHERE found NOT IN (SELECT id FROM pages);
DELETE FROM hosts WHERE id NOT IN (SELECT host FROM pages);
UPDATE hosts SET taken = (SELECT count(*) FROM pages WHERE host = hosts.id AND (fetched > 0 OR attempts > 0 OR run > 0));` + countKnown)
		return err
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget()
	return err
}

// Rescore gives all pending pages their priority anew; score is nil when none has
// any.
func (f *Frontier) Rescore(score func(url, label string) int64) error {
	return f.write("weigh pages", func(tx *sql.Tx) error {
		f.forget()
		if score == nil {
			_, err := tx.Exec("UPDATE pages SET priority = 0 WHERE state = 0 AND priority <> 0")
			return err
		}
		change, err := tx.Prepare("UPDATE pages SET priority = ? WHERE id = ?")
		if err != nil {
			return err
		}
		defer change.Close()
		return each(tx, "state = 0", func(p stored) error {
			if now := score(p.url, p.label); now != p.priority {
				_, err := change.Exec(now, p.id)
				return err
			}
			return nil
		})
	})
}
