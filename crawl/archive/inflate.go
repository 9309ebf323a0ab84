package archive

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/bits"
)

// The members of archives are small and lie in memory whole: this decoder of
// DEFLATE (RFC 1951) works from one slice to another, with a bit buffer of 64 bits,
// and is twice as fast as one that reads a stream. What it does not read, for any
// reason, is left to the library's decoder, which then decides.

const (
	litBits, distBits = 11, 9 // of the first look into a table
	maxCode           = 15
)

// An entry of a table: what the bits mean. The low byte is the length of the code,
// 0 for none; then the number of extra bits, flags, and in the upper half the value.
const (
	entryLiteral = 1 << 12
	entryEnd     = 1 << 13
	entryMore    = 1 << 14 // value is where the table of longer codes begins
)

// lookAhead is how far behind a member's end src must reach.
const lookAhead = 64

type inflater struct {
	lit     [1<<litBits + 288<<(maxCode-litBits)]uint32
	dist    [1<<distBits + 32<<(maxCode-distBits)]uint32
	lengths [288 + 32 + 137]uint8
	fixed   bool // the tables are those of fixed codes
	out     []byte
}

var (
	errInflate = errors.New("not read here")
	errShort   = errors.New("the member is longer than what there is of it")
)

var (
	lengthBase  = [...]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra = [...]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase    = [...]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	codeOrder   = [...]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
)

// member undoes the gzip member that src begins with, of at most that many bytes, and
// tells how long it is in src. errShort asks for more of src.
func (f *inflater) member(src []byte, most int) (out []byte, n int, err error) {
	at, err := headerLength(src)
	if err != nil {
		return nil, 0, err
	}
	out, n, err = f.inflate(src[at:], most)
	if err != nil {
		return nil, 0, err
	}
	at += n
	if len(src) < at+8 {
		return nil, 0, errShort
	}
	if binary.LittleEndian.Uint32(src[at:]) != crc32.ChecksumIEEE(out) || binary.LittleEndian.Uint32(src[at+4:]) != uint32(len(out)) {
		return nil, 0, errInflate
	}
	return out, at + 8, nil
}

// headerLength is that of a gzip member (RFC 1952, 2.3).
func headerLength(src []byte) (int, error) {
	if len(src) < 20 {
		return 0, errShort
	}
	if codingOf(src) != gzipped {
		return 0, errInflate
	}
	flags, at := src[3], 10
	if flags&^(4|8|16) != 0 && flags != 1 {
		return 0, errInflate
	}
	if flags&4 != 0 {
		at += 2 + (int(src[10]) | int(src[11])<<8)
	}
	for _, flag := range []byte{8, 16} {
		if flags&flag == 0 {
			continue
		}
		for {
			if at >= len(src) {
				return 0, errShort
			}
			if at++; src[at-1] == 0 {
				break
			}
		}
	}
	if at >= len(src) {
		return 0, errShort
	}
	return at, nil
}

// inflate reads blocks to the last. It asks for some bytes of src behind the end.
func (f *inflater) inflate(src []byte, most int) (out []byte, n int, err error) {
	if f.out == nil {
		f.out = make([]byte, 64<<10)
	}
	dst, op, ip := f.out, 0, 0
	var b uint64 // bits to come, the first in the lowest
	var nb uint  // how many of them are known
	for last := false; !last; {
		if ip+32 > len(src) {
			return nil, 0, errShort
		}
		b |= binary.LittleEndian.Uint64(src[ip:]) << nb
		ip += int((63 - nb) >> 3)
		nb |= 56
		last = b&1 == 1
		kind := b >> 1 & 3
		b, nb = b>>3, nb-3
		switch kind {
		case 0:
			ip -= int(nb >> 3)
			b, nb = 0, 0
			size := int(binary.LittleEndian.Uint16(src[ip:]))
			if uint16(size) != ^binary.LittleEndian.Uint16(src[ip+2:]) {
				return nil, 0, errInflate
			}
			ip += 4
			if ip+size > len(src) {
				return nil, 0, errShort
			}
			for op+size > len(dst) {
				if dst, err = f.grow(dst, op, most); err != nil {
					return nil, 0, err
				}
			}
			op += copy(dst[op:], src[ip:ip+size])
			ip += size
			continue
		case 1:
			if !f.fixed {
				for i := range 288 {
					switch {
					case i < 144, i >= 280:
						f.lengths[i] = 8
					case i < 256:
						f.lengths[i] = 9
					default:
						f.lengths[i] = 7
					}
				}
				for i := 280; i < 288; i++ {
					f.lengths[i] = 8
				}
				for i := range 30 {
					f.lengths[288+i] = 5
				}
				if !f.tables(288, 30) {
					return nil, 0, errInflate
				}
				f.fixed = true
			}
		case 2:
			f.fixed = false
			if b, nb, ip, err = f.codes(src, b, nb, ip); err != nil {
				return nil, 0, err
			}
		default:
			return nil, 0, errInflate
		}
	block:
		for {
			if ip+16 > len(src) {
				return nil, 0, errShort
			}
			if op+320 > len(dst) {
				if dst, err = f.grow(dst, op, most); err != nil {
					return nil, 0, err
				}
			}
			b |= binary.LittleEndian.Uint64(src[ip:]) << nb
			ip += int((63 - nb) >> 3)
			nb |= 56
			e := f.lit[b&(1<<litBits-1)]
			if e&entryLiteral != 0 {
				dst[op] = byte(e >> 16)
				op++
				b >>= e & 63
				nb -= uint(e & 63)
				if e = f.lit[b&(1<<litBits-1)]; e&entryLiteral != 0 {
					dst[op] = byte(e >> 16)
					op++
					b >>= e & 63
					nb -= uint(e & 63)
					if e = f.lit[b&(1<<litBits-1)]; e&entryLiteral != 0 {
						dst[op] = byte(e >> 16)
						op++
						b >>= e & 63
						nb -= uint(e & 63)
						continue
					}
				}
			}
			if e&entryMore != 0 {
				e = f.lit[uint64(e>>16)+b>>litBits&(1<<(maxCode-litBits)-1)]
			}
			if e&255 == 0 {
				return nil, 0, errInflate
			}
			b >>= e & 63
			nb -= uint(e & 63)
			if e&entryLiteral != 0 {
				dst[op] = byte(e >> 16)
				op++
				continue
			}
			if e&entryEnd != 0 {
				break block
			}
			extra := uint(e >> 8 & 15)
			length := int(e>>16) + int(b&(1<<extra-1))
			b >>= extra
			nb -= extra
			b |= binary.LittleEndian.Uint64(src[ip:]) << nb
			ip += int((63 - nb) >> 3)
			nb |= 56
			d := f.dist[b&(1<<distBits-1)]
			if d&entryMore != 0 {
				d = f.dist[uint64(d>>16)+b>>distBits&(1<<(maxCode-distBits)-1)]
			}
			if d&255 == 0 {
				return nil, 0, errInflate
			}
			b >>= d & 63
			nb -= uint(d & 63)
			extra = uint(d >> 8 & 15)
			distance := int(d>>16) + int(b&(1<<extra-1))
			b >>= extra
			nb -= extra
			from := op - distance
			if from < 0 {
				return nil, 0, errInflate
			}
			end := op + length
			switch {
			case distance >= 16:
				for ; op < end; op, from = op+16, from+16 {
					*(*[16]byte)(dst[op:]) = *(*[16]byte)(dst[from:])
				}
			case distance == 1:
				c := dst[from]
				for ; op < end; op++ {
					dst[op] = c
				}
			default:
				for ; op < end; op, from = op+1, from+1 {
					dst[op] = dst[from]
				}
			}
			op = end
		}
	}
	return dst[:op], ip - int(nb>>3), nil
}

// grow makes dst longer.
func (f *inflater) grow(dst []byte, op, most int) ([]byte, error) {
	if len(dst) >= most {
		return nil, errInflate
	}
	f.out = make([]byte, 2*len(dst))
	copy(f.out, dst[:op])
	return f.out, nil
}

// codes reads the codes of a block (RFC 1951, 3.2.7).
func (f *inflater) codes(src []byte, b uint64, nb uint, ip int) (uint64, uint, int, error) {
	refill := func() bool {
		if ip+16 > len(src) {
			return false
		}
		b |= binary.LittleEndian.Uint64(src[ip:]) << nb
		ip += int((63 - nb) >> 3)
		nb |= 56
		return true
	}
	take := func(n uint) int {
		v := int(b & (1<<n - 1))
		b >>= n
		nb -= n
		return v
	}
	literals, distances, count := take(5)+257, take(5)+1, take(4)+4
	if literals > 286 || distances > 30 {
		return 0, 0, 0, errInflate
	}
	var first [19]uint8
	for i := range count {
		if !refill() {
			return 0, 0, 0, errShort
		}
		first[codeOrder[i]] = uint8(take(3))
	}
	var table [128]uint32
	if !buildTable(table[:], 7, 7, first[:], codeEntries[:]) {
		return 0, 0, 0, errInflate
	}
	var lengths [286 + 30]uint8
	for i := 0; i < literals+distances; {
		if !refill() {
			return 0, 0, 0, errShort
		}
		e := table[b&127]
		if e&255 == 0 {
			return 0, 0, 0, errInflate
		}
		take(uint(e & 63))
		repeat, value := 1, uint8(e>>16)
		switch e >> 16 {
		case 16:
			if i == 0 {
				return 0, 0, 0, errInflate
			}
			repeat, value = 3+take(2), lengths[i-1]
		case 17:
			repeat, value = 3+take(3), 0
		case 18:
			repeat, value = 11+take(7), 0
		}
		if i+repeat > literals+distances {
			return 0, 0, 0, errInflate
		}
		for range repeat {
			lengths[i] = value
			i++
		}
	}
	copy(f.lengths[:288], make([]uint8, 288))
	copy(f.lengths[:], lengths[:literals])
	copy(f.lengths[288:], lengths[literals:literals+distances])
	if !f.tables(literals, distances) {
		return 0, 0, 0, errInflate
	}
	return b, nb, ip, nil
}

// tables builds both from f.lengths.
func (f *inflater) tables(literals, distances int) bool {
	return buildTable(f.lit[:], litBits, maxCode, f.lengths[:literals], litEntries[:]) &&
		buildTable(f.dist[:], distBits, maxCode, f.lengths[288:288+distances], distEntries[:])
}

// What symbols mean, without the lengths of their codes. No length is that of 286
// and 287.
var litEntries, distEntries, codeEntries = func() (lit [288]uint32, dist [30]uint32, code [19]uint32) {
	for i := range 256 {
		lit[i] = uint32(i)<<16 | entryLiteral
	}
	lit[256] = entryEnd
	for i, base := range lengthBase {
		lit[257+i] = uint32(base)<<16 | uint32(lengthExtra[i])<<8
	}
	for i, base := range distBase {
		dist[i] = uint32(base)<<16 | uint32(max(0, i/2-1))<<8
	}
	for i := range code {
		code[i] = uint32(i) << 16
	}
	return lit, dist, code
}()

// buildTable fills a table of canonical codes (RFC 1951, 3.2.2) that is looked into
// by first bits, and for longer codes once more; false for lengths that make none.
func buildTable(table []uint32, first, longest int, lengths []uint8, entries []uint32) bool {
	var count, next [maxCode + 2]int
	for _, l := range lengths {
		count[l]++
	}
	count[0] = 0
	code, left := 0, 1
	for l := 1; l <= maxCode; l++ {
		if left = left<<1 - count[l]; left < 0 {
			return false
		}
		code = (code + count[l-1]) << 1
		next[l] = code
	}
	// Symbols in order of their lengths, so that a table of one length more is the one
	// before, twice.
	var sorted [288]uint16
	var place [maxCode + 2]int
	for l := 1; l <= maxCode; l++ {
		place[l+1] = place[l] + count[l]
	}
	total := place[maxCode+1]
	for symbol, l := range lengths {
		if l != 0 {
			sorted[place[l]] = uint16(symbol)
			place[l]++
		}
	}
	table[0] = 0
	size := 0 // of the table so far, as a power of two
	free := 1 << first
	more := longest - first // bits of a second look
	for _, symbol := range sorted[:total] {
		l := lengths[symbol]
		reversed := int(bits.Reverse16(uint16(next[l])) >> (16 - l))
		next[l]++
		for ; size < min(int(l), first); size++ {
			copy(table[1<<size:], table[:1<<size])
		}
		e := entries[symbol]
		if symbol > 285 {
			continue // no length
		}
		e |= uint32(l)
		if int(l) <= first {
			table[reversed] = e
			continue
		}
		root := reversed & (1<<first - 1)
		if table[root]&entryMore == 0 {
			if free+1<<more > len(table) {
				return false
			}
			clear(table[free : free+1<<more])
			table[root] = uint32(free)<<16 | entryMore | 1
			free += 1 << more
		}
		base := int(table[root] >> 16)
		for i := reversed >> first; i < 1<<more; i += 1 << (int(l) - first) {
			table[base+i] = e
		}
	}
	for ; size < first; size++ {
		copy(table[1<<size:], table[:1<<size])
	}
	return true
}
