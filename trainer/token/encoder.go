package token

// cacheWords bounds the cache of an Encoder; a full cache is emptied.
const cacheWords = 1 << 16

// cachedLength is the longest word, in bytes, that is worth a place in it.
const cachedLength = 32

// Encoder turns texts into tokens. It belongs to one goroutine.
type Encoder struct {
	vocabulary *Vocabulary
	cache      map[string][]int32
	word       []int32
}

// NewEncoder returns an encoder with an empty cache.
func (v *Vocabulary) NewEncoder() *Encoder {
	return &Encoder{vocabulary: v, cache: map[string][]int32{}}
}

// Append appends the tokens of text: start, words, end, no more than context
// (at least 2) of them. A text that is cut keeps its end token.
func (e *Encoder) Append(to []int32, text string, context int) []int32 {
	from := len(to)
	to = append(to, e.vocabulary.Start())
	text = Clean(text)
	for len(to)-from < context {
		var word string
		if word, text = nextWord(text); word == "" {
			break
		}
		to = append(to, e.encode(word)...)
	}
	if len(to)-from > context-1 {
		to = to[:from+context-1]
	}
	return append(to, e.vocabulary.End())
}

// encode merges the bytes of a word. The result lives until the next call.
func (e *Encoder) encode(word string) []int32 {
	if ids, cached := e.cache[word]; cached {
		return ids
	}
	ids := e.word[:0]
	for i := range len(word) {
		ids = append(ids, idOfByte[word[i]])
	}
	ids[len(ids)-1] += firstEnding
	e.word = ids
	for len(ids) > 1 {
		best, at := int32(0), pair{}
		for i := range len(ids) - 1 {
			p := pair{ids[i], ids[i+1]}
			if id, there := e.vocabulary.ids[p]; there && (best == 0 || id < best) {
				best, at = id, p
			}
		}
		if best == 0 {
			break
		}
		ids = replace(ids, at, best)
	}
	if len(word) <= cachedLength {
		if len(e.cache) >= cacheWords {
			clear(e.cache)
		}
		ids = append([]int32(nil), ids...)
		e.cache[word] = ids
	}
	return ids
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
