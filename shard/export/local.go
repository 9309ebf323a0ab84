package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"golang.org/x/sys/unix"
)

// local is a folder. While it is open for writing it is locked by flock(2) on the folder
// itself, which leaves nothing behind and which a killed process gives back.
type local struct {
	name   string // as the user calls it
	folder string // without links
	self   *os.File
	// tidying keeps folders that are empty from being removed while a file is made in one.
	tidying sync.RWMutex
}

func openLocal(folder string, write bool) (place, error) {
	info, err := os.Stat(folder)
	switch {
	case folder == "":
		return nil, refused("the destination is empty; name a folder or a bucket")
	case err == nil && !info.IsDir():
		return nil, refused("%s is a file; name a folder", folder)
	case errors.Is(err, fs.ErrNotExist) && write:
		err = os.MkdirAll(folder, 0o777)
	}
	if err != nil {
		return nil, err
	}
	target, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(target)
	if err != nil {
		return nil, err
	}
	if !write {
		return &local{name: folder, folder: target, self: f}, nil
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = fmt.Errorf("%s: %w; wait for it to end", folder, ErrInUse)
		}
		return nil, err
	}
	return &local{name: folder, folder: target, self: f}, nil
}

func (l *local) String() string { return l.name }

func (l *local) path(name string) string { return filepath.Join(l.folder, filepath.FromSlash(name)) }

func (l *local) list(ctx context.Context, prefix string) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		start := l.folder
		if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
			start = l.path(prefix[:i])
		}
		stopped := false
		err := filepath.WalkDir(start, func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil || e.IsDir() {
				return err
			}
			name, err := filepath.Rel(l.folder, path)
			if err != nil {
				return err
			}
			name = filepath.ToSlash(name)
			if !strings.HasPrefix(name, prefix) {
				return nil
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			if !yield(entry{name, info.Size()}, nil) {
				stopped = true
				return fs.SkipAll
			}
			return nil
		})
		if err != nil && !stopped {
			yield(entry{}, fmt.Errorf("list %s: %w", l.folder, err))
		}
	}
}

func (l *local) create(_ context.Context, name string, small bool) (output, error) {
	l.tidying.RLock()
	defer l.tidying.RUnlock()
	path := l.path(name)
	if !small {
		return atomicfile.Create(path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, err
	}
	f, err := os.Create(path + atomicfile.Suffix)
	return &smallFile{f, path}, err
}

// smallFile is a file of many: it is renamed when it is whole, and durable once
// [local.sync] was called, before any table names it.
type smallFile struct {
	*os.File
	path string
}

func (s *smallFile) Commit() error {
	err := s.Close()
	if err == nil {
		err = os.Rename(s.Name(), s.path)
	}
	if err != nil {
		os.Remove(s.Name())
	}
	return err
}

func (s *smallFile) Discard() {
	s.Close()
	os.Remove(s.Name())
}

func (l *local) open(_ context.Context, name string) (input, error) {
	f, err := os.Open(l.path(name))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", l.path(name))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &localInput{f, info.Size()}, nil
}

type localInput struct {
	*os.File
	size int64
}

func (f *localInput) Size() int64 { return f.size }

// copyFile makes a second name of the same file: none is ever written in place. What has
// that name is work that was left, see [stage].
func (l *local) copyFile(_ context.Context, from, to string) error {
	l.tidying.RLock()
	defer l.tidying.RUnlock()
	err := os.MkdirAll(filepath.Dir(l.path(to)), 0o777)
	if err == nil {
		if err = os.Remove(l.path(to)); err == nil || errors.Is(err, fs.ErrNotExist) {
			err = os.Link(l.path(from), l.path(to))
		}
	}
	if err == nil {
		err = atomicfile.SyncFolder(filepath.Dir(l.path(to)))
	}
	return err
}

func (l *local) move(ctx context.Context, from, to string) error {
	l.tidying.RLock()
	err := os.MkdirAll(filepath.Dir(l.path(to)), 0o777)
	if err == nil {
		err = os.Rename(l.path(from), l.path(to))
	}
	l.tidying.RUnlock()
	if err == nil {
		err = atomicfile.SyncFolder(filepath.Dir(l.path(to)))
	}
	if err != nil {
		return err
	}
	return l.remove(ctx, from) // rename(2) leaves it where both were names of one file
}

// remove removes a file, and the folders that are empty without it.
func (l *local) remove(_ context.Context, name string) error {
	path := l.path(name)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	l.tidy(path)
	return nil
}

// tidy removes the folders above path that are empty.
func (l *local) tidy(path string) {
	l.tidying.Lock()
	defer l.tidying.Unlock()
	for dir := filepath.Dir(path); dir != l.folder && len(dir) > len(l.folder); dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil { // it is not empty
			break
		}
	}
}

func (l *local) sync() error { return unix.Syncfs(int(l.self.Fd())) }

func (l *local) close() error { return l.self.Close() }
