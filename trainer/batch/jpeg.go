package batch

/*
#cgo CFLAGS: -O3 -Wall -std=c11
#cgo pkg-config: libjpeg
#cgo LDFLAGS: -lm
#cgo noescape batch_jpeg_open
#cgo nocallback batch_jpeg_open
#cgo noescape batch_jpeg_columns
#cgo nocallback batch_jpeg_columns
#cgo noescape batch_jpeg_rows
#cgo nocallback batch_jpeg_rows
#include "jpeg.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

var errMemory = errors.New("no memory")

// jpegDecoder is libjpeg-turbo with the settings that Pillow uses. It belongs to one
// goroutine. Close it.
type jpegDecoder struct{ c *C.batch_jpeg }

func isJPEG(data []byte) bool { return len(data) > 2 && data[0] == 0xFF && data[1] == 0xD8 }

// open reads the header.
func (d *jpegDecoder) open(data []byte) (width, height int, err error) {
	if d.c == nil {
		if d.c = C.batch_jpeg_new(); d.c == nil {
			return 0, 0, errMemory
		}
	}
	var w, h C.int
	if C.batch_jpeg_open(d.c, bytesOf(data), C.size_t(len(data)), &w, &h) == 0 {
		return 0, 0, d.fault()
	}
	return int(w), int(h), nil
}

// decode writes the part of the opened picture that r names to p, or a wider one.
func (d *jpegDecoder) decode(p *picture, data []byte, r rectangle) error {
	x, width := C.int(r.x), C.int(r.width)
	if C.batch_jpeg_columns(d.c, bytesOf(data), C.size_t(len(data)), &x, &width) == 0 {
		return d.fault()
	}
	p.take(rectangle{int(x), r.y, int(width), r.height})
	if C.batch_jpeg_rows(d.c, bytesOf(data), C.size_t(len(data)), C.int(r.y), C.int(r.height), bytesOf(p.rgb)) == 0 {
		return d.fault()
	}
	return nil
}

func (d *jpegDecoder) fault() error {
	return fmt.Errorf("decode JPEG: %s", C.GoString(C.batch_jpeg_fault(d.c)))
}

func (d *jpegDecoder) close() {
	C.batch_jpeg_free(d.c)
	d.c = nil
}

func bytesOf(b []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.SliceData(b)) }
