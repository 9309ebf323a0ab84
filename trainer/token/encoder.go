package token

import (
	"encoding/binary"
	"slices"
)

const (
	cacheBits = 15 // of the number of words in an Encoder's cache
	// longestCached bytes and mostCached tokens of a word fit in the cache.
	longestCached = 24
	mostCached    = 9
)

// Encoder turns texts into tokens. It belongs to one goroutine.
type Encoder struct {
	vocabulary *Vocabulary
	cleaner    cleaner
	cache      []cachedWord
	ids        []int32 // tokens of the word at hand
	merged     []int32 // what each of them merges into with the next, 0: nothing
}

// cachedWord is a word of the cache with its tokens, a cache line in all. A word
// has one place there and drives out who was in it.
type cachedWord struct {
	key           wordKey
	length, count uint8
	ids           [mostCached]int32
}

// wordKey is a short word, padded with zeros.
type wordKey [longestCached / 8]uint64

// NewEncoder returns an encoder with an empty cache of 2 MiB.
func (v *Vocabulary) NewEncoder() *Encoder {
	return &Encoder{vocabulary: v, cleaner: cleaner{plane: basicPlane()}, cache: make([]cachedWord, 1<<cacheBits)}
}

// Append appends the tokens of text: start, words, end, no more than context
// (at least 2) of them. A text that is cut keeps its end token.
func (e *Encoder) Append(to []int32, text string, context int) []int32 {
	start := len(to)
	to = append(to, e.vocabulary.Start())
	clean := e.cleaner.clean(text)
	padded := clean[:len(clean)+padding]
	for at := 0; len(to)-start < context; {
		from, end := e.cleaner.plane.word(clean, at)
		if from == end {
			break
		}
		if n := end - from; n > longestCached {
			to = append(to, e.encode(clean[from:end])...)
		} else {
			key := readKey(padded[from:], n)
			w := &e.cache[key.hash()]
			if w.key != key || int(w.length) != n {
				ids := e.encode(clean[from:end])
				if len(ids) > mostCached {
					to, at = append(to, ids...), end
					continue
				}
				w.key, w.length, w.count = key, uint8(n), uint8(copy(w.ids[:], ids))
			}
			to = append(to, w.ids[:w.count]...)
		}
		at = end
	}
	if len(to)-start > context-1 {
		to = to[:start+context-1]
	}
	return append(to, e.vocabulary.End())
}

// readKey reads a word of n bytes from a text with padding after it.
func readKey(text []byte, n int) (k wordKey) {
	for i := range k {
		k[i] = binary.LittleEndian.Uint64(text[8*i:])
		if n < 8*(i+1) {
			k[i] &= 1<<(8*(n-8*i)) - 1
			break
		}
	}
	return k
}

func (k wordKey) hash() uint64 {
	h := k[0]*0x9E3779B97F4A7C15 ^ k[1]*0xC2B2AE3D27D4EB4F ^ k[2]*0x165667B19E3779F9
	return (h ^ h>>32) * 0x9E3779B97F4A7C15 >> (64 - cacheBits)
}

// encode merges the bytes of a word: of all pairs of neighbours that merge, the
// one of the earliest line of the vocabulary, the leftmost of several, until
// none is left. A merge makes no pair of an earlier line, so that this is the
// same as merging all occurrences of a pair at once. The result lives until the
// next call.
func (e *Encoder) encode(word []byte) []int32 {
	ids := slices.Grow(e.ids[:0], len(word))[:len(word)]
	merged := slices.Grow(e.merged[:0], len(word))[:len(word)]
	e.ids, e.merged = ids, merged
	for i, b := range word {
		ids[i] = idOfByte[b]
	}
	ids[len(ids)-1] += firstEnding
	merges := &e.vocabulary.ids
	for i := range len(ids) - 1 {
		merged[i] = merges.get(pair{ids[i], ids[i+1]})
	}
	for n := len(ids) - 1; ; n-- { // n pairs are left
		best, at := int32(0), 0
		for i, id := range merged[:n] {
			if id != 0 && (best == 0 || id < best) {
				best, at = id, i
			}
		}
		if best == 0 {
			return ids[:n+1]
		}
		ids[at] = best
		copy(ids[at+1:n], ids[at+2:n+1])
		copy(merged[at:n-1], merged[at+1:n])
		if at > 0 {
			merged[at-1] = merges.get(pair{ids[at-1], best})
		}
		if at < n-1 {
			merged[at] = merges.get(pair{best, ids[at+1]})
		}
	}
}

// replace puts id in the place of each occurrence of p, from left to right, in
// place.
func replace(ids []int32, p pair, id int32) []int32 {
	out := ids[:0]
	for i := 0; i < len(ids); i++ {
		if i+1 < len(ids) && ids[i] == p.left && ids[i+1] == p.right {
			out = append(out, id)
			i++
		} else {
			out = append(out, ids[i])
		}
	}
	return out
}
