package fold

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// Padding is how many zero bytes Cut leaves behind the text it returns, within
// the slice's capacity, so that a reader may load whole machine words.
const Padding = 64

// MaxBytes is the most that Cut takes of a text, so that offsets fit 32 bits
// whatever it folds to.
const MaxBytes = 512 << 20

// Cut folds s and cuts it into words in one pass. It returns the folded bytes
// in dst's memory and, appended to edges, two offsets into them for each word:
// its start and its end. The words are those that Words finds in AppendText(s);
// between them white space may stay as it stood. Of a text longer than 512 MiB
// only the beginning is cut.
//
// ASCII texts cost about a machine cycle a byte: eight bytes are classified at
// once, and where words begin and end is read from one bit for each byte.
func Cut(dst []byte, edges []uint32, s string) ([]byte, []uint32) {
	s = s[:min(len(s), MaxBytes)]
	dst = slices.Grow(dst[:0], len(s)+Padding)[:len(s)+Padding]
	copy(dst, s)
	clear(dst[len(s):])
	edges = growEdges(edges, len(s))
	if edges, ok := cutBlocks(dst, edges, len(s), true); ok {
		return dst[:len(s)], edges
	}
	dst, aloneToo, ok := foldRuns(dst, s)
	if !ok {
		dst, aloneToo = appendInContext(dst[:0], s), true
	}
	n := len(dst)
	dst = slices.Grow(dst, Padding)
	clear(dst[n : n+Padding])
	edges = growEdges(edges, n)
	if aloneToo {
		return dst, cutAny(dst, edges)
	}
	edges, _ = cutBlocks(dst[:n+Padding], edges, n, false)
	return dst, edges
}

// growEdges makes room for the edges of n bytes: two a word, and a byte between
// words; no more edges than bytes and one.
func growEdges(edges []uint32, n int) []uint32 { return slices.Grow(edges, n+2) }

// foldRuns folds s, runs of ASCII eight bytes at once and other characters by
// the pages, and keeps white space as it is. It tells whether there is a
// character that is a word of its own, and reports false where one's folding
// depends on its neighbours.
func foldRuns(dst []byte, s string) (folded []byte, aloneToo, ok bool) {
	// No character folds to more than seven bytes, and each beyond ASCII has two.
	dst = slices.Grow(dst[:0], len(s)*7/2+Padding)
	dst = dst[:cap(dst)]
	var mark class
	n := 0
	for i := 0; i < len(s); {
		if i+8 <= len(s) {
			v := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
				uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
			run := bits.TrailingZeros64(v&highBits) / 8 // 8 where all are ASCII
			// A byte that is not ASCII may spoil those after it; they are written again.
			binary.LittleEndian.PutUint64(dst[n:n+8], lower(v))
			n += run
			i += run
			if run == 8 {
				continue
			}
		}
		if c := s[i]; c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst[n] = c
			n++
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		c := lookUp(r)
		if c.size == 0 || r == utf8.RuneError {
			return dst, false, false
		}
		mark |= c.class
		i += size
		// Seven bytes at once: those beyond size are written again.
		copy(dst[n:n+len(c.bytes)], c.bytes[:])
		n += int(c.size)
	}
	return dst[:n], mark&alone != 0, true
}

// cutAny is Cut for folded texts in which words may follow one another directly.
func cutAny(folded []byte, edges []uint32) []uint32 {
	for i := 0; i < len(folded); {
		c, size := classAt(folded, i)
		end := i + size
		if c&inWord != 0 {
			if c&alone == 0 {
				end = wordEnd(folded, i)
			}
			edges = append(edges, uint32(i), uint32(end))
		}
		i = end
	}
	return edges
}

const (
	everyByte = 0x0101010101010101
	highBits  = 0x80 * everyByte
	// gather moves the lowest bits of eight bytes into the highest byte.
	gather = 0x0102040810204080
)

// lower makes the ASCII letters among eight bytes lower case. In each sum a
// byte's highest bit becomes set where the byte is at least the character named;
// no sum carries into the next byte, as bytes are under 0x80 and so are the
// numbers added.
func lower(v uint64) uint64 {
	fromA, overZ := v+(0x80-'A')*everyByte, v+(0x80-'Z'-1)*everyByte
	return v + (fromA&^overZ&highBits)>>2 // 0x20
}

// cutBlocks appends the edges of the words of text[:n], which Padding zero bytes
// follow, in memory that edges has already. With raw, text is not folded yet:
// then ASCII is made lower case, and false reported at the first byte that is
// not ASCII. Without raw, no character may be a word of its own.
func cutBlocks(text []byte, edges []uint32, n int, raw bool) ([]uint32, bool) {
	var (
		last    uint64 // 1 where the byte before this block belongs to a word
		spill   uint64 // bits of this block that a character begun in the last one sets
		signsTo int    // end of the last run of plus and number signs looked at
		count   = len(edges)
		out     = edges[:cap(edges)]
	)
	for base := 0; base <= n; base += 64 { // a block for the end of the last word too
		var words, signs, high uint64
		block := text[base:]
		for i := 0; i < 64 && base+i < n; i += 8 {
			b := block[i : i+8 : i+8]
			v := binary.LittleEndian.Uint64(b)
			if raw {
				high |= v & highBits
				v = lower(v)
				binary.LittleEndian.PutUint64(b, v)
			} else if wide := v & highBits; wide != 0 {
				high |= wide >> 7 * gather >> 56 << i
				v &^= wide | wide>>1 | wide>>2 | wide>>3 | wide>>4 | wide>>5 | wide>>6 | wide>>7 // to zero bytes
			}
			letters := (v + (0x80-'a')*everyByte) &^ (v + (0x80-'z'-1)*everyByte)
			digits := (v + (0x80-'0')*everyByte) &^ (v + (0x80-'9'-1)*everyByte)
			words |= ((letters | digits) & highBits >> 7) * gather >> 56 << i
			// Number sign, apostrophe, plus and slash have the bits 0010xx11.
			x := v&(0xf3*everyByte) ^ 0x23*everyByte
			signs |= (^(x + 0x7f*everyByte) & highBits >> 7) * gather >> 56 << i
		}
		if high != 0 || spill != 0 {
			if raw {
				return edges, false
			}
			words |= spill
			spill = 0
			for ; high != 0; high &= high - 1 {
				at := bits.TrailingZeros64(high)
				if utf8.RuneStart(block[at]) {
					if c, size := classAt(text, base+at); c&inWord != 0 {
						words |= (1<<size - 1) << at
						spill = (1<<size - 1) >> (64 - at)
					}
				}
			}
		}
		if signs&(words<<1|signs<<1|last) != 0 {
			words, signsTo = cutSigns(text, base, words, signs, last, signsTo)
		}
		// An edge is where a byte and the one before it differ.
		for e := words ^ (words<<1 | last); e != 0; e &= e - 1 {
			out[count] = uint32(base + bits.TrailingZeros64(e))
			count++
		}
		last = words >> 63
	}
	return out[:count], true
}

// cutSigns adds to the word bits of the block at base those apostrophes, plus
// and number signs that belong to a word, as Words states.
func cutSigns(text []byte, base int, words, signs, last uint64, signsTo int) (uint64, int) {
	for ; signs != 0; signs &= signs - 1 {
		at := bits.TrailingZeros64(signs)
		p := base + at
		before := last
		if at > 0 {
			before = words >> (at - 1) & 1
		}
		if before == 0 {
			continue
		}
		switch text[p] {
		case '\'':
			// The padding holds no letter, and base may not be 0 where before is 1 and at is 0.
			if text[p-1] == '+' || text[p-1] == '#' || !letterAt(text, p+1) {
				continue
			}
		case '+', '#':
			if p >= signsTo { // else the run's first sign was asked, and belongs
				for signsTo = p; text[signsTo] == '+' || text[signsTo] == '#'; {
					signsTo++
				}
				if c, _ := classAt(text, signsTo); c&inWord != 0 {
					continue
				}
			}
		default:
			continue
		}
		words |= 1 << at
	}
	return words, signsTo
}
