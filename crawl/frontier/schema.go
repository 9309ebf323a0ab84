package frontier

import (
	"database/sql"
	"fmt"
	"net/url"

	_ "github.com/mattn/go-sqlite3" // the driver
	"github.com/pairloom/pairloom/shard"
)

// schemaVersion counts the shapes of the file.
//
//	1: first
const schemaVersion = 1

// The states of a page.
const (
	pending = 0
	leased  = 1
	decided = 2
)

const schema = `
CREATE TABLE pages (
	id         INTEGER PRIMARY KEY,
	url        TEXT NOT NULL UNIQUE,
	host       TEXT NOT NULL,
	hops       INTEGER NOT NULL,            -- links from a seed
	rank       INTEGER NOT NULL,            -- xxhash64 of url: the order within a level
	referrer   TEXT NOT NULL DEFAULT '',    -- page on which url was first seen
	state      INTEGER NOT NULL,
	attempts   INTEGER NOT NULL DEFAULT 0,  -- failed in a way that may pass
	run        INTEGER NOT NULL DEFAULT 0,  -- in whose budget it was last counted
	redirects  INTEGER NOT NULL DEFAULT 0,  -- redirects in a row that led here
	reason     TEXT NOT NULL DEFAULT '',    -- why not kept; '' once decided: kept
	rule       TEXT NOT NULL DEFAULT '',    -- what decided, for people
	target     TEXT NOT NULL DEFAULT '',    -- where it redirects to
	status     INTEGER NOT NULL DEFAULT 0,  -- of HTTP
	etag       TEXT NOT NULL DEFAULT '',
	modified   TEXT NOT NULL DEFAULT '',    -- Last-Modified
	body_hash  INTEGER NOT NULL DEFAULT 0,  -- xxhash64 of the decoded body
	opt_out    TEXT NOT NULL DEFAULT '',
	fetched    INTEGER NOT NULL DEFAULT 0,  -- Unix seconds; 0 when never asked for
	candidates INTEGER NOT NULL DEFAULT 0,
	foreign_links INTEGER NOT NULL DEFAULT 0  -- links out of scope, not followed
);
CREATE INDEX pages_order ON pages (state, hops, attempts, rank);
CREATE INDEX pages_run ON pages (run) WHERE run > 0;
CREATE TABLE texts (                        -- candidates of kept pages
	page INTEGER PRIMARY KEY REFERENCES pages (id),
	data BLOB NOT NULL                      -- JSON, zstd
);
CREATE TABLE runs (
	id       INTEGER PRIMARY KEY,
	started  INTEGER NOT NULL,
	finished INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
`

// connect opens the file to write, making it when there is none, and checks its
// version.
func connect(path string) (*sql.DB, error) {
	db, err := openSQLite(path, "?_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=10000&_txlock=immediate&_cache_size=-16384")
	if err != nil {
		return nil, err
	}
	version, err := version(db)
	if err == nil && version == 0 {
		err = create(db)
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return db, nil
}

func openSQLite(path, parameters string) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath()+parameters)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// version is 0 for a file without tables.
func version(db *sql.DB) (version int, err error) {
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return 0, fmt.Errorf("read version: %w", err)
	}
	if version != 0 && version != schemaVersion {
		return 0, &shard.DamagedPart{Cause: fmt.Sprintf("the frontier has version %d, this pairloom reads %d", version, schemaVersion),
			Cure: "use the pairloom that wrote it, or " + anew}
	}
	return version, nil
}

func create(db *sql.DB) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.Exec(schema); err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	if _, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", schemaVersion)); err != nil {
		return err
	}
	return tx.Commit()
}
