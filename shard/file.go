package shard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/internal/atomicfile"
)

// Clear removes the parts and the manifest of folder for which keep is false,
// and what a killed writer left. The manifest goes first, so that a folder is
// never taken for finished while its parts go.
func Clear(folder string, keep func(name string) bool) error {
	if !keep(ManifestName) {
		if err := os.Remove(filepath.Join(folder, ManifestName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("clear %s: %w", folder, err)
		}
		if err := removeOldManifest(folder); err != nil {
			return err
		}
	}
	if _, err := atomicfile.Sweep(folder); err != nil {
		return err
	}
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("clear %s: %w", folder, err)
	}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".arrow") || keep(e.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(folder, e.Name())); err != nil {
			return fmt.Errorf("clear %s: %w", folder, err)
		}
	}
	return nil
}
