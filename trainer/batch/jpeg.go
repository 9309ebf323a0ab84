package batch

import (
	"bytes"
	"encoding/binary"
)

// jpegDecoder decodes the JPEGs that shards hold (8 bits, one scan, Huffman
// codes, not progressive) three times as fast as image/jpeg and, if asked,
// scaled down by 2, 4 or 8 as it goes. What it does not know, and every fault, is
// left to image/jpeg: decode returns false. It keeps its memory and belongs to
// one goroutine.
type jpegDecoder struct {
	width, height int
	restart       int // blocks of a part, in units of the interleaving; 0: all
	components    []component
	quanta        [4][64]int32 // in the order of the file
	quantaDefined [4]bool
	dc, ac        [4]huffman

	scan  []byte // parts without stuffing, each with eight zero bytes after it
	parts []int  // where the parts end, without the zeros
}

// component is one of brightness, blue and red difference.
type component struct {
	id, h, v, quantum int
	dc, ac            int
	n                 int // samples a side of what a block becomes
	stride            int
	samples           []byte
	before            int32 // first coefficient of the block before
}

// Markers of a JPEG (ITU T.81, table B.1).
const (
	markerSOF0    = 0xC0 // baseline
	markerSOF1    = 0xC1 // extended, Huffman
	markerDHT     = 0xC4
	markerRST0    = 0xD0
	markerSOI     = 0xD8
	markerEOI     = 0xD9
	markerSOS     = 0xDA
	markerDQT     = 0xDB
	markerDRI     = 0xDD
	markerApp0    = 0xE0
	markerComment = 0xFE
	markerAdobe   = 0xEE
)

// decode reads a JPEG into p, which keeps its memory, at its size over the
// largest power of two up to 8 that leaves the short side at least short pixels,
// rounded up; short 0 means 1.
func (d *jpegDecoder) decode(p *picture, data []byte, short int) bool {
	if len(data) < 4 || data[0] != 0xFF || data[1] != markerSOI {
		return false
	}
	d.width, d.restart, d.components = 0, 0, d.components[:0]
	clear(d.quantaDefined[:])
	for i := range d.dc {
		d.dc[i].defined, d.ac[i].defined = false, false
	}
	for at := 2; at+4 <= len(data); {
		if data[at] != 0xFF {
			return false
		}
		marker, size := data[at+1], int(binary.BigEndian.Uint16(data[at+2:]))
		if size < 2 || at+2+size > len(data) {
			return false
		}
		content := data[at+4 : at+2+size]
		at += 2 + size
		ok := true
		switch {
		case marker == markerSOF0 || marker == markerSOF1:
			ok = d.frame(content)
		case marker == markerDHT:
			ok = d.huffmanTables(content)
		case marker == markerDQT:
			ok = d.quantisation(content)
		case marker == markerDRI:
			ok = len(content) == 2
			if ok {
				d.restart = int(binary.BigEndian.Uint16(content))
			}
		case marker == markerAdobe:
			// Its last byte tells how colours are stored: 1 is the usual way.
			ok = len(content) < 12 || string(content[:5]) != "Adobe" || content[11] == 1
		case marker == markerSOS:
			shrink := 1
			for short > 0 && shrink < 8 && min(d.width, d.height) >= 2*shrink*short {
				shrink *= 2
			}
			if !d.selectors(content) || !d.unstuff(data[at:]) || !d.decodeScan(shrink) {
				return false
			}
			d.toRGB(p, shrink)
			return true
		default:
			ok = marker >= markerApp0 && marker <= markerApp0+15 || marker == markerComment
		}
		if !ok {
			return false
		}
	}
	return false
}

func (d *jpegDecoder) frame(c []byte) bool {
	if d.width != 0 || len(c) < 6 || c[0] != 8 || len(c) != 6+3*int(c[5]) || c[5] != 1 && c[5] != 3 {
		return false
	}
	d.height, d.width = int(binary.BigEndian.Uint16(c[1:])), int(binary.BigEndian.Uint16(c[3:]))
	if d.width < 1 || d.height < 1 || d.width*d.height > largestPicture {
		return false
	}
	d.components = d.components[:min(int(c[5]), cap(d.components))]
	for len(d.components) < int(c[5]) {
		d.components = append(d.components, component{})
	}
	for i := range d.components {
		f, q := c[6+3*i:], &d.components[i]
		*q = component{id: int(f[0]), h: int(f[1] >> 4), v: int(f[1] & 15), quantum: int(f[2]), samples: q.samples}
		if q.quantum > 3 || q.h < 1 || q.h > 2 || q.v < 1 || q.v > 2 || i > 0 && (q.h != 1 || q.v != 1) {
			return false
		}
	}
	if len(d.components) == 1 {
		d.components[0].h, d.components[0].v = 1, 1 // one component is not interleaved
		return true
	}
	return d.components[0].id != 'R' || d.components[1].id != 'G' || d.components[2].id != 'B'
}

func (d *jpegDecoder) quantisation(c []byte) bool {
	for len(c) > 0 {
		if c[0] > 3 || len(c) < 65 { // tables of 16 bits belong to 12-bit files
			return false
		}
		for k := range 64 {
			d.quanta[c[0]][k] = int32(c[1+k])
		}
		d.quantaDefined[c[0]] = true
		c = c[65:]
	}
	return true
}

func (d *jpegDecoder) huffmanTables(c []byte) bool {
	for len(c) > 0 {
		if len(c) < 17 || c[0]&15 > 3 || c[0]>>4 > 1 {
			return false
		}
		total := 0
		for _, n := range c[1:17] {
			total += int(n)
		}
		if total > 256 || len(c) < 17+total {
			return false
		}
		ac, tables := c[0]>>4 == 1, &d.dc
		if ac {
			tables = &d.ac
		}
		if !tables[c[0]&15].build(c[1:17], c[17:17+total], ac) {
			return false
		}
		c = c[17+total:]
	}
	return true
}

// selectors reads the scan's header: all components, in their order.
func (d *jpegDecoder) selectors(c []byte) bool {
	n := len(d.components)
	if n == 0 || len(c) != 4+2*n || int(c[0]) != n || c[1+2*n] != 0 || c[2+2*n] != 63 || c[3+2*n] != 0 {
		return false
	}
	for i := range d.components {
		q := &d.components[i]
		q.dc, q.ac = int(c[2+2*i]>>4), int(c[2+2*i]&15)
		if int(c[1+2*i]) != q.id || q.dc > 3 || q.ac > 3 ||
			!d.dc[q.dc].defined || !d.ac[q.ac].defined || !d.quantaDefined[q.quantum] {
			return false
		}
	}
	return true
}

// unstuff copies the scan without the zero after each 0xFF and cuts it at the
// restart markers.
func (d *jpegDecoder) unstuff(data []byte) bool {
	d.scan, d.parts = d.scan[:0], d.parts[:0]
	end := func() {
		d.parts = append(d.parts, len(d.scan))
		d.scan = append(d.scan, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	for {
		n := bytes.IndexByte(data, 0xFF)
		if n < 0 || n+1 >= len(data) {
			return false // no end: cut short
		}
		d.scan = append(d.scan, data[:n]...)
		switch marker := data[n+1]; {
		case marker == 0:
			d.scan = append(d.scan, 0xFF)
		case marker == markerRST0+byte(len(d.parts)%8):
			end()
		case marker == markerEOI:
			end()
			return true
		default:
			return false
		}
		data = data[n+2:]
	}
}

// decodeScan makes the components' samples.
func (d *jpegDecoder) decodeScan(shrink int) bool {
	h, v := d.components[0].h, d.components[0].v
	across, down := (d.width+8*h-1)/(8*h), (d.height+8*v-1)/(8*v)
	for i := range d.components {
		q := &d.components[i]
		q.n = 8 / shrink
		// Colours at half the resolution need not be scaled down as far.
		if i > 0 && h == 2 && v == 2 && shrink > 1 {
			q.n *= 2
		}
		q.stride = across * q.h * q.n
		q.samples = growBytes(q.samples, q.stride*down*q.v*q.n)
	}
	perPart := d.restart
	if perPart == 0 {
		perPart = across * down
	}
	units := across * down
	if len(d.parts) != (units+perPart-1)/perPart {
		return false
	}
	from := 0
	for part, end := range d.parts {
		r := bitReader{data: d.scan[from : end+8]}
		for i := range d.components {
			d.components[i].before = 0
		}
		for unit := part * perPart; unit < min(units, (part+1)*perPart); unit++ {
			if !d.decodeUnit(&r, unit%across, unit/across) || r.at > len(r.data)+8 {
				return false
			}
		}
		if r.used() > 8*(end-from) {
			return false
		}
		from = end + 8
	}
	return true
}

// decodeUnit decodes the blocks of all components at one place.
func (d *jpegDecoder) decodeUnit(r *bitReader, x, y int) bool {
	var b [64]int32
	for i := range d.components {
		q := &d.components[i]
		dc, ac, quantum := &d.dc[q.dc], &d.ac[q.ac], &d.quanta[q.quantum]
		for j := range q.h * q.v {
			first, last, ok := r.block(&b, dc, ac, quantum, q.before)
			if !ok {
				return false
			}
			q.before = first
			at := ((y*q.v+j/q.h)*q.stride + x*q.h + j%q.h) * q.n
			if last == 0 {
				idctFlat(q.samples[at:], q.stride, b[0], q.n)
				continue
			}
			idct(q.samples[at:], q.stride, &b, q.n)
			clear(b[:])
		}
	}
	return true
}

// Shares of the colour differences in red, green and blue, with 16 bits behind
// the point (JFIF 1.02).
const (
	redShare, blueShare            = 91881, 116130 // 1.402, 1.772
	greenOfBlue, greenOfRed, aHalf = 22554, 46802, 1 << 15
)

// toRGB brings the samples together.
func (d *jpegDecoder) toRGB(p *picture, shrink int) {
	p.width, p.height = (d.width+shrink-1)/shrink, (d.height+shrink-1)/shrink
	p.rgb = growBytes(p.rgb, 3*p.width*p.height)
	luma := &d.components[0]
	for y := range p.height {
		out := p.rgb[3*y*p.width:][:3*p.width]
		light := luma.samples[y*luma.stride:][:p.width]
		if len(d.components) == 1 {
			for x, v := range light {
				out[3*x], out[3*x+1], out[3*x+2] = v, v, v
			}
			continue
		}
		b, r := &d.components[1], &d.components[2]
		right := uint(luma.h*luma.n/b.n) >> 1 // 1 where a colour sample is two pixels wide
		down := uint(luma.v*luma.n/b.n) >> 1
		blues, reds := b.samples[(y>>down)*b.stride:][:b.stride], r.samples[(y>>down)*r.stride:][:b.stride]
		for x, v := range light {
			l, cb, cr := int32(v), int32(blues[x>>right])-128, int32(reds[x>>right])-128
			o := out[3*x : 3*x+3 : 3*x+3]
			o[0] = clamp(l + (redShare*cr+aHalf)>>16)
			o[1] = clamp(l + (aHalf-greenOfBlue*cb-greenOfRed*cr)>>16)
			o[2] = clamp(l + (blueShare*cb+aHalf)>>16)
		}
	}
}

// growBytes is b with room for n bytes, whatever they hold.
func growBytes(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}
