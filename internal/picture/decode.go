package picture

/*
#cgo CFLAGS: -O3 -Wall
#cgo pkg-config: vips libjpeg lcms2 libdeflate
#cgo LDFLAGS: -lm
#include "canvas.h"
#include <stdlib.h>
*/
import "C"

import (
	"errors"
	"runtime"
	"sync"
	"unsafe"

	"github.com/cespare/xxhash/v2"
)

// What decoders end with.
var (
	errBroken   = errors.New("broken")
	errNoMemory = errors.New("no memory")
	errUnknown  = errors.New("not known to the library")
)

func statusError(s C.int) error {
	switch s {
	case C.PL_OK:
		return nil
	case C.PL_NO_MEMORY:
		return errNoMemory
	case C.PL_UNKNOWN:
		return errUnknown
	}
	return errBroken
}

// canvas takes rows and makes the small picture of them. Close it.
type canvas struct{ c *C.pl_canvas }

// newCanvas takes sides in pixels: those of the rows, and those of what is made.
func newCanvas(w, h, outW, outH int, alpha bool) (canvas, error) {
	a := C.int(0)
	if alpha {
		a = 1
	}
	c := C.pl_canvas_new(C.int(w), C.int(h), C.int(outW), C.int(outH), a)
	if c == nil {
		return canvas{}, errNoMemory
	}
	return canvas{c}, nil
}

func (c canvas) close() { C.pl_canvas_free(c.c) }

// slack is what must lie behind a row, in bytes.
const slack = C.PL_SLACK

// row takes the next row, RGBA.
func (c canvas) row(rgba []byte) { C.pl_row(c.c, (*C.uint8_t)(&rgba[0])) }

// finish lays what was drawn onto its ground. The slices live until close.
func (c canvas) finish() (small []byte, grid []uint8, spread int, err error) {
	if err := statusError(C.pl_finish(c.c)); err != nil {
		return nil, nil, 0, err
	}
	pixels := int(c.c.out_w) * int(c.c.out_h)
	var s C.int
	ground := C.pl_ground(c.c.small, C.size_t(pixels), c.c.transparent, &s)
	which := 0
	if ground == 0 {
		which = 1
	}
	grid = unsafe.Slice((*uint8)(&c.c.grid[which][0]), gridSide*gridSide)
	return unsafe.Slice((*byte)(c.c.small), 4*pixels), grid, int(s), nil
}

// decoder is an opened picture: its header is read.
type decoder interface {
	// size is what the header says.
	size() (w, h int)
	// start makes ready to decode, shrunk by a factor of 1, 2, 4 or 8 where the format
	// can, and tells what rows will come. A profile is one for pixels that are yet to
	// be brought to sRGB.
	start(shrink int) (w, h int, alpha bool, err error)
	read(c canvas) error
	profile() []byte
	close()
}

// jpegDecoder is libjpeg, driven directly.
type jpegDecoder struct {
	j    *C.pl_jpeg
	pin  runtime.Pinner
	w, h C.int
	kind C.int
	icc  []byte
}

func openJPEG(b, icc []byte) (decoder, error) {
	d := &jpegDecoder{icc: icc}
	d.pin.Pin(&b[0])
	var status C.int
	if d.j = C.pl_jpeg_open((*C.uint8_t)(&b[0]), C.size_t(len(b)), &status, &d.w, &d.h, &d.kind); d.j == nil {
		d.pin.Unpin()
		return nil, statusError(status)
	}
	return d, nil
}

func (d *jpegDecoder) size() (int, int) { return int(d.w), int(d.h) }

func (d *jpegDecoder) start(shrink int) (int, int, bool, error) {
	var w, h C.int
	C.pl_jpeg_size(d.j, C.int(shrink), &w, &h)
	return int(w), int(h), false, nil
}

func (d *jpegDecoder) read(c canvas) error {
	var inks unsafe.Pointer
	if d.kind == 4 {
		if t := transformOf(d.icc); t.kind == C.PL_INKS {
			inks = t.c
		}
	}
	return statusError(C.pl_jpeg_read(d.j, c.c, inks))
}

func (d *jpegDecoder) profile() []byte {
	if d.kind == 4 {
		return nil
	}
	return d.icc
}

func (d *jpegDecoder) close() {
	C.pl_jpeg_close(d.j)
	d.pin.Unpin()
}

// pngDecoder undoes a PNG whose chunks are all in order; the others are libvips'.
type pngDecoder struct {
	b []byte
	c *container
}

func (d *pngDecoder) size() (int, int) { return d.c.png.width, d.c.png.height }

func (d *pngDecoder) start(int) (int, int, bool, error) {
	p := d.c.png
	return p.width, p.height, p.kind >= 4 || p.hasKey || p.seeThrough, nil
}

func (d *pngDecoder) read(c canvas) error {
	p := d.c.png
	h := C.pl_png_header{w: C.int(p.width), h: C.int(p.height), depth: C.int(p.depth), _type: C.int(p.kind)}
	if p.hasKey {
		h.has_key = 1
		for i, k := range p.key {
			h.key[i] = C.uint16_t(k)
		}
	}
	return statusError(C.pl_png_read((*C.uint8_t)(&d.b[0]), (*C.int64_t)(&p.data[0]), C.int(len(p.data)/2), &h,
		(*C.uint8_t)(&p.palette[0]), c.c))
}

func (d *pngDecoder) profile() []byte { return d.c.icc }
func (d *pngDecoder) close()          {}

// vipsDecoder is one of libvips' loaders.
type vipsDecoder struct {
	v    *C.pl_vips
	pin  runtime.Pinner
	w, h C.int
	icc  []byte
}

// startVips starts the library when a picture first needs it.
var startVips = sync.OnceValue(func() error {
	if C.pl_vips_start() != 0 {
		return errors.New("libvips does not start")
	}
	return nil
})

func openVips(b []byte, loader string) (*vipsDecoder, error) {
	if err := startVips(); err != nil {
		return nil, err
	}
	d := &vipsDecoder{}
	d.pin.Pin(&b[0])
	name := C.CString(loader)
	defer C.free(unsafe.Pointer(name))
	var status C.int
	if d.v = C.pl_vips_open((*C.uint8_t)(&b[0]), C.size_t(len(b)), name, &status, &d.w, &d.h); d.v == nil {
		d.pin.Unpin()
		return nil, statusError(status)
	}
	return d, nil
}

func (d *vipsDecoder) size() (int, int) { return int(d.w), int(d.h) }

func (d *vipsDecoder) start(int) (int, int, bool, error) {
	icc := d.blob("icc-profile-data")
	var alpha, used C.int
	if err := statusError(C.pl_vips_srgb(d.v, &alpha, &used)); err != nil {
		return 0, 0, false, err
	}
	if used == 0 {
		d.icc = icc
	}
	return int(d.w), int(d.h), alpha != 0, nil
}

func (d *vipsDecoder) read(c canvas) error { return statusError(C.pl_vips_read(d.v, c.c)) }
func (d *vipsDecoder) profile() []byte     { return d.icc }

// blob is a copy of a piece of metadata; nil when there is none.
func (d *vipsDecoder) blob(name string) []byte {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	var n C.size_t
	p := C.pl_vips_blob(d.v, s, &n)
	if p == nil || n > maxMetadata {
		return nil
	}
	return C.GoBytes(unsafe.Pointer(p), C.int(n))
}

func (d *vipsDecoder) close() {
	C.pl_vips_close(d.v)
	d.pin.Unpin()
}

// transform brings pixels to sRGB.
type transform struct {
	c    unsafe.Pointer
	kind C.int
}

// transforms are those of the profiles seen, by hash: to make one takes longer than
// most pictures do, and few profiles are most of what there is. It is the child's one
// worker's.
var transforms = map[uint64]transform{}

const mostTransforms = 64

func transformOf(profile []byte) transform {
	if len(profile) == 0 {
		return transform{}
	}
	key := xxhash.Sum64(profile)
	t, ok := transforms[key]
	if ok {
		return t
	}
	if len(transforms) >= mostTransforms {
		for k, t := range transforms {
			if t.c != nil {
				C.pl_transform_free(t.c)
			}
			delete(transforms, k)
		}
	}
	t.c = C.pl_transform_new((*C.uint8_t)(&profile[0]), C.size_t(len(profile)), &t.kind)
	transforms[key] = t
	return t
}

// toSRGB changes RGBX in place. A profile that is of no use here is passed over, as
// browsers do.
func toSRGB(rgbx, profile []byte) {
	if t := transformOf(profile); t.kind == C.PL_RGB || t.kind == C.PL_GREY {
		C.pl_transform_run(t.c, t.kind, (*C.uint8_t)(&rgbx[0]), C.size_t(len(rgbx)/4))
	}
}

// encode makes the bytes of a finished picture of RGBX.
func encode(rgbx []byte, w, h int, format string, quality int) ([]byte, error) {
	var out *C.uint8_t
	var n C.size_t
	in := (*C.uint8_t)(&rgbx[0])
	if format == WebP {
		if err := startVips(); err != nil {
			return nil, err
		}
		if err := statusError(C.pl_vips_webp(in, C.int(w), C.int(h), C.int(quality), &out, &n)); err != nil {
			return nil, err
		}
		defer C.pl_vips_free(unsafe.Pointer(out))
	} else {
		if err := statusError(C.pl_jpeg_write(in, C.int(w), C.int(h), C.int(quality), &out, &n)); err != nil {
			return nil, err
		}
		defer C.free(unsafe.Pointer(out))
	}
	return C.GoBytes(unsafe.Pointer(out), C.int(n)), nil
}
