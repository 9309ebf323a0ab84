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
//	2: hosts have a table, with the pages asked for; sitemaps and feeds; priority
//	   and pace of pages; a run counts its pages and bytes
//	3: pages count what was dropped or cut off within them, and addresses that a
//	   list names past the cap of a host; hosts count their pages
const schemaVersion = 3

// The states of a page.
const (
	pending = 0
	leased  = 1
	decided = 2
)

const tables = `
CREATE TABLE hosts (
	id       INTEGER PRIMARY KEY,
	name     TEXT NOT NULL UNIQUE,          -- with its port when that is not the scheme's own
	taken    INTEGER NOT NULL DEFAULT 0,    -- pages asked for, over all runs
	sitemaps INTEGER NOT NULL DEFAULT 0,    -- last run in which its robots.txt was asked for sitemaps
	known    INTEGER NOT NULL DEFAULT 0     -- pages
);
CREATE TABLE pages (
	id         INTEGER PRIMARY KEY,
	url        TEXT NOT NULL UNIQUE,
	host       INTEGER NOT NULL,            -- hosts.id
	kind       INTEGER NOT NULL DEFAULT 0,  -- 0 a page, 1 a feed, 2 a sitemap
	hops       INTEGER NOT NULL,            -- links from a seed
	step       INTEGER NOT NULL DEFAULT 0,  -- 0 for pages; behind them, for sitemaps and feeds
	priority   INTEGER NOT NULL DEFAULT 0,  -- more comes earlier within a level
	rank       INTEGER NOT NULL,            -- xxhash64 of url: the order of equal priority
	label      TEXT NOT NULL DEFAULT '',    -- text of the link that gave the priority
	found      INTEGER NOT NULL DEFAULT 0,  -- pages.id on which url was first seen; 0 for seeds
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
	pace       INTEGER NOT NULL DEFAULT 1000, -- time to the next visit, in thousandths of crawl.revisit_after
	copy       INTEGER NOT NULL DEFAULT 0,  -- 1 when it was read, and texts has what it said
	candidates INTEGER NOT NULL DEFAULT 0,
	foreign_links INTEGER NOT NULL DEFAULT 0, -- links out of scope, not followed
	placeholders INTEGER NOT NULL DEFAULT 0,  -- candidates dropped, of addresses that are placeholders
	cut        INTEGER NOT NULL DEFAULT 0,  -- candidates, links and sources beyond the bounds on a page
	past       INTEGER NOT NULL DEFAULT 0   -- of a list: addresses left out, since their host has too many
);
CREATE TABLE texts (                        -- candidates of kept pages
	page INTEGER PRIMARY KEY REFERENCES pages (id),
	data BLOB NOT NULL                      -- JSON, zstd
);
CREATE TABLE runs (
	id       INTEGER PRIMARY KEY,
	started  INTEGER NOT NULL,
	finished INTEGER NOT NULL DEFAULT 0,
	pages    INTEGER NOT NULL DEFAULT 0,    -- in its budget
	bytes    INTEGER NOT NULL DEFAULT 0     -- decoded, of what it stored
);
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
`

// Only what is waiting is indexed, so that what is decided costs nothing more.
const indexes = `
CREATE INDEX pages_order ON pages (hops, step, attempts, priority DESC, rank) WHERE state = 0;
CREATE INDEX pages_again ON pages (run) WHERE state = 0 AND run > 0;
CREATE INDEX pages_leased ON pages (id) WHERE state = 1;
`

// Links lie all over the file: a longer log holds most of its pages many times
// before it is written back, 64 MiB at a time. That takes a moment, which a lease
// leaves to the next commit.
const (
	writeBack = "PRAGMA wal_autocheckpoint = 16384"
	onlyLog   = "PRAGMA wal_autocheckpoint = 0"
)

// connect opens the file to write, making it when there is none and bringing an
// older one to today's schema.
func connect(path string) (*sql.DB, error) {
	db, err := openSQLite(path, "?_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=10000&_txlock=immediate&_cache_size=-196608")
	if err != nil {
		return nil, err
	}
	version, err := version(db)
	if err == nil && version < schemaVersion {
		err = create(db, version)
	}
	if err == nil {
		_, err = db.Exec(writeBack)
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
	if version < 0 || version > schemaVersion {
		return 0, &shard.DamagedPart{Cause: fmt.Sprintf("the frontier has version %d, this pairloom reads %d", version, schemaVersion),
			Cure: "use the pairloom that wrote it, or " + anew}
	}
	return version, nil
}

// create makes the tables, from those of an older version where there are such:
// all or nothing.
func create(db *sql.DB, from int) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	switch from {
	case 1:
		err = fromVersion1(tx)
	case 2:
		err = fromVersion2(tx)
	default:
		_, err = tx.Exec(tables + indexes)
	}
	if err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	if _, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", schemaVersion)); err != nil {
		return err
	}
	return tx.Commit()
}

// fromVersion1 keeps all that is known. The order of a level stays, and a page
// that was asked for has its place on its host.
func fromVersion1(tx *sql.Tx) error {
	_, err := tx.Exec(`
DROP INDEX pages_order;
DROP INDEX pages_run;
ALTER TABLE pages RENAME TO old_pages;
ALTER TABLE texts RENAME TO old_texts;
ALTER TABLE runs RENAME TO old_runs;
ALTER TABLE settings RENAME TO old_settings;
` + tables + `
INSERT INTO hosts (name, taken) SELECT host, count(*) FILTER (WHERE fetched > 0 OR attempts > 0 OR run > 0) FROM old_pages GROUP BY host;
INSERT INTO pages (id, url, host, hops, rank, found, state, attempts, run, redirects, reason, rule, target, status, etag, modified,
		body_hash, opt_out, fetched, copy, candidates, foreign_links)
	SELECT p.id, p.url, hosts.id, p.hops, p.rank, coalesce(r.id, 0), p.state, p.attempts, p.run, p.redirects, p.reason, p.rule, p.target, p.status, p.etag, p.modified,
		p.body_hash, p.opt_out, p.fetched, EXISTS (SELECT 1 FROM old_texts WHERE page = p.id), p.candidates, p.foreign_links
	FROM old_pages p JOIN hosts ON hosts.name = p.host LEFT JOIN old_pages r ON r.url = p.referrer
	ORDER BY p.id;
INSERT INTO texts SELECT * FROM old_texts;
INSERT INTO runs (id, started, finished, pages) SELECT id, started, finished, (SELECT count(*) FROM pages WHERE run = old_runs.id) FROM old_runs;
INSERT INTO settings SELECT * FROM old_settings;
DROP TABLE old_texts;
DROP TABLE old_pages;
DROP TABLE old_runs;
DROP TABLE old_settings;
` + countKnown + indexes)
	return err
}

// countKnown counts the pages of each host anew.
const countKnown = `
UPDATE hosts SET known = 0;
UPDATE hosts SET known = n FROM (SELECT host, count(*) AS n FROM pages GROUP BY host) WHERE id = host;
`

// fromVersion2 adds the counts, which begin at zero.
func fromVersion2(tx *sql.Tx) error {
	_, err := tx.Exec(`
ALTER TABLE hosts ADD COLUMN known INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pages ADD COLUMN placeholders INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pages ADD COLUMN cut INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pages ADD COLUMN past INTEGER NOT NULL DEFAULT 0;
` + countKnown)
	return err
}
