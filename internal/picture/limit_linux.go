package picture

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// limitProcess bounds the address space of this process and forbids it to write
// a core file. The race detector maps terabytes of shadow memory at its start,
// so under it the memory limit is left out.
func limitProcess(limits Limits) error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("limit core file: %w", err)
	}
	if raceDetector {
		return nil
	}
	lim := unix.Rlimit{Cur: limits.MemoryBytes, Max: limits.MemoryBytes}
	if err := unix.Setrlimit(unix.RLIMIT_AS, &lim); err != nil {
		return fmt.Errorf("limit memory to %d bytes: %w", limits.MemoryBytes, err)
	}
	return nil
}
