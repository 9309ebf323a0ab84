package minhash

import (
	"encoding/binary"
	"unicode/utf8"
)

// Sizes of shingles, in characters.
const (
	leastShingle = 3
	mostShingle  = 5
)

// padding is what AppendShingles reads beyond a text.
const padding = 8

// mix scrambles a number; different ones stay different.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// AppendShingles appends the shingles of a text, as often as they stand in it, each as
// a number. Shingles of up to seven bytes, and so all in ASCII, have numbers of their
// own; two longer ones have the same with a probability of 2^-64. A text of fewer
// than three characters has none.
func AppendShingles(dst []uint64, text []byte) []uint64 {
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return appendWide(dst, text)
		}
	}
	n := len(text)
	whole := n - padding // places from which eight bytes can be read
	i := 0
	for ; i <= whole; i++ {
		w := binary.LittleEndian.Uint64(text[i : i+8])
		dst = append(dst, short(w, 3), short(w, 4), short(w, 5))
	}
	var tail [2 * padding]byte
	copy(tail[:], text[i:])
	for left := n - i; left >= leastShingle; left-- {
		w := binary.LittleEndian.Uint64(tail[n-i-left:])
		for size := leastShingle; size <= min(left, mostShingle); size++ {
			dst = append(dst, short(w, size))
		}
	}
	return dst
}

// short is the shingle in the first size bytes of w, seven at most.
func short(w uint64, size int) uint64 {
	return mix(w&(1<<(8*size)-1) | uint64(size)<<56)
}

// appendWide is AppendShingles for any text. A byte that belongs to no character is one.
func appendWide(dst []uint64, text []byte) []uint64 {
	var starts [mostShingle + 1]int // of the last characters, the newest last
	characters := 0
	for at := 0; at <= len(text); characters++ {
		copy(starts[:], starts[1:])
		starts[mostShingle] = at
		for size := leastShingle; size <= min(characters, mostShingle); size++ {
			dst = append(dst, shingle(text[starts[mostShingle-size]:at]))
		}
		if at == len(text) {
			break
		}
		_, width := utf8.DecodeRune(text[at:])
		at += width
	}
	return dst
}

// shingle is the number of one, of 20 bytes at most.
func shingle(b []byte) uint64 {
	var padded [24]byte
	copy(padded[:], b)
	h := binary.LittleEndian.Uint64(padded[:])
	if len(b) < 8 {
		return short(h, len(b))
	}
	for i := 8; i < len(b); i += 8 {
		h = mix(h) ^ binary.LittleEndian.Uint64(padded[i:])
	}
	return mix(mix(h) ^ uint64(len(b)))
}
