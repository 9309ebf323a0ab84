package frontier

import (
	"database/sql"
	"errors"
	"fmt"
	"sync"

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
	counted  int64
	lastPage int64 // greatest id
	known    []knownLink
	hosts    map[string]int64 // ids of hosts used last
}

// Open opens or creates the file at path, releases all leases and goes on with
// the run that did not finish, or starts a new one. Resumed tells which. The
// caller holds the folder's lock. now is in Unix seconds.
func Open(path string, now int64) (f *Frontier, resumed bool, err error) {
	db, err := connect(path)
	if err != nil {
		return nil, false, Damage(path, err)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		db.Close()
		return nil, false, fmt.Errorf("open %s: %w", path, err)
	}
	f = &Frontier{path: path, db: db, enc: enc, known: make([]knownLink, knownLinks), hosts: map[string]int64{}}
	err = f.write("release leases", func(tx *sql.Tx) error {
		if _, err := tx.Exec("UPDATE pages SET state = 0 WHERE state = 1"); err != nil {
			return err
		}
		err := tx.QueryRow("SELECT id, pages FROM runs WHERE finished = 0 ORDER BY id DESC LIMIT 1").Scan(&f.run, &f.counted)
		if err == nil {
			resumed = true
			return nil
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

// write runs do in a transaction. What is remembered of the file holds after it,
// whether or not it went through.
func (f *Frontier) write(what string, do func(*sql.Tx) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	tx, err := f.db.Begin()
	if err == nil {
		defer tx.Rollback()
		if err = tx.QueryRow("SELECT coalesce(max(id), 0) FROM pages").Scan(&f.lastPage); err == nil {
			err = do(tx)
		}
		if err == nil {
			err = tx.Commit()
		}
	}
	if err != nil {
		f.forget()
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

// A Spent is what a run has used of its budget, over all times that it was
// stopped.
type Spent struct{ Pages, Bytes int64 }

// Spent tells what the run has used.
func (f *Frontier) Spent() (s Spent, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.db.QueryRow("SELECT pages, bytes FROM runs WHERE id = ?", f.run).Scan(&s.Pages, &s.Bytes); err != nil {
		return s, fmt.Errorf("read the run of %s: %w", f.path, err)
	}
	return s, nil
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

// Seed adds addresses at hops 0.
func (f *Frontier) Seed(links []Link) error {
	return f.write("add seeds", func(tx *sql.Tx) error {
		l, err := f.linker(tx, 0)
		if err != nil {
			return err
		}
		defer l.close()
		for i := range links {
			if err := l.link(&links[i], place{}); err != nil {
				return err
			}
		}
		return l.count()
	})
}
