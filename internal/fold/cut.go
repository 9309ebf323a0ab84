package fold

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// Padding is how many zero bytes Cut leaves behind the text it returns, within
// the slice's capacity, so that a reader may load whole machine words.
const Padding = 64

// Cut folds s and cuts it into words in one pass. It returns the folded bytes
// in dst's memory and, appended to edges, two offsets into them for each word:
// its start and its end. The words are those that Words finds in AppendText(s);
// between them an ASCII text may keep more white space. Texts are at most 2 GiB
// long; of a longer one only the beginning is cut.
//
// ASCII texts cost about a machine cycle a byte: eight bytes are classified at
// once, and where words begin and end is read from one bit for each byte.
func Cut(dst []byte, edges []uint32, s string) ([]byte, []uint32) {
	s = s[:min(len(s), 1<<31)]
	dst = slices.Grow(dst[:0], len(s)+Padding)
	first := len(edges)
	// Two edges a word, and a byte between words: no more edges than bytes and one.
	edges = slices.Grow(edges, len(s)+4)
	dst = dst[:len(s)+Padding]
	copy(dst, s)
	clear(dst[len(s):])
	if edges, ok := cutASCII(dst, edges, len(s)); ok {
		return dst[:len(s)], edges
	}
	return cutAny(dst, edges[:first], s)
}

// cutAny is Cut for texts that are not ASCII.
func cutAny(dst []byte, edges []uint32, s string) ([]byte, []uint32) {
	dst = AppendText(dst[:0], s)
	for i := 0; i < len(dst); {
		c, size := classAt(dst, i)
		end := i + size
		if c&inWord != 0 {
			if c&alone == 0 {
				end = wordEnd(dst, i)
			}
			edges = append(edges, uint32(i), uint32(end))
		}
		i = end
	}
	n := len(dst)
	dst = slices.Grow(dst, Padding)
	clear(dst[n : n+Padding])
	return dst, edges
}

const (
	everyByte = 0x0101010101010101
	highBits  = 0x80 * everyByte
	// gather moves the lowest bits of eight bytes into the highest byte.
	gather = 0x0102040810204080
)

// cutASCII makes text[:n], which Padding zero bytes follow, lower case and
// appends the edges of its words, in memory that edges has already. It reports
// false at the first byte that is not ASCII.
//
// In each sum below a byte's highest bit becomes set where the byte is at least
// the character named; no sum carries into the next byte, as bytes are under
// 0x80 and so are the numbers added.
func cutASCII(text []byte, edges []uint32, n int) ([]uint32, bool) {
	var (
		last    uint64 // 1 where the byte before this block belongs to a word
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
			high |= v
			fromA, overZ := v+(0x80-'A')*everyByte, v+(0x80-'Z'-1)*everyByte
			v += (fromA &^ overZ & highBits) >> 2 // 0x20 makes a letter lower case
			binary.LittleEndian.PutUint64(b, v)
			letters := (v + (0x80-'a')*everyByte) &^ (v + (0x80-'z'-1)*everyByte)
			digits := (v + (0x80-'0')*everyByte) &^ (v + (0x80-'9'-1)*everyByte)
			words |= ((letters | digits) & highBits >> 7) * gather >> 56 << i
			// Number sign, apostrophe, plus and slash have the bits 0010xx11.
			x := v&(0xf3*everyByte) ^ 0x23*everyByte
			signs |= (^(x + 0x7f*everyByte) & highBits >> 7) * gather >> 56 << i
		}
		if high&highBits != 0 {
			return edges, false
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
			if next := text[p+1] | 0x20; next < 'a' || next > 'z' || text[p-1] == '+' || text[p-1] == '#' {
				continue
			}
		case '+', '#':
			if p >= signsTo { // else the run's first sign was asked, and belongs
				for signsTo = p; text[signsTo] == '+' || text[signsTo] == '#'; {
					signsTo++
				}
				if ascii[text[signsTo]]&inWord != 0 {
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
