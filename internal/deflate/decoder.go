package deflate

/*
#cgo pkg-config: libdeflate
#cgo noescape libdeflate_gzip_decompress_ex
#cgo nocallback libdeflate_gzip_decompress_ex
#include <libdeflate.h>
*/
import "C"

import (
	"errors"
	"sync/atomic"
	"unsafe"
)

// Why a member is not undone.
var (
	// ErrBroken is returned for bytes that are no member, for a member that is
	// broken, and for one of which src holds only a part.
	ErrBroken = errors.New("a gzip member that is broken or not whole")
	// ErrLong is returned for a member whose content is longer than was asked for.
	ErrLong = errors.New("a gzip member whose content is too long")
)

// firstBuffer has room for most members of archives of web pages.
const firstBuffer = 256 << 10

var live atomic.Int64

// Live counts the decoders whose memory is held: those that were used and are not
// closed.
func Live() int64 { return live.Load() }

// A Decoder undoes members one after another. Its zero value is ready.
type Decoder struct {
	c    *C.struct_libdeflate_decompressor
	out  []byte
	in   C.size_t // read of the last member
	made C.size_t // its content's bytes
}

// Close frees the library's memory. The decoder may be used again, and is then to
// be closed again.
func (d *Decoder) Close() {
	if d.c != nil {
		C.libdeflate_free_decompressor(d.c)
		d.c = nil
		live.Add(-1)
	}
	d.out = nil
}

// Member undoes the gzip member (RFC 1952, 2.3) that src begins with, checks its sum
// and length, and tells how many bytes of src it has. content, at most that many
// bytes, is valid until the next call. The error is ErrBroken or ErrLong.
func (d *Decoder) Member(src []byte, most int) (content []byte, n int, err error) {
	const headerSum = 2 // a flag: the library passes over that sum and does not check it
	if len(src) < 4 || src[3]&headerSum != 0 {
		return nil, 0, ErrBroken
	}
	if d.c == nil {
		if d.c = C.libdeflate_alloc_decompressor(); d.c == nil {
			return nil, 0, ErrBroken // no memory: another decoder may find some
		}
		live.Add(1)
	}
	for {
		room := min(max(len(d.out), firstBuffer), max(most, 1))
		if len(d.out) < room {
			d.out = make([]byte, room)
		}
		switch C.libdeflate_gzip_decompress_ex(d.c, unsafe.Pointer(unsafe.SliceData(src)), C.size_t(len(src)),
			unsafe.Pointer(unsafe.SliceData(d.out)), C.size_t(room), &d.in, &d.made) {
		case C.LIBDEFLATE_SUCCESS:
			if int(d.made) > most {
				return nil, 0, ErrLong
			}
			return d.out[:d.made], int(d.in), nil
		case C.LIBDEFLATE_INSUFFICIENT_SPACE:
			if room >= most {
				return nil, 0, ErrLong
			}
			d.out = make([]byte, min(2*room, most))
		default:
			return nil, 0, ErrBroken
		}
	}
}
