package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/pairloom/pairloom/internal/atomicfile"
)

// A run that is to replace the one in a folder lives in a folder within it until
// it can stand for itself.
const (
	// nextFolder is where it writes. With its first finished checkpoint the new
	// run is the one that counts, and the old one may go.
	nextFolder = "next"
	// arrivingFolder is the name of nextFolder from when nothing is left of the
	// old run, while its entries move up.
	arrivingFolder = "arriving"
	// AnewFolder is where a run writes that is to replace the other only when it is
	// complete. To all that reads checkpoints it is a folder of its own until Promote.
	AnewFolder = "anew"
)

// Promote lets the run in AnewFolder count in the place of the one in folder; Settle
// does the rest.
func Promote(folder string) error {
	next := filepath.Join(folder, nextFolder)
	if finished(next) {
		return fmt.Errorf("replace checkpoints: another run in %s has not arrived; run pairloom train again", next)
	}
	err := os.RemoveAll(next)
	if err == nil {
		err = os.Rename(filepath.Join(folder, AnewFolder), next)
	}
	if err != nil {
		return fmt.Errorf("replace checkpoints: %w", err)
	}
	return atomicfile.SyncFolder(folder)
}

// Begin makes the folder that a new run writes its checkpoints into until Settle,
// and returns its path: folder itself when no run has a finished checkpoint
// there, else one within it, so that the run there stays whole. leftovers are
// names of other files and folders there that belong to a run; where there is no
// run, they go, as unfinished checkpoints do.
func Begin(folder string, leftovers ...string) (string, error) {
	path := folder
	for _, pattern := range []*regexp.Regexp{stepName, bestName} {
		if _, err := newest(folder, pattern); !errors.Is(err, ErrNone) {
			path = filepath.Join(folder, nextFolder)
		}
	}
	if path != folder {
		if err := os.RemoveAll(path); err != nil {
			return "", fmt.Errorf("remove an unfinished run: %w", err)
		}
	} else {
		operations, err := removals(folder, leftovers)
		if err != nil {
			return "", err
		}
		for _, do := range operations {
			if err := do(); err != nil {
				return "", fmt.Errorf("remove an unfinished run: %w", err)
			}
		}
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return "", fmt.Errorf("make folder for checkpoints: %w", err)
	}
	return path, atomicfile.SyncFolder(folder)
}

// Settle puts a run that Begin placed within folder in the place of the one that
// is there, if it has a finished checkpoint; else it does nothing. leftovers are
// those of Begin. Killed at any moment, it leaves the new run for Latest and
// Best to find, and is finished by the next call.
func Settle(folder string, leftovers ...string) error {
	operations, err := settlement(folder, leftovers)
	if err != nil {
		return err
	}
	for _, do := range operations {
		if err := do(); err != nil {
			return fmt.Errorf("replace checkpoints: %w; the new ones are whole, and the next run goes on from them", err)
		}
	}
	return nil
}

// An operation is one change on the disk, which a kill leaves done or not done.
type operation func() error

// settlement is what Settle has to do: remove the old run, rename the folder of
// the new one to say that this is done, move its entries up.
func settlement(folder string, leftovers []string) ([]operation, error) {
	next, arriving := filepath.Join(folder, nextFolder), filepath.Join(folder, arrivingFolder)
	var list []operation
	moving := arriving
	if finished(next) {
		moving = next
		old, err := removals(folder, leftovers)
		if err != nil {
			return nil, err
		}
		list = append(old,
			func() error { return atomicfile.SyncFolder(folder) }, // the old must be gone before the name says so
			func() error { return os.Rename(next, arriving) },
			func() error { return atomicfile.SyncFolder(folder) })
	}
	entries, err := os.ReadDir(moving)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("replace checkpoints: %w", err)
	}
	// Checkpoints last: as long as one is there, this is where they are read.
	slices.SortStableFunc(entries, func(a, b os.DirEntry) int { return isStep(a) - isStep(b) })
	for _, e := range entries {
		list = append(list, func() error {
			return os.Rename(filepath.Join(arriving, e.Name()), filepath.Join(folder, e.Name()))
		})
	}
	return append(list,
		func() error { return atomicfile.SyncFolder(folder) },
		func() error { return os.Remove(arriving) }), nil
}

func isStep(e os.DirEntry) int {
	if stepName.MatchString(e.Name()) {
		return 1
	}
	return 0
}

// removals remove the checkpoints of folder, newest first, and before them the
// other things of their run.
func removals(folder string, leftovers []string) ([]operation, error) {
	var list []operation
	others := append(slices.Clone(leftovers), bestLink, AnewFolder, reservedName)
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list checkpoints: %w", err)
	}
	for _, e := range entries {
		if seenName.MatchString(e.Name()) {
			others = append(others, e.Name())
		}
	}
	for _, name := range others {
		list = append(list, func() error { return os.RemoveAll(filepath.Join(folder, name)) })
	}
	for _, pattern := range []*regexp.Regexp{stepName, bestName} {
		names, err := names(folder, pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range slices.Backward(names) {
			path := filepath.Join(folder, name)
			list = append(list, func() error { return removeState(path) }, func() error { return os.RemoveAll(path) })
		}
	}
	return list, nil
}

// place is the folder in which the run lies that counts.
func place(folder string) string {
	for _, name := range []string{nextFolder, arrivingFolder} {
		if path := filepath.Join(folder, name); finished(path) {
			return path
		}
	}
	return folder
}

// finished tells whether a run in folder has a checkpoint to go on from.
func finished(folder string) bool {
	list, err := names(folder, stepName)
	return err == nil && slices.ContainsFunc(list, func(name string) bool { return complete(filepath.Join(folder, name)) })
}
