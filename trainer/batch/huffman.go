package batch

import "encoding/binary"

// bitReader reads a scan's bits from the top of a word. Its bytes hold no
// stuffing and end in eight zero bytes, so that a word can be read at any place.
type bitReader struct {
	data  []byte
	at    int    // next byte to load
	word  uint64 // bits at hand, the next one on top
	count uint   // how many of them are certain
}

// fill brings at least 56 bits to hand; zeros follow the end of the data.
func (r *bitReader) fill() {
	if r.at+8 <= len(r.data) {
		r.word |= binary.BigEndian.Uint64(r.data[r.at:]) >> r.count
	}
	r.at += int(63-r.count) >> 3
	r.count |= 56
}

func (r *bitReader) skip(n uint) { r.word, r.count = r.word<<n, r.count-n }

// take reads n bits as JPEG writes signed numbers: a leading 0 means negative.
func (r *bitReader) take(n uint) int32 {
	if n == 0 {
		return 0
	}
	v := int32(r.word >> (64 - n))
	r.skip(n)
	if v < 1<<(n-1) {
		v += -1<<n + 1
	}
	return v
}

// used is the number of bits read.
func (r *bitReader) used() int { return 8*r.at - int(r.count) }

// lookBits is the length of the codes that one look finds.
const lookBits = 10

// huffman is one table of codes.
type huffman struct {
	defined bool
	// look says what the next lookBits bits begin with, 0 for a longer code:
	// the value in the upper half, where it lies within these bits, then the
	// zeros before it, 1 where the value is known, and the bits to skip.
	look   [1 << lookBits]lookup
	limit  [17]uint32 // first code, from the left of 16 bits, that is longer
	offset [17]int32  // index of a code's symbol, less the code
	symbol [256]byte
}

type lookup struct {
	value int16
	run   uint8
	bits  uint8 // bits of the code, and of the value where whole; 0: a longer code
	size  uint8 // bits of the value that follow the code and are not yet in bits
}

// build makes the table from the number of codes of each length and their
// symbols in order; ac tables' symbols hold a run of zeros too.
func (h *huffman) build(counts []byte, symbols []byte, ac bool) bool {
	h.defined = true
	clear(h.look[:])
	copy(h.symbol[:], symbols)
	code, index := uint32(0), 0
	for length := 1; length <= 16; length++ {
		h.offset[length] = int32(index) - int32(code)
		for range counts[length-1] {
			if code >= 1<<length || index >= len(symbols) {
				return false
			}
			if length <= lookBits {
				h.enter(code, uint(length), symbols[index], ac)
			}
			code++
			index++
		}
		h.limit[length] = code << (16 - length)
		code <<= 1
	}
	return true
}

// enter notes one short code in all places of look that begin with it.
func (h *huffman) enter(code uint32, length uint, symbol byte, ac bool) {
	size := uint(symbol)
	l := lookup{bits: uint8(length)}
	if ac {
		size, l.run = uint(symbol&15), symbol>>4
	}
	if size > 15 {
		return // not a size: the slow way refuses it
	}
	l.size = uint8(size)
	rest := lookBits - length
	for low := range uint32(1) << rest {
		entry := l
		if size > 0 && size <= rest {
			r := bitReader{word: uint64(low) << (64 - rest)}
			entry.value, entry.bits, entry.size = int16(r.take(size)), uint8(length+size), 0
		}
		h.look[code<<rest|low] = entry
	}
}

// slow finds the symbol of a code of any length.
func (h *huffman) slow(r *bitReader) (symbol byte, ok bool) {
	top := uint32(r.word >> 48)
	for length := 1; length <= 16; length++ {
		if top < h.limit[length] {
			i := int32(top>>(16-length)) + h.offset[length]
			if i < 0 || i > 255 {
				return 0, false
			}
			r.skip(uint(length))
			return h.symbol[i], true
		}
	}
	return 0, false
}

// zigzag is the place of each coefficient in the file.
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// block reads and dequantises one block. last is the index of its last
// coefficient that is there, in the order of the file.
func (r *bitReader) block(b *[64]int32, dc, ac *huffman, quantum *[64]int32, before int32) (first int32, last int, ok bool) {
	r.fill()
	l := dc.look[r.word>>(64-lookBits)]
	value := int32(l.value)
	if l.bits == 0 {
		size, found := dc.slow(r)
		if !found || size > 11 {
			return 0, 0, false
		}
		value = r.take(uint(size))
	} else {
		r.skip(uint(l.bits))
		if l.size > 0 {
			value = r.take(uint(l.size))
		}
	}
	first = before + value
	b[0] = first * quantum[0]
	for k := 1; k < 64; k++ {
		r.fill()
		l := ac.look[r.word>>(64-lookBits)]
		if l.bits == 0 {
			symbol, found := ac.slow(r)
			if !found {
				return 0, 0, false
			}
			l = lookup{run: symbol >> 4, size: symbol & 15}
		}
		r.skip(uint(l.bits))
		value := int32(l.value)
		if l.size > 0 {
			value = r.take(uint(l.size))
		} else if value == 0 {
			if l.run != 15 {
				return first, last, l.run == 0 // end of block; other runs belong to progressive files
			}
			k += 15
			continue
		}
		if k += int(l.run); k > 63 {
			return 0, 0, false
		}
		b[zigzag[k]] = value * quantum[k]
		last = k
	}
	return first, last, true
}
