package shard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// temporarySuffix marks files that are being written. What carries it is never
// read, and swept when the next writer starts in the folder.
const temporarySuffix = ".writing"

// WriteFile writes data to path so that it appears whole or not at all, and
// survives a power cut once WriteFile has returned: temporary name, fsync,
// rename, fsync of the folder. The folder is made when it is missing.
func WriteFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	f, err := os.Create(path + temporarySuffix)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return commit(f, path)
}

// commit makes the written file f durable and gives it its name.
func commit(f *os.File, path string) error {
	err := f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder makes the names in a folder durable.
func SyncFolder(folder string) error {
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

// Sweep removes what a killed writer left half written in folder, and returns
// how many files that were.
func Sweep(folder string) (int, error) {
	return removeFiles(folder, func(name string) bool { return strings.HasSuffix(name, temporarySuffix) })
}

// Clear removes the parts and the manifest of folder for which keep is false.
// The manifest goes first, so that a folder is never taken for finished while
// its parts go.
func Clear(folder string, keep func(name string) bool) error {
	if !keep(ManifestName) {
		if err := os.Remove(filepath.Join(folder, ManifestName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("clear %s: %w", folder, err)
		}
	}
	_, err := removeFiles(folder, func(name string) bool {
		return (strings.HasSuffix(name, ".arrow") || strings.HasSuffix(name, temporarySuffix)) && !keep(name)
	})
	return err
}

func removeFiles(folder string, doomed func(name string) bool) (int, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("clear %s: %w", folder, err)
	}
	n := 0
	for _, e := range entries {
		if e.IsDir() || !doomed(e.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(folder, e.Name())); err != nil {
			return n, fmt.Errorf("clear %s: %w", folder, err)
		}
		n++
	}
	return n, nil
}
