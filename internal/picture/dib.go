package picture

import (
	"encoding/binary"
	"math/bits"
)

// dibDecoder reads a device-independent bitmap: what a BMP holds, and an ICO without PNG
// (BITMAPINFOHEADER and its like, Windows GDI). libvips leaves both to ImageMagick, which
// is not for foreign bytes.
type dibDecoder struct {
	w, h     int
	topDown  bool
	bpp      int
	packed   uint32 // compression: 0, 1 RLE8, 2 RLE4, 3 and 6 bit fields
	masks    [4]uint32
	palette  [256][4]uint8
	pixels   []byte
	mask     []byte // of an ICO: 1 bit a pixel, set where it is see-through
	hasAlpha bool
}

// Compressions.
const (
	dibPlain      = 0
	dibRLE8       = 1
	dibRLE4       = 2
	dibFields     = 3
	dibAlphaField = 6
)

// openBMP reads the file header and what follows.
func openBMP(b []byte) (decoder, error) {
	if len(b) < 26 {
		return nil, errBroken
	}
	d, _, err := readDIB(b[14:])
	if err != nil {
		return nil, err
	}
	at := int64(binary.LittleEndian.Uint32(b[10:]))
	if at < 26 || at > int64(len(b)) {
		return nil, errBroken
	}
	d.pixels = b[at:]
	return d, nil
}

// openICO reads the largest of the file's pictures.
func openICO(b []byte) (decoder, error) {
	if len(b) < 6 {
		return nil, errBroken
	}
	side := func(n byte) int { return (int(n)+255)%256 + 1 } // 0 means 256
	var best []byte
	most := 0
	for i := range int(binary.LittleEndian.Uint16(b[4:])) {
		e := 6 + 16*i
		if e+16 > len(b) {
			break
		}
		n, at := int64(binary.LittleEndian.Uint32(b[e+8:])), int64(binary.LittleEndian.Uint32(b[e+12:]))
		weight := side(b[e])*side(b[e+1])<<8 + int(b[e+6]) // of equal ones, the one with more colours
		if weight <= most {
			continue
		}
		if at+n > int64(len(b)) {
			return nil, errBroken
		}
		best, most = b[at:at+n], weight
	}
	if sniff(best) == "png" {
		c := &container{frames: 1}
		if c.readPNG(best); c.png == nil {
			return openVips(best, "png")
		}
		return &pngDecoder{best, c}, nil
	}
	d, at, err := readDIB(best)
	if err != nil {
		return nil, err
	}
	d.h /= 2 // the mask lies below
	d.pixels = best[at:]
	if n := d.stride(d.bpp) * d.h; d.packed == dibPlain || d.packed == dibFields {
		if n > len(d.pixels) {
			return nil, errBroken
		}
		if below := d.pixels[n:]; len(below) >= d.stride(1)*d.h {
			d.mask = below
		}
	}
	if d.bpp == 32 && d.masks[3] == 0 {
		d.masks[3] = 0xff000000
	}
	d.hasAlpha = true
	if d.masks[3] != 0 && !anyAlpha(d.pixels[:min(len(d.pixels), d.stride(32)*d.h)]) {
		d.masks[3] = 0 // as it was before alpha came in use
	}
	return d, nil
}

// anyAlpha tells whether one of the fourth bytes is not 0.
func anyAlpha(b []byte) bool {
	for i := 3; i < len(b); i += 4 {
		if b[i] != 0 {
			return true
		}
	}
	return false
}

// readDIB reads a header with its masks and palette, and tells how long they are.
func readDIB(b []byte) (*dibDecoder, int, error) {
	if len(b) < 12 {
		return nil, 0, errBroken
	}
	d := &dibDecoder{}
	u16, u32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	n, colours, entry := int64(u32(b)), 0, 4
	switch {
	case n > int64(len(b)):
		return nil, 0, errBroken
	case n == 12:
		d.w, d.h, d.bpp, entry = int(u16(b[4:])), int(u16(b[6:])), int(u16(b[10:])), 3
	case n >= 40:
		d.w, d.h = int(int32(u32(b[4:]))), int(int32(u32(b[8:])))
		d.bpp, d.packed, colours = int(u16(b[14:])), u32(b[16:]), int(min(u32(b[32:]), 256))
	default:
		return nil, 0, errBroken
	}
	if d.h < 0 {
		d.h, d.topDown = -d.h, true
	}
	if d.w < 1 || d.h < 1 || !dibHas(d.bpp, d.packed) {
		return nil, 0, errBroken
	}
	at := int(n)
	switch {
	case d.packed == dibFields || d.packed == dibAlphaField:
		fields := b[40:]
		if n == 40 { // they stand behind it
			at += 12
			if d.packed == dibAlphaField {
				at += 4
			}
		}
		if len(fields) < 16 {
			return nil, 0, errBroken
		}
		for i := range 3 {
			d.masks[i] = u32(fields[4*i:])
		}
		if n >= 56 || d.packed == dibAlphaField {
			d.masks[3] = u32(fields[12:])
		}
	case d.bpp == 16:
		d.masks = [4]uint32{0x7c00, 0x3e0, 0x1f}
	case d.bpp == 32:
		d.masks = [4]uint32{0xff0000, 0xff00, 0xff}
	}
	d.hasAlpha = d.masks[3] != 0
	if d.bpp <= 8 {
		if colours == 0 {
			colours = 1 << d.bpp
		}
		if at+colours*entry > len(b) {
			return nil, 0, errBroken
		}
		for i := range colours {
			c := b[at+entry*i:]
			d.palette[i] = [4]uint8{c[2], c[1], c[0], 255}
		}
		at += colours * entry
	}
	return d, min(at, len(b)), nil
}

func dibHas(bpp int, packed uint32) bool {
	switch packed {
	case dibPlain:
		return bpp == 1 || bpp == 2 || bpp == 4 || bpp == 8 || bpp == 16 || bpp == 24 || bpp == 32
	case dibRLE8:
		return bpp == 8
	case dibRLE4:
		return bpp == 4
	case dibFields, dibAlphaField:
		return bpp == 16 || bpp == 32
	}
	return false
}

// stride is the length of a row in bytes: whole words of 32 bits.
func (d *dibDecoder) stride(bpp int) int { return (d.w*bpp + 31) / 32 * 4 }

func (d *dibDecoder) size() (int, int)                  { return d.w, d.h }
func (d *dibDecoder) start(int) (int, int, bool, error) { return d.w, d.h, d.hasAlpha, nil }
func (d *dibDecoder) profile() []byte                   { return nil }
func (d *dibDecoder) close()                            {}

func (d *dibDecoder) read(c canvas) error {
	pixels, bpp := d.pixels, d.bpp
	if d.packed == dibRLE8 || d.packed == dibRLE4 {
		var err error
		if pixels, err = d.unpack(); err != nil {
			return err
		}
		bpp = 8
	}
	stride := d.stride(bpp)
	if stride*d.h > len(pixels) {
		return errBroken
	}
	line := make([]byte, 4*d.w)
	for i := range d.h {
		y := i
		if !d.topDown {
			y = d.h - 1 - i
		}
		d.expand(pixels[stride*y:stride*(y+1)], bpp, line)
		if d.mask != nil && d.masks[3] == 0 {
			mask := d.mask[d.stride(1)*y:]
			for x := range d.w {
				if mask[x/8]>>(7-x%8)&1 == 1 {
					line[4*x+3] = 0
				}
			}
		}
		c.row(line)
	}
	return nil
}

// expand writes one row as RGBA.
func (d *dibDecoder) expand(row []byte, bpp int, out []byte) {
	switch {
	case bpp <= 8:
		for x := range d.w {
			bit := x * bpp
			v := row[bit/8] >> (8 - bpp - bit%8) & (1<<bpp - 1)
			copy(out[4*x:], d.palette[v][:])
		}
	case bpp == 24:
		for x := range d.w {
			out[4*x], out[4*x+1], out[4*x+2], out[4*x+3] = row[3*x+2], row[3*x+1], row[3*x], 255
		}
	default:
		for x := range d.w {
			var v uint32
			if bpp == 16 {
				v = uint32(binary.LittleEndian.Uint16(row[2*x:]))
			} else {
				v = binary.LittleEndian.Uint32(row[4*x:])
			}
			for k := range 3 {
				out[4*x+k] = field(v, d.masks[k])
			}
			out[4*x+3] = 255
			if d.masks[3] != 0 {
				out[4*x+3] = field(v, d.masks[3])
			}
		}
	}
}

// field is the value of v under a mask, of 255.
func field(v, mask uint32) uint8 {
	if mask == 0 {
		return 0
	}
	low := bits.TrailingZeros32(mask)
	most := uint64(mask >> low)
	return uint8((uint64((v&mask)>>low)*255 + most/2) / most)
}

// unpack undoes the run lengths into one byte a pixel.
func (d *dibDecoder) unpack() ([]byte, error) {
	stride := d.stride(8)
	out := make([]byte, stride*d.h)
	x, y := 0, 0
	put := func(v byte) {
		if x < d.w && y < d.h {
			out[stride*y+x] = v
		}
		x++
	}
	b := d.pixels
	nibble := func(v byte, i int) byte {
		if d.packed == dibRLE8 {
			return v
		}
		if i%2 == 0 {
			return v >> 4
		}
		return v & 15
	}
	for len(b) >= 2 {
		n, v := int(b[0]), b[1]
		b = b[2:]
		if n > 0 {
			for i := range n {
				put(nibble(v, i))
			}
			continue
		}
		switch v {
		case 0: // end of the row
			x, y = 0, y+1
		case 1: // end of the picture
			return out, nil
		case 2: // go on further right and down
			if len(b) < 2 {
				return nil, errBroken
			}
			x, y = x+int(b[0]), y+int(b[1])
			b = b[2:]
		default: // so many as they are, padded to 16 bits
			n := int(v)
			if d.packed == dibRLE4 {
				n = (n + 1) / 2
			}
			if len(b) < n+n%2 {
				return nil, errBroken
			}
			for i := range int(v) {
				if d.packed == dibRLE8 {
					put(b[i])
				} else {
					put(nibble(b[i/2], i))
				}
			}
			b = b[n+n%2:]
		}
	}
	if y >= d.h-1 { // some writers leave out the end
		return out, nil
	}
	return nil, errBroken
}
