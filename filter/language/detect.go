package language

import (
	"math"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// Scratch is the memory that Detect reuses.
type Scratch struct{ word []byte }

// Detect gives the likeliest language of the text by its code, and how likely it is,
// from 0 to 1; "" and 0 of a text without words that the model knows a piece of.
// Words are what stands between white space, as they are: neither folded nor cut from
// their marks.
func (d *Detector) Detect(text []byte, s *Scratch) (code string, confidence float64) {
	var all sum
	for i := 0; i < len(text); {
		if space(text[i]) {
			i++
			continue
		}
		start := i
		for i < len(text) && !space(text[i]) {
			i++
		}
		if known, ok := d.words[string(text[start:i])]; ok {
			all.add(&known.vector)
			all.n += known.n
		} else {
			d.addPieces(&all, text[start:i], s)
		}
	}
	if all.n == 0 {
		return "", 0
	}
	end := d.words[endOfLine]
	all.add(&end.vector)
	scale := 1 / float32(all.n+end.n)
	for i := range all.vector {
		all.vector[i] *= scale
	}
	best := leaf{}
	d.descend(len(d.tree)-1, 1, &all.vector, &best)
	return d.labels[best.label], best.likely
}

// endOfLine is the word that ends each text.
const endOfLine = "</s>"

func space(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' || c == 0 }

// addPieces adds the vectors of a word's pieces.
func (d *Detector) addPieces(all *sum, word []byte, s *Scratch) {
	s.word = append(append(append(s.word[:0], '<'), word...), '>')
	w := s.word
	for i := range w {
		if !utf8.RuneStart(w[i]) {
			continue
		}
		// FNV-1a, in which fastText takes bytes as signed.
		hash, end := uint32(2166136261), i
		for length := 1; length <= maxn && end < len(w); length++ {
			for first := end; end < len(w) && (end == first || !utf8.RuneStart(w[end])); end++ {
				hash = (hash ^ uint32(int8(w[end]))) * 16777619
			}
			if length < minn {
				continue
			}
			at := hash % bucket
			if has, bit := d.has[at/64], uint64(1)<<(at%64); has&bit != 0 {
				all.add(&d.pieces[int(d.before[at/64])+bits.OnesCount64(has&(bit-1))])
				all.n++
			}
		}
	}
}

// leaf is a label, and how likely it is.
type leaf struct {
	label  int
	likely float64
}

// descend looks for a leaf below the node that is likelier than the best so far, first
// on the side that is likelier by itself.
func (d *Detector) descend(at int, likely float64, text *vector, best *leaf) {
	if likely <= best.likely {
		return
	}
	n := d.tree[at]
	if n.left < 0 {
		*best = leaf{at, likely}
		return
	}
	var dot float32
	row := &d.output[at-len(d.labels)]
	for i := range row {
		dot += float32(row[i] * text[i])
	}
	right := 1 / (1 + math.Exp(-float64(dot)))
	sides := [2]int32{n.left, n.right}
	parts := [2]float64{1 - right, right}
	if right > 0.5 {
		slices.Reverse(sides[:])
		slices.Reverse(parts[:])
	}
	d.descend(int(sides[0]), likely*parts[0], text, best)
	d.descend(int(sides[1]), likely*parts[1], text, best)
}
