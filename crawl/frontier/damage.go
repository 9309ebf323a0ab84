package frontier

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"github.com/mattn/go-sqlite3"
	"github.com/pairloom/pairloom/shard"
)

// anew is the cure of a file that cannot be used.
const anew = "move it away and run pairloom crawl, which reads the pages again"

// Damage makes an error of SQLite that is about the file at path, and not about
// what was asked, a [shard.DamagedPart] with its cure. Others stay as they are.
func Damage(path string, err error) error {
	var fault sqlite3.Error
	var told *shard.DamagedPart
	if errors.As(err, &told) && told.Path == "" { // by look, which may read a copy
		return &shard.DamagedPart{Path: path, Cause: told.Cause, Cure: told.Cure}
	}
	if told != nil || !errors.As(err, &fault) {
		return err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return &shard.DamagedPart{Path: path, Cause: "it is a folder", Cure: anew}
	}
	cure := ""
	switch fault.Code {
	case sqlite3.ErrNotADB, sqlite3.ErrCorrupt, sqlite3.ErrError: // an error in our own statements: tables are missing
		cure = anew
	case sqlite3.ErrIoErr:
		cure = "check the disk; if it is sound, " + anew
	case sqlite3.ErrFull:
		cure = "free some space and run pairloom crawl again, which goes on"
	case sqlite3.ErrCantOpen, sqlite3.ErrPerm, sqlite3.ErrReadonly:
		cure = "check who may read and write the file and its folder"
	default:
		return err
	}
	return &shard.DamagedPart{Path: path, Cause: fault.Error(), Cure: cure}
}

// Check reads the whole file at path, and tells whether its structure is sound: the
// error is fs.ErrNotExist when there is no file, a [shard.DamagedPart] when it is
// damaged, empty or no frontier. It only reads, also while a crawl runs.
func Check(ctx context.Context, path string) error {
	return look(path, func(db *sql.DB) error {
		if _, err := counts(path, db); err != nil {
			return err
		}
		var found string
		if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
			return fmt.Errorf("check %s: %w", path, err)
		}
		if found != "ok" {
			return &shard.DamagedPart{Cause: found, Cure: anew}
		}
		return nil
	})
}
