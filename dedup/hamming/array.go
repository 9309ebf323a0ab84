package hamming

import (
	"fmt"
	"os"
	"unsafe"

	"github.com/pairloom/pairloom/internal/extsort"
	"golang.org/x/sys/unix"
)

// An array is numbers in a mapping, which is not the garbage collector's.
type array[T uint32 | uint64] struct {
	all    []T
	region []byte
}

// newArray returns n zeros; onDisk says that they lie in a temporary file in dir, so
// that memory holds of them what it has room for.
func newArray[T uint32 | uint64](dir string, n int64, onDisk bool) (*array[T], error) {
	if n == 0 {
		return &array[T]{}, nil
	}
	size := int(n) * int(unsafe.Sizeof(T(0)))
	fd, flags := -1, unix.MAP_ANON|unix.MAP_PRIVATE
	if onDisk {
		file, err := extsort.Temporary(dir)
		if err != nil {
			return nil, err
		}
		defer file.Close() // the mapping keeps it
		// A full disk is to be told here, not by the fault that a mapping ends in.
		if err := unix.Fallocate(int(file.Fd()), 0, 0, int64(size)); err != nil {
			return nil, fmt.Errorf("spill %d bytes to disk: %w", size, os.NewSyscallError("fallocate", err))
		}
		fd, flags = int(file.Fd()), unix.MAP_SHARED
	}
	region, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, flags)
	if err != nil {
		return nil, fmt.Errorf("take %d bytes: %w", size, os.NewSyscallError("mmap", err))
	}
	if !onDisk {
		unix.Madvise(region, unix.MADV_HUGEPAGE) // faster where there is such a thing
	}
	return &array[T]{unsafe.Slice((*T)(unsafe.Pointer(&region[0])), n), region}, nil
}

func (a *array[T]) close() {
	if a != nil && a.region != nil {
		unix.Munmap(a.region)
		a.all, a.region = nil, nil
	}
}
