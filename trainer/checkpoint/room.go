package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// reservedName is a file that holds room on the disk and nothing else.
const reservedName = "reserved"

// Free is the room in bytes that the disk of a folder has left for this user.
func Free(folder string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, fmt.Errorf("ask how much room %s has: %w", folder, err)
	}
	return int64(s.Bavail) * s.Bsize, nil
}

// Kept lists the finished checkpoints of folder that a run may go on from, oldest
// first, and says how much room all take that lie there, the best among them.
func Kept(folder string) (steps []string, bytes int64, err error) {
	if steps, err = finishedSteps(folder); err != nil {
		return nil, 0, err
	}
	best, err := names(folder, bestName)
	if err != nil {
		return nil, 0, err
	}
	for _, name := range append(best, steps...) {
		entries, err := os.ReadDir(filepath.Join(folder, name))
		if err != nil {
			return nil, 0, fmt.Errorf("list checkpoints: %w", err)
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil {
				bytes += info.Size()
			}
		}
	}
	return steps, bytes, nil
}

func finishedSteps(folder string) (steps []string, err error) {
	all, err := names(folder, stepName)
	for _, name := range all {
		if complete(filepath.Join(folder, name)) {
			steps = append(steps, name)
		}
	}
	return steps, err
}

// Reserve keeps room for a checkpoint of so many bytes until [Release], so that one
// can be saved at the end however full the disk becomes on the way. Where there is no
// room for it and some beside, or the file system reserves none, it does nothing:
// WithRoom has other means.
func Reserve(folder string, bytes int64) {
	path := filepath.Join(folder, reservedName)
	if free, err := Free(folder); err != nil || free < bytes+bytes/8 {
		return
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	err = syscall.Fallocate(int(f.Fd()), 0, 0, bytes)
	if f.Close(); err != nil {
		os.Remove(path)
	}
}

// Release gives the room back that Reserve keeps.
func Release(folder string) { os.Remove(filepath.Join(folder, reservedName)) }

// WithRoom calls write, which writes to folder. As long as the disk is too full for it,
// the oldest checkpoint goes and write is called again; but never the only one that is
// sound by its checksums, which stays until another is there in its place.
func WithRoom(folder string, write func() error) error {
	for {
		err := write()
		if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
			return err
		}
		why, giving := giveUpOldest(folder)
		if giving != nil {
			return errors.Join(err, giving)
		}
		if why != "" {
			return fmt.Errorf("%w; %s", err, why)
		}
	}
}

// giveUpOldest removes the oldest checkpoint beside the newest sound one, or says why
// there is none that may go.
func giveUpOldest(folder string) (why string, err error) {
	steps, err := finishedSteps(folder)
	if err != nil {
		return "", err
	}
	sound := len(steps) - 1
	for ; sound >= 0; sound-- {
		if c, err := open(filepath.Join(folder, steps[sound])); err == nil && len(c.Verify()) == 0 {
			break
		}
	}
	switch {
	case sound < 0:
		return "there is no checkpoint yet that could make room", nil
	case len(steps) == 1:
		return steps[sound] + " is the only checkpoint, and stays", nil
	}
	oldest := 0
	if sound == 0 {
		oldest = 1 // damaged, as all are that came after
	}
	return "", remove(filepath.Join(folder, steps[oldest]))
}

// remove takes a checkpoint away, its state first, without which it does not count.
func remove(path string) error {
	if err := removeState(path); err != nil {
		return err
	}
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("remove checkpoint: %w", err)
	}
	return nil
}
