package frontier

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"
)

// Frontier is an open crawl.db. Close it.
type Frontier struct {
	path string
	db   *sql.DB
	mu   sync.Mutex // one statement at a time; also guards what follows
	enc  *zstd.Encoder
	run  int64
	// counted is the number of pages in the run's budget.
	counted int64
}

// Open opens or creates the file at path, releases all leases and goes on with
// the run that did not finish, or starts a new one. Resumed tells which. The
// caller holds the folder's lock. now is in Unix seconds.
func Open(path string, now int64) (f *Frontier, resumed bool, err error) {
	db, err := connect(path)
	if err != nil {
		return nil, false, Damage(path, err)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		db.Close()
		return nil, false, fmt.Errorf("open %s: %w", path, err)
	}
	f = &Frontier{path: path, db: db, enc: enc}
	err = f.write("release leases", func(tx *sql.Tx) error {
		if _, err := tx.Exec("UPDATE pages SET state = ? WHERE state = ?", pending, leased); err != nil {
			return err
		}
		err := tx.QueryRow("SELECT id FROM runs WHERE finished = 0 ORDER BY id DESC LIMIT 1").Scan(&f.run)
		if err == nil {
			resumed = true
			return tx.QueryRow("SELECT count(*) FROM pages WHERE run = ?", f.run).Scan(&f.counted)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		return tx.QueryRow("INSERT INTO runs (started) VALUES (?) RETURNING id", now).Scan(&f.run)
	})
	if err != nil {
		f.Close()
		return nil, false, err
	}
	return f, resumed, nil
}

// Close closes the file. Leased pages are pending again at the next Open.
func (f *Frontier) Close() error {
	f.enc.Close()
	if err := f.db.Close(); err != nil {
		return fmt.Errorf("close %s: %w", f.path, err)
	}
	return nil
}

// write runs do in a transaction.
func (f *Frontier) write(what string, do func(*sql.Tx) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	tx, err := f.db.Begin()
	if err == nil {
		defer tx.Rollback()
		if err = do(tx); err == nil {
			err = tx.Commit()
		}
	}
	if err != nil {
		return Damage(f.path, fmt.Errorf("%s in %s: %w", what, f.path, err))
	}
	return nil
}

// FinishRun closes the run: the next Open starts a new one.
func (f *Frontier) FinishRun(now int64) error {
	return f.write("finish run", func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE runs SET finished = max(?, started, 1) WHERE id = ?", now, f.run)
		return err
	})
}

// Setting reads a value that SetSetting stored, "" when there is none.
func (f *Frontier) Setting(key string) (value string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err = f.db.QueryRow("SELECT value FROM settings WHERE key = ?", key).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read setting %s in %s: %w", key, f.path, err)
	}
	return value, nil
}

// SetSetting stores a value.
func (f *Frontier) SetSetting(key, value string) error {
	return f.write("store setting "+key, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO settings VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
		return err
	})
}

// Link is an address to remember.
type Link struct {
	URL    string // absolute, without fragment
	Reason string // "" to ask for it; else why it never will be
	Rule   string
}

// Seed adds addresses at hops 0.
func (f *Frontier) Seed(links []Link) error {
	return f.write("add seeds", func(tx *sql.Tx) error {
		add, err := tx.Prepare(insertLink)
		if err != nil {
			return err
		}
		defer add.Close()
		for _, l := range links {
			if _, err := addLink(add, l, 0, 0, ""); err != nil {
				return err
			}
		}
		return nil
	})
}

// insertLink keeps what is known already, but for a shorter way to a page that
// is pending or was left out as too far.
const insertLink = `
INSERT INTO pages (url, host, hops, rank, referrer, state, redirects, reason, rule)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT (url) DO UPDATE SET hops = excluded.hops, referrer = excluded.referrer,
	state = excluded.state, redirects = excluded.redirects, reason = excluded.reason, rule = excluded.rule
WHERE excluded.hops < pages.hops AND (pages.state = 0 AND pages.fetched = 0 OR pages.reason = 'trap_hops')`

func addLink(add *sql.Stmt, l Link, hops, redirects int, referrer string) (changed int64, err error) {
	state := pending
	if l.Reason != "" {
		state = decided
	}
	done, err := add.Exec(l.URL, hostOf(l.URL), hops, rank(l.URL), referrer, state, redirects, l.Reason, l.Rule)
	if err != nil {
		return 0, err
	}
	return done.RowsAffected()
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}

// rank orders the pages of a level; it spreads them over hosts and over the
// parts of a site.
func rank(raw string) int64 { return int64(xxhash.Sum64String(raw)) }
