package picture

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"

	"github.com/klauspost/compress/zlib"
)

// maxMetadata bounds a profile or another piece of metadata, in bytes.
const maxMetadata = 4 << 20

// container is what stands around the pixels of a file.
type container struct {
	icc    []byte // the colour profile
	exif   []byte // a TIFF structure
	xmp    []byte
	iptc   []byte     // IIM records
	text   [2]string  // author and copyright of PNG's text chunks
	frames int        // 1 for a still picture
	png    *pngLayout // of a PNG that is decoded here; else nil
}

// readContainer goes over the file as far as the metadata need. What is not in order
// is left out: the decoders have the last word on the picture itself.
func readContainer(format string, b []byte) *container {
	c := &container{frames: 1}
	switch format {
	case "jpeg":
		c.readJPEG(b)
	case "png":
		c.readPNG(b)
	case "webp":
		c.readWebP(b)
	case "gif":
		c.frames = max(1, gifFrames(b))
	case "tiff":
		c.exif = b
	}
	return c
}

// readJPEG reads the segments before the first scan (ITU-T T.81, B.1.1).
func (c *container) readJPEG(b []byte) {
	pieces := map[byte][]byte{} // of the profile, by number
	var last byte
	for at := 2; at+4 <= len(b); {
		if b[at] != 0xff {
			at++ // padding
			continue
		}
		kind := b[at+1]
		switch {
		case kind == 0xff:
			at++
			continue
		case kind == 0 || kind == 1 || kind >= 0xd0 && kind <= 0xd8:
			at += 2
			continue
		case kind == 0xda || kind == 0xd9:
			at = len(b)
			continue
		}
		n := int(binary.BigEndian.Uint16(b[at+2:]))
		if n < 2 || at+2+n > len(b) {
			break
		}
		data := b[at+4 : at+2+n]
		at += 2 + n
		switch kind {
		case 0xe1:
			if rest, ok := bytes.CutPrefix(data, []byte("Exif\x00\x00")); ok && c.exif == nil {
				c.exif = rest
			} else if rest, ok := bytes.CutPrefix(data, []byte("http://ns.adobe.com/xap/1.0/\x00")); ok && c.xmp == nil {
				c.xmp = rest
			}
		case 0xe2:
			if rest, ok := bytes.CutPrefix(data, []byte("ICC_PROFILE\x00")); ok && len(rest) > 2 {
				pieces[rest[0]] = rest[2:]
				last = max(last, rest[0])
			}
		case 0xed:
			if rest, ok := bytes.CutPrefix(data, []byte("Photoshop 3.0\x00")); ok && c.iptc == nil {
				c.iptc = photoshopIPTC(rest)
			}
		}
	}
	for i := byte(1); i != 0 && i <= last; i++ {
		if pieces[i] == nil {
			c.icc = nil
			return
		}
		c.icc = append(c.icc, pieces[i]...)
	}
}

// photoshopIPTC finds the IPTC resource (0x0404) among Photoshop's: "8BIM", a number,
// a padded name, a length, padded data.
func photoshopIPTC(b []byte) []byte {
	for len(b) >= 12 && string(b[:4]) == "8BIM" {
		id := binary.BigEndian.Uint16(b[4:])
		name := int(b[6]) + 1
		at := 6 + name + name%2
		if at+4 > len(b) {
			return nil
		}
		n := int(binary.BigEndian.Uint32(b[at:]))
		at += 4
		if n < 0 || at+n > len(b) {
			return nil
		}
		if id == 0x0404 {
			return b[at : at+n]
		}
		b = b[min(at+n+n%2, len(b)):]
	}
	return nil
}

// pngLayout says where the pixels of a PNG are.
type pngLayout struct {
	width, height, depth, kind int // kind is the colour type
	palette                    [4 * 256]uint8
	seeThrough                 bool // the palette has alpha
	hasKey                     bool // one colour is see-through
	key                        [3]uint16
	data                       []int64 // offset and length of each IDAT's data
}

// pngDepths are the depths of each colour type (ISO/IEC 15948, table 11.1).
var pngDepths = [7][]int{0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}

// readPNG goes over the chunks. png stays nil when one of those that the pixels need
// is not as it should be, or when they are interlaced.
func (c *container) readPNG(b []byte) {
	p := &pngLayout{}
	sound, ended, colours := true, false, 0
	for at := 8; at+12 <= len(b) && !ended; {
		n := int(binary.BigEndian.Uint32(b[at:]))
		if n < 0 || n > len(b)-at-12 {
			sound = false
			break
		}
		name, data := string(b[at+4:at+8]), b[at+8:at+8+n]
		crc := binary.BigEndian.Uint32(b[at+8+n:])
		needed := true
		switch name {
		case "IHDR":
			if n != 13 || at != 8 {
				sound = false
				break
			}
			p.width, p.height = int(binary.BigEndian.Uint32(data)), int(binary.BigEndian.Uint32(data[4:]))
			p.depth, p.kind = int(data[8]), int(data[9])
			sound = sound && data[10] == 0 && data[11] == 0 && data[12] == 0
		case "PLTE":
			if colours = n / 3; n%3 != 0 || colours < 1 || colours > 256 {
				sound = false
				break
			}
			for i := range colours {
				copy(p.palette[4*i:], data[3*i:3*i+3])
			}
			for i := range 256 {
				p.palette[4*i+3] = 255
			}
		case "tRNS":
			switch {
			case p.kind == 3 && n <= colours:
				for i, a := range data {
					p.palette[4*i+3] = a
					p.seeThrough = p.seeThrough || a != 255
				}
			case p.kind == 0 && n == 2, p.kind == 2 && n == 6:
				p.hasKey = true
				for i := range n / 2 {
					p.key[i] = binary.BigEndian.Uint16(data[2*i:])
				}
			default:
				sound = false
			}
		case "IDAT":
			p.data = append(p.data, int64(at+8), int64(n))
		case "IEND":
			ended = true
		case "iCCP":
			needed = false
			c.icc = inflated(afterText(data, 1))
		case "eXIf":
			needed = false
			c.exif = data
		case "iTXt":
			needed = false
			c.readPNGText(data)
		case "tEXt":
			needed = false
			if key, value, ok := bytes.Cut(data, []byte{0}); ok {
				c.setText(string(key), latin1(value))
			}
		case "acTL":
			needed = false
			if n == 8 {
				c.frames = max(1, int(min(binary.BigEndian.Uint32(data), 1<<30)))
			}
		default:
			needed = name[0]&0x20 == 0 // a critical chunk of an unknown kind
			sound = sound && !needed
		}
		if needed && crc32.ChecksumIEEE(b[at+4:at+8+n]) != crc {
			sound = false
		}
		at += 12 + n
	}
	ok := p.width > 0 && p.height > 0 && p.width < 1<<31 && p.height < 1<<31 && p.kind < len(pngDepths) && len(p.data) > 0 && (p.kind != 3 || colours > 0)
	if sound && ok && slices.Contains(pngDepths[p.kind], p.depth) {
		c.png = p
	}
}

// readPNGText reads an iTXt chunk: key, two bytes of compression, language, key in
// that, text.
func (c *container) readPNGText(data []byte) {
	key, rest, ok := bytes.Cut(data, []byte{0})
	if !ok || len(rest) < 2 {
		return
	}
	packed := rest[0] == 1
	value := rest[2:]
	for range 2 {
		if _, value, ok = bytes.Cut(value, []byte{0}); !ok {
			return
		}
	}
	if packed {
		value = inflated(value)
	}
	if string(key) == "XML:com.adobe.xmp" {
		c.xmp = value
		return
	}
	c.setText(string(key), string(value))
}

func (c *container) setText(key, value string) {
	switch key {
	case "Author":
		c.text[0] = value
	case "Copyright":
		c.text[1] = value
	}
}

// afterText is what stands in data after a text that ends with 0 and n bytes more.
func afterText(data []byte, n int) []byte {
	at := bytes.IndexByte(data, 0)
	if at < 0 || at+1+n > len(data) {
		return nil
	}
	return data[at+1+n:]
}

// inflated undoes zlib; nil for what is broken or too long.
func inflated(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	r, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	defer r.Close()
	out, err := io.ReadAll(io.LimitReader(r, maxMetadata+1))
	if err != nil || len(out) > maxMetadata {
		return nil
	}
	return out
}

func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

// readWebP reads the chunks of a RIFF file.
func (c *container) readWebP(b []byte) {
	frames := 0
	for at := 12; at+8 <= len(b); {
		n := int(binary.LittleEndian.Uint32(b[at+4:]))
		if n < 0 || n > len(b)-at-8 {
			break
		}
		data := b[at+8 : at+8+n]
		switch string(b[at : at+4]) {
		case "ICCP":
			c.icc = data
		case "EXIF":
			c.exif = bytes.TrimPrefix(data, []byte("Exif\x00\x00"))
		case "XMP ":
			c.xmp = data
		case "ANMF":
			frames++
		}
		at += 8 + n + n%2
	}
	c.frames = max(1, frames)
}
