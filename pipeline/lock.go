package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/shard"
	"golang.org/x/sys/unix"
)

const lockName = "pairloom.lock"

// A Lock is the right to write a dataset's folder.
type Lock struct{ file *os.File }

// Acquire takes the folder's lock for the life of the process, or says in a
// [LockedError] who has it; command tells others what holds it. The lock is
// flock(2)'s: a killed process frees it. With the lock in hand it sweeps what a
// killed process left half written, and brings folders of earlier versions into
// today's layout.
func Acquire(dir, command string) (*Lock, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w; the folder must be writable", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path)
		f.Close()
		return nil, &LockedError{dir, strings.TrimSpace(string(holder))}
	}
	text := fmt.Sprintf("process %d (pairloom %s, since %s)\n", os.Getpid(), command, time.Now().UTC().Format(time.RFC3339))
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(text), 0)
	}
	if err != nil {
		err = fmt.Errorf("write lock: %w", err)
	} else if err = sweep(dir); err == nil {
		err = convert(dir)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Lock{f}, nil
}

// Release gives the lock back.
func (l *Lock) Release() { l.file.Close() }

// sweep removes temporary files of a process that was killed.
func sweep(dir string) error {
	folders := []string{dir}
	for _, name := range shard.Folders() {
		folders = append(folders, filepath.Join(dir, name))
	}
	nested, err := filepath.Glob(filepath.Join(dir, "*", "*", "*"+atomicfile.Suffix))
	if err != nil {
		return err
	}
	for _, path := range nested {
		folders = append(folders, filepath.Dir(path))
	}
	for _, folder := range folders {
		if _, err := atomicfile.Sweep(folder); err != nil {
			return err
		}
	}
	spilled, err := filepath.Glob(filepath.Join(dir, ".sort-*"))
	if err != nil {
		return err
	}
	for _, path := range spilled {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	return nil
}

// oldLayout tells whether the candidates of dir lie as pairloom 0.1 laid them.
func oldLayout(dir string) bool {
	return exists(filepath.Join(dir, shard.CandidatesFolder, shard.ManifestName))
}

// convert moves the candidates of pairloom 0.1, which knew one producer and laid
// its parts into candidates/ itself, to candidates/crawl. The manifest goes last:
// where a kill comes between, the next call goes on.
func convert(dir string) error {
	if !oldLayout(dir) {
		return nil
	}
	old := filepath.Join(dir, shard.CandidatesFolder)
	parts, err := filepath.Glob(filepath.Join(old, "*.arrow"))
	if err != nil {
		return err
	}
	to := filepath.Join(dir, shard.ProducerFolder(shard.ProducerCrawl))
	if err := os.MkdirAll(to, 0o755); err != nil {
		return fmt.Errorf("convert candidates: %w", err)
	}
	for _, path := range append(parts, filepath.Join(old, shard.ManifestName)) {
		if err := os.Rename(path, filepath.Join(to, filepath.Base(path))); err != nil {
			return fmt.Errorf("convert candidates: %w", err)
		}
		// Each name is durable before the next: the manifest must not come first.
		if err := atomicfile.SyncFolder(to); err != nil {
			return err
		}
	}
	return atomicfile.SyncFolder(old)
}
