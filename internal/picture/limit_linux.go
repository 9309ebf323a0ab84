package picture

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// limitProcess bounds the private writable memory of this process and forbids
// it to write a core file. Address space as a whole (RLIMIT_AS) would be the
// wrong thing to bound: Go and the C library reserve much that they never use.
// The race detector maps terabytes of shadow memory, so under it the memory
// limit is left out.
func limitProcess(limits Limits) error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("limit core file: %w", err)
	}
	if raceDetector {
		return nil
	}
	lim := unix.Rlimit{Cur: limits.MemoryBytes, Max: limits.MemoryBytes}
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &lim); err != nil {
		return fmt.Errorf("limit memory to %d bytes: %w", limits.MemoryBytes, err)
	}
	return nil
}
