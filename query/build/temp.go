package build

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/pairloom/pairloom/internal/atomicfile"
)

// openTemp makes the folder for sorting and finished counts, and sweeps what a
// killed build left half written there, unless other builds are under way in it:
// each holds a shared flock(2) on the folder until release.
func openTemp(dir string) (release func() error, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("make folder for counts: %w", err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open folder for counts: %w", err)
	}
	if unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		_, err = atomicfile.Sweep(dir)
	}
	if err == nil {
		err = unix.Flock(int(d.Fd()), unix.LOCK_SH)
	}
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("open folder for counts %s: %w", dir, err)
	}
	return d.Close, nil
}
