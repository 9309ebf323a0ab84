package frontier

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/pairloom/pairloom/shard"
)

// refusedMark is what the rule of a page holds that lost candidates, before their number.
const refusedMark = "refused: "

// RefusedRule is the rule of a page of which that many candidates are refused.
func RefusedRule(rule string, candidates int) string {
	if at := strings.Index(rule, refusedMark); at >= 0 {
		rule = strings.TrimSuffix(rule[:at], "; ")
	}
	return strings.TrimPrefix(fmt.Sprintf("%s; %s%d candidates", rule, refusedMark, candidates), "; ")
}

// Refuse holds all that is known against what may not be used. A page whose address is
// refused is decided for that reason, whatever became of it, and what it said is
// forgotten; of other pages the candidates are that are refused. What goes is overwritten
// in the file. Pages that were refused and are no more are pending again, and with again
// those that lost candidates too. The functions may be nil.
func (f *Frontier) Refuse(reason string, address func(string) (rule string, refused bool), candidate func(*shard.Candidate) bool, again bool) error {
	if _, err := f.db.Exec("PRAGMA secure_delete = ON"); err != nil {
		return Damage(f.path, fmt.Errorf("apply refusals in %s: %w", f.path, err))
	}
	err := f.write("apply refusals", func(tx *sql.Tx) error {
		f.forget()
		err := each(tx, "true", func(p stored) (err error) {
			rule, refused := "", false
			if address != nil {
				rule, refused = address(p.url)
			}
			switch {
			case refused && p.reason != reason:
				if _, err = tx.Exec("DELETE FROM texts WHERE page = ?", p.id); err == nil {
					_, err = tx.Exec("UPDATE pages SET state = 2, reason = ?, rule = ?, label = '', fetched = 0, run = 0, attempts = 0, copy = 0, candidates = 0, placeholders = 0, cut = 0, past = 0, etag = '', modified = '' WHERE id = ?", reason, rule, p.id)
				}
			case !refused && p.reason == reason:
				_, err = tx.Exec("UPDATE pages SET state = 0, attempts = 0, reason = '', rule = '', etag = '', modified = '' WHERE id = ?", p.id)
			}
			return err
		})
		if err == nil && again {
			_, err = tx.Exec("UPDATE pages SET state = 0, attempts = 0, etag = '', modified = '' WHERE state = 2 AND instr(rule, ?) > 0", refusedMark)
		}
		if err == nil && candidate != nil {
			err = f.dropCandidates(tx, candidate)
		}
		return err
	})
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	// What was overwritten is in the log too, until it is cut.
	if _, err := f.db.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return Damage(f.path, fmt.Errorf("apply refusals in %s: %w", f.path, err))
	}
	return nil
}

// dropCandidates takes refused candidates out of the texts of pages.
func (f *Frontier) dropCandidates(tx *sql.Tx, refused func(*shard.Candidate) bool) error {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer dec.Close()
	type page struct {
		id         int64
		url, rule  string
		candidates []shard.Candidate
		lost       int
	}
	for last := int64(0); ; {
		rows, err := tx.Query("SELECT id, url, rule, data FROM pages JOIN texts ON page = id WHERE id > ? AND candidates > 0 ORDER BY id LIMIT 1000", last)
		if err != nil {
			return err
		}
		var changed []page
		n := 0
		for ; rows.Next(); n++ {
			var p page
			var data sql.RawBytes
			if err = rows.Scan(&p.id, &p.url, &p.rule, &data); err != nil {
				break
			}
			last = p.id
			var plain []byte
			if plain, err = dec.DecodeAll(data, nil); err == nil {
				err = json.Unmarshal(plain, &p.candidates)
			}
			if err != nil {
				err = fmt.Errorf("page %s: %w", p.url, err)
				break
			}
			stay := p.candidates[:0]
			for _, c := range p.candidates {
				if c.PageURL = p.url; refused(&c) {
					p.lost++
				} else {
					stay = append(stay, c)
				}
			}
			if p.candidates = stay; p.lost > 0 {
				changed = append(changed, p)
			}
		}
		rows.Close()
		if err == nil {
			err = rows.Err()
		}
		if err != nil || n == 0 {
			return err
		}
		for _, p := range changed {
			data, err := f.encode(p.candidates)
			if err == nil {
				_, err = tx.Exec("UPDATE texts SET data = ? WHERE page = ?", data, p.id)
			}
			if err == nil {
				_, err = tx.Exec("UPDATE pages SET candidates = ?, rule = ?, etag = '', modified = '' WHERE id = ?", len(p.candidates), RefusedRule(p.rule, p.lost+lostBefore(p.rule)), p.id)
			}
			if err != nil {
				return err
			}
		}
	}
}

// lostBefore is how many candidates the rule of a page says that it lost.
func lostBefore(rule string) (n int) {
	if at := strings.Index(rule, refusedMark); at >= 0 {
		_, _ = fmt.Sscanf(rule[at+len(refusedMark):], "%d", &n) // our own words
	}
	return n
}

// Refused counts the candidates of pages that were read which are refused.
func (f *Frontier) Refused() (n int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err = f.db.QueryRow("SELECT coalesce(sum(CAST(substr(rule, instr(rule, ?1) + length(?1)) AS INTEGER)), 0) FROM pages WHERE copy AND instr(rule, ?1) > 0", refusedMark).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count refused candidates of %s: %w", f.path, err)
	}
	return n, nil
}

// Overwrite writes the file anew without what was deleted or changed since it was made,
// of which free pages keep copies, and cuts the log. It takes room for the file once more.
// Of pages that were decided for reason also the text of links to them goes.
func (f *Frontier) Overwrite(reason string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, do := range []string{
		"PRAGMA secure_delete = ON",
		"UPDATE pages SET label = '' WHERE label <> '' AND reason = ?",
		"PRAGMA wal_checkpoint(TRUNCATE)",
		"VACUUM",
		"PRAGMA wal_checkpoint(TRUNCATE)",
	} {
		var args []any
		if strings.Contains(do, "?") {
			args = []any{reason}
		}
		if _, err := f.db.Exec(do, args...); err != nil {
			return Damage(f.path, fmt.Errorf("overwrite what was deleted in %s: %w", f.path, err))
		}
	}
	return nil
}
