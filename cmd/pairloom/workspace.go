package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/pairloom/pairloom/cmd/pairloom/config"
	"github.com/pairloom/pairloom/queries"
	"github.com/pairloom/pairloom/query"
	"github.com/pairloom/pairloom/query/match"
	"github.com/pairloom/pairloom/shard"
	"golang.org/x/sys/unix"
)

// workspace is one dataset's folder with its configuration.
type workspace struct {
	dir string
	cfg *config.Config
	log *slog.Logger
	now func() time.Time

	retryFailed bool      // fetch asks again for pictures that failed for a passing reason
	replace     bool      // train removes checkpoints that were made otherwise
	progress    *progress // of the stage that runs

	list       *query.List    // the query list, once it was asked for
	explaining *match.Matcher // explain's matcher, once it was asked for
	lock       *os.File
}

// openWorkspace reads the configuration of dir.
func openWorkspace(dir string, log *slog.Logger) (*workspace, error) {
	cfg, err := config.Load(filepath.Join(dir, config.FileName))
	if err != nil {
		return nil, &exitError{exitConfiguration, err}
	}
	now, err := clock()
	if err != nil {
		return nil, &exitError{exitConfiguration, err}
	}
	return &workspace{dir: dir, cfg: cfg, log: log, now: now}, nil
}

// clock is the source of all recorded times: the present, or the moment that
// SOURCE_DATE_EPOCH names (reproducible-builds.org), so that two crawls of an
// unchanged site give the same bytes.
func clock() (func() time.Time, error) {
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		return time.Now, nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("SOURCE_DATE_EPOCH %q is not a number of seconds", epoch)
	}
	return func() time.Time { return time.Unix(seconds, 0).UTC() }, nil
}

func (w *workspace) path(name string) string { return filepath.Join(w.dir, name) }

// memory is what one sort may hold, in bytes.
func (w *workspace) memory() int { return w.cfg.MemoryMiB << 20 }

func (w *workspace) workers() int {
	if w.cfg.Workers > 0 {
		return w.cfg.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// producers names the command that fills a folder.
var producers = map[string]string{
	"candidates": "crawl", "matched": "match", "images": "fetch", "selection": "curate", "shards": "shard",
	"report": "report", "checkpoints": "train", "evaluation": "eval",
}

// manifest reads the manifest of an input folder; where it is missing, the
// error says which command to run first.
func (w *workspace) manifest(folder string) (*shard.Manifest, error) {
	m, err := shard.ReadManifest(w.path(folder))
	if errors.Is(err, shard.ErrUnfinished) {
		return nil, &exitError{exitConfiguration, fmt.Errorf("%w: run pairloom %s first, or pairloom run for the whole road", err, producers[folder])}
	}
	return m, err
}

// queryList loads the list that the configuration names.
func (w *workspace) queryList() (*query.List, error) {
	if w.list != nil {
		return w.list, nil
	}
	var err error
	if name := w.cfg.Match.Queries; name == queries.Name {
		w.list, err = query.Read(name, queries.List)
	} else {
		w.list, err = query.Open(w.resolve(name))
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("match.queries names %s, which is no file; the list that ships is called %s", w.resolve(name), queries.Name)
		}
	}
	return w.list, err
}

// resolve takes a path of the configuration relative to the folder.
func (w *workspace) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return w.path(path)
}

// compiledName is the file of the compiled query list. It can be made again at
// any time, and is when it is missing, damaged or of another list or mode.
const compiledName = "queries.match"

// matcher maps the compiled list, which is compiled first where needed; the
// caller closes it. Only a process that holds the lock may ask for it.
func (w *workspace) matcher(list *query.List) (*match.Matcher, error) {
	mode, err := match.ParseMode(w.cfg.Match.Mode)
	if err != nil {
		return nil, err
	}
	path := w.path(compiledName)
	m, err := match.Open(path, list.Hash, mode)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, match.ErrDamaged) || errors.Is(err, match.ErrOther) {
		if err := match.Compile(path, list.Texts(), list.Hash, mode); err != nil {
			return nil, err
		}
		m, err = match.Open(path, list.Hash, mode)
	}
	return m, err
}

// explainer is a matcher for a process that may not write: the compiled list
// where there is one, else the list compiled in memory. It is made once.
func (w *workspace) explainer(list *query.List) (*match.Matcher, error) {
	if w.explaining != nil {
		return w.explaining, nil
	}
	mode, err := match.ParseMode(w.cfg.Match.Mode)
	if err != nil {
		return nil, err
	}
	if w.explaining, err = match.Open(w.path(compiledName), list.Hash, mode); err != nil {
		w.explaining = match.NewMode(list.Texts(), mode)
	}
	return w.explaining, nil
}

const lockName = "pairloom.lock"

// acquire takes the folder's lock for the life of the process, or says who has
// it. The lock is flock(2)'s: a killed process frees it. With the lock in hand
// it sweeps what a killed process left half written.
func (w *workspace) acquire(command string) error {
	path := w.path(lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return &exitError{exitStorage, fmt.Errorf("open lock: %w; the folder must be writable", err)}
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path)
		f.Close()
		return &exitError{exitLocked, fmt.Errorf("%s is in use by %s; wait for it to end", w.dir, strings.TrimSpace(string(holder)))}
	}
	text := fmt.Sprintf("process %d (pairloom %s, since %s)\n", os.Getpid(), command, time.Now().UTC().Format(time.RFC3339))
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(text), 0)
	}
	if err != nil {
		f.Close()
		return &exitError{exitStorage, fmt.Errorf("write lock: %w", err)}
	}
	w.lock = f
	return w.sweep()
}

// sweep removes temporary files of a process that was killed.
func (w *workspace) sweep() error {
	for folder := range producers {
		if _, err := shard.Sweep(w.path(folder)); err != nil {
			return err
		}
	}
	leftovers, err := filepath.Glob(w.path(".sort-*"))
	if err != nil {
		return err
	}
	for _, path := range leftovers {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	return nil
}

// release gives the lock back.
func (w *workspace) release() {
	if w.lock != nil {
		w.lock.Close()
		w.lock = nil
	}
}
