package frontier

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pairloom/pairloom/shard"
)

// look opens the file at path for reading alone and calls read. Nothing in its
// folder changes, so that whoever may read it may look, also while a crawl
// writes. The error is fs.ErrNotExist when there is no file.
//
// What SQLite would make to read a file in WAL mode is the index of the log,
// -shm. Without a log there is nothing to index, and the file is opened as one
// that does not change; if it has changed meanwhile, the answer is thrown away.
// With a log, the index that a crawl made is read, or, when nobody holds it,
// one is made in memory. A log without an index is what a copy of the folder may
// have: it is read as a copy of our own.
func look(path string, read func(*sql.DB) error) error {
	const attempts = 10 // a crawl starts or ends between two of them
	for attempt := 1; ; attempt++ {
		before, err := filesOf(path)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("open %s: %w: nothing was crawled here yet", path, fs.ErrNotExist)
		} else if err != nil {
			return fmt.Errorf("open frontier: %w", err)
		}
		switch {
		case !before.log:
			err = lookWith(path, "?mode=ro&immutable=1", read)
		case before.index:
			err = lookWith(path, "?mode=ro&readonly_shm=1&_busy_timeout=10000", read)
		default:
			err = lookAtCopy(path, read)
		}
		if errors.Is(err, errOlder) {
			err = lookAtCopy(path, read)
		}
		err = Damage(path, err)
		after, statErr := filesOf(path)
		settled := statErr != nil || after == before || err == nil && before.log
		if settled || attempt == attempts {
			return err
		}
	}
}

// files is what decides how the file is opened, and whether it changed.
type files struct {
	modified   time.Time
	size       int64
	log, index bool
}

func filesOf(path string) (files, error) {
	file, err := os.Open(path) // tells better than SQLite why it cannot be read
	if err != nil {
		return files{}, err
	}
	defer file.Close()
	main, err := file.Stat()
	if err != nil {
		return files{}, err
	}
	f := files{modified: main.ModTime(), size: main.Size()}
	if log, err := os.Stat(path + "-wal"); err == nil {
		f.log = log.Size() > 0
	}
	_, err = os.Stat(path + "-shm")
	f.index = err == nil
	return f, nil
}

func lookWith(path, parameters string, read func(*sql.DB) error) error {
	db, err := openSQLite(path, parameters)
	if err != nil {
		return err
	}
	defer db.Close()
	v, err := version(db)
	if err == nil && v == 0 {
		return &shard.DamagedPart{Cause: "it is empty", Cure: anew}
	}
	if err == nil && v < schemaVersion {
		return errOlder
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	return read(db)
}

// errOlder says that the next crawl will bring the file to today's schema.
var errOlder = errors.New("the frontier is of an older version")

// lookAtCopy serves a file that no process has open, and one of an older version,
// whose copy is brought to today's.
func lookAtCopy(path string, read func(*sql.DB) error) error {
	dir, err := os.MkdirTemp("", "pairloom-frontier-")
	if err != nil {
		return fmt.Errorf("copy %s: %w", path, err)
	}
	defer os.RemoveAll(dir)
	to := filepath.Join(dir, "crawl.db")
	for _, end := range []string{"", "-wal"} {
		if err := copyFile(path+end, to+end); err != nil && (end == "" || !errors.Is(err, fs.ErrNotExist)) {
			return fmt.Errorf("copy %s: %w", path, err)
		}
	}
	if err := lookWith(to, "?_query_only=1", read); !errors.Is(err, errOlder) {
		return err
	}
	db, err := connect(to)
	if err != nil {
		return err
	}
	defer db.Close()
	return read(db)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
