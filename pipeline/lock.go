package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/shard"
	"golang.org/x/sys/unix"
)

const lockName = "pairloom.lock"

// A Lock is the right to write a dataset's folder. Its file says who has it and
// how far that is, see [LookAtHolder]. Its methods may be called from any
// goroutine; those that tell do nothing on nil, of a command that takes no lock.
type Lock struct {
	file *os.File

	mu    sync.Mutex
	now   Holder
	wrote time.Time
}

// tellEvery is the pause between two writes of how far a stage is.
const tellEvery = time.Second

// take takes the lock that f is the file of. Who looks at the holder has the lock
// for a moment.
func take(f *os.File) error {
	var err error
	for range 20 {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return err
}

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
	if err := take(f); err != nil {
		h, _, _ := readHolder(f) // where that fails, the lock's holder is not known
		f.Close()
		h.State = HolderRunning
		return nil, &LockedError{dir, h}
	}
	l := &Lock{file: f, now: Holder{Command: command, PID: os.Getpid(), Since: time.Now().UTC().Truncate(time.Second)}}
	err = f.Truncate(0)
	if err == nil {
		err = l.write()
	}
	if err != nil {
		err = fmt.Errorf("write lock: %w", err)
	} else if err = sweep(dir); err == nil {
		err = convert(dir)
	}
	if err != nil {
		l.End(err.Error(), 1)
		f.Close()
		return nil, err
	}
	return l, nil
}

// write puts the record into the file.
func (l *Lock) write() error {
	record, err := l.now.encode()
	if err == nil {
		_, err = l.file.WriteAt(record, 0)
	}
	l.wrote = time.Now()
	return err
}

// Begin tells that a stage begins, number of of; unit is what its progress
// counts.
func (l *Lock) Begin(stage, doing, unit string, number, of int) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	h := &l.now
	h.Stage, h.Doing, h.Unit, h.Number, h.Of = stage, doing, unit, number, of
	h.Done, h.Total, h.From, h.Began, h.At = 0, 0, -1, time.Now().UTC(), time.Now().UTC()
	_ = l.write() // what is told to others must not end the work
}

// Tell is a [Progress] of the stage that began last.
func (l *Lock) Tell(done, total int64) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	h := &l.now
	if h.From < 0 {
		h.From, h.Began = done, time.Now().UTC()
	}
	h.Done, h.Total, h.At = done, total, time.Now().UTC()
	if time.Since(l.wrote) >= tellEvery {
		_ = l.write()
	}
}

// End tells that the command comes to its end, with what outcome ("" when all
// went well) and exit code. It is the last that is told.
func (l *Lock) End(outcome string, exit int) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.Ended, l.now.Outcome, l.now.Exit = time.Now().UTC().Truncate(time.Second), outcome, exit
	_ = l.write()
}

// Release gives the lock back. Without [Lock.End] before it the command counts as
// killed.
func (l *Lock) Release() { l.file.Close() }

// sweep removes temporary files of a process that was killed.
func sweep(dir string) error {
	if err := sweepBesideRefusals(dir); err != nil {
		return err
	}
	var folders []string
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

// sweepBesideRefusals sweeps the dataset's folder itself, in which the refusal list is
// written without the folder's lock.
func sweepBesideRefusals(dir string) error {
	release, err := lockRefusals(dir)
	if err != nil {
		return fmt.Errorf("sweep %s: %w", dir, err)
	}
	defer release()
	_, err = atomicfile.Sweep(dir)
	return err
}

// oldLayout tells whether the candidates of dir lie as pairloom 0.1 laid them.
func oldLayout(dir string) bool {
	return shard.IsFinished(filepath.Join(dir, shard.CandidatesFolder))
}

// convert moves the candidates of pairloom 0.1, which knew one producer and laid
// its parts into candidates/ itself, to candidates/crawl. The manifest goes last:
// where a kill comes between, the next call goes on.
func convert(dir string) error {
	old := filepath.Join(dir, shard.CandidatesFolder)
	folders, err := filepath.Glob(filepath.Join(old, "*"))
	if err != nil {
		return err
	}
	for _, name := range shard.Folders() {
		folders = append(folders, filepath.Join(dir, name))
	}
	for _, folder := range folders {
		if err := shard.RenewManifestName(folder); err != nil {
			return err
		}
	}
	if !oldLayout(dir) {
		return nil
	}
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
