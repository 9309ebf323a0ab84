package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Reached, where a test has set it, is told each moment at which a kill may leave
// a folder in another state: of the file at path, when it is there under its
// temporary name, when it is whole and about to appear, and when it is about to be moved
// there or removed; and of the folder at path, when names in it have changed and are not
// yet durable. The program itself leaves it nil.
var Reached func(path string)

func reached(path string) {
	if Reached != nil {
		Reached(path)
	}
}

// Suffix ends the names of files that are being written.
const Suffix = ".writing"

// File is a file that is being written. It is not safe for concurrent use.
type File struct {
	f    *os.File
	path string // as the caller calls it, for errors
	// target is where the file will lie, which path may lead to by symbolic
	// links; empty for a pipe or a device, which f is itself.
	target string
}

// Create starts the file at path; its folder is made when it is missing. Where
// path is a pipe, Create waits for its reader.
func Create(path string) (*File, error) {
	fail := func(err error) (*File, error) { return nil, fmt.Errorf("write %s: %w", path, err) }
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fail(err)
	case info.IsDir():
		return fail(errors.New("it is a folder; name a file"))
	case !info.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return fail(err)
		}
		return &File{f: f, path: path}, nil
	}
	target, err := followed(path)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(target), 0o755)
	}
	if err != nil {
		return fail(err)
	}
	f, err := os.Create(target + Suffix)
	if err != nil {
		return fail(err)
	}
	reached(target)
	return &File{f, path, target}, nil
}

// followed is the path that the symbolic links at path lead to, whether or not
// there is a file.
func followed(path string) (string, error) {
	for range 40 { // as many as Linux follows
		next, err := os.Readlink(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EINVAL) { // no link
			return path, nil
		}
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(next) {
			// The link's folder may itself be reached by a link, from which
			// ".." leads elsewhere.
			folder, err := filepath.EvalSymlinks(filepath.Dir(path))
			if err != nil {
				return "", err
			}
			next = filepath.Join(folder, next)
		}
		path = next
	}
	return "", syscall.ELOOP
}

// Write appends to the file.
func (w *File) Write(p []byte) (int, error) { return w.f.Write(p) }

// Commit makes the file appear, durable. After an error nothing has appeared.
func (w *File) Commit() error {
	err := w.f.Sync()
	if w.target == "" && errors.Is(err, syscall.EINVAL) {
		err = nil // fsync(2): a pipe has nothing to keep
	}
	if cerr := w.f.Close(); err == nil {
		err = cerr
	}
	if err == nil && w.target != "" {
		reached(w.target)
		err = os.Rename(w.f.Name(), w.target)
	}
	if err != nil {
		w.Discard()
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	if w.target == "" {
		return nil
	}
	return SyncFolder(filepath.Dir(w.target))
}

// Discard abandons the file; nothing appears. What a pipe or a device has been
// given it keeps.
func (w *File) Discard() {
	w.f.Close()
	if w.target != "" {
		os.Remove(w.f.Name())
	}
}

// WriteFile writes data to the file at path.
func WriteFile(path string, data []byte) error {
	return WriteStream(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WriteStream is WriteFile for content that is made as it is written.
func WriteStream(path string, write func(io.Writer) error) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Discard()
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.Commit()
}

// SyncFolder makes the names in a folder durable.
func SyncFolder(folder string) error {
	reached(folder)
	d, err := os.Open(folder)
	if err != nil {
		return fmt.Errorf("sync folder %s: %w", folder, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync folder %s: %w", folder, err)
	}
	return nil
}

// Rename gives a whole file another place, in the same file system. Who needs the names
// durable calls SyncFolder.
func Rename(from, to string) error {
	reached(to)
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("move %s to %s: %w", from, to, err)
	}
	return nil
}

// Remove removes a file, if it is there.
func Remove(path string) error {
	reached(path)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return nil
}

// Sweep removes what killed writers left half written in folder, and returns
// how many files that were. A folder that is not there has none.
func Sweep(folder string) (int, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("sweep %s: %w", folder, err)
	}
	n := 0
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), Suffix) {
			continue
		}
		if err := os.Remove(filepath.Join(folder, e.Name())); err != nil {
			return n, fmt.Errorf("sweep %s: %w", folder, err)
		}
		n++
	}
	return n, nil
}
