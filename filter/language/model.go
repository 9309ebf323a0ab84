package language

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strings"
	"sync"
)

//go:embed lid.176.ftz
var embedded []byte

// Shared is the detector of the embedded model, read at the first call.
var Shared = sync.OnceValue(func() *Detector {
	d, err := read(embedded)
	if err != nil {
		panic("language: the embedded model: " + err.Error())
	}
	return d
})

// dim is the length of vectors.
const dim = 16

type vector [dim]float32

// Detector is a model.
type Detector struct {
	words  map[string]sum
	pieces []vector // in order of their hashes, modulo bucket
	has    []uint64 // a bit for each hash: whether there is such a piece
	before []uint16 // for each 64 of them, how many pieces lie before
	labels []string
	tree   []node // the root is the last
	output []vector
}

// sum is that of n vectors.
type sum struct {
	vector
	n int
}

func (s *sum) add(o *vector) {
	for i := range s.vector {
		s.vector[i] += o[i]
	}
}

// node has two others below it, or as a leaf is the label of its number.
type node struct{ left, right int32 }

// Codes lists the languages: ISO 639-1 codes, or 639-3 of those that have none.
func (d *Detector) Codes() []string { return d.labels }

// header is what the file begins with.
type header struct {
	Magic, Version                                                                           int32
	Dim, WS, Epoch, MinCount, Neg, WordNgrams, Loss, Model, Bucket, Minn, Maxn, LRUpdateRate int32
	T                                                                                        float64
	Size, Words, Labels                                                                      int32
	Tokens, Pruned                                                                           int64
}

// Pieces have minn to maxn characters and so many hashes, as the model's header must
// say too.
const minn, maxn, bucket = 2, 4, 2_000_000

// reader reads little-endian values; after the end it gives zeros and is short.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.short = true
		r.b = nil
		return make([]byte, min(max(n, 0), 8))
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) uint32() uint32   { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) uint64() uint64   { return binary.LittleEndian.Uint64(r.take(8)) }
func (r *reader) float32() float32 { return math.Float32frombits(r.uint32()) }

func (r *reader) floats(n int) []float32 {
	f := make([]float32, 0, min(n, len(r.b)/4))
	for range cap(f) {
		f = append(f, r.float32())
	}
	r.short = r.short || len(f) < n
	return f
}

// read reads a model of fastText's format, version 12, with a quantised input matrix,
// a plain output matrix and hierarchical softmax: Dictionary::load, QMatrix::load and
// Model::buildTree of its source say how.
func read(file []byte) (*Detector, error) {
	r := &reader{b: file}
	var h header
	if n, err := binary.Decode(file, binary.LittleEndian, &h); err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	} else {
		r.take(n)
	}
	const magic, version, hierarchical, supervised = 793712314, 12, 1, 3
	if h.Magic != magic || h.Version != version || h.Dim != dim || h.Loss != hierarchical || h.Model != supervised ||
		h.Minn != minn || h.Maxn != maxn || h.WordNgrams != 1 || h.Bucket != bucket || h.Pruned <= 0 || h.Pruned >= 1<<16 || h.Labels < 2 {
		return nil, errors.New("it is no language identification model of 16 dimensions by hierarchical softmax, pruned")
	}
	d := &Detector{words: map[string]sum{}, has: make([]uint64, bucket/64), before: make([]uint16, bucket/64)}
	var words []string
	var counts []int64
	for range h.Size {
		end := strings.IndexByte(string(r.b[:min(len(r.b), 1024)]), 0)
		if end < 0 {
			return nil, errors.New("a word does not end")
		}
		word := string(r.take(end + 1)[:end])
		count := int64(r.uint64())
		if label, ok := strings.CutPrefix(word, "__label__"); r.take(1)[0] == 1 && ok {
			d.labels, counts = append(d.labels, label), append(counts, count)
		} else {
			words = append(words, word)
		}
	}
	if len(d.labels) != int(h.Labels) || len(words) != int(h.Words) {
		return nil, errors.New("the counts of words and labels are not those of the header")
	}
	if int64(len(r.b)) < h.Pruned*8 {
		return nil, errors.New("it ends within the table of pieces")
	}
	rowOf := map[uint32]uint32{} // of the pieces, by their hashes
	for range h.Pruned {
		hash, row := r.uint32(), r.uint32()
		if hash >= bucket || int64(row) >= h.Pruned {
			return nil, fmt.Errorf("piece %d has row %d", hash, row)
		}
		rowOf[hash] = row
		d.has[hash/64] |= 1 << (hash % 64)
	}
	rows, err := readRows(r, int(h.Words)+int(h.Pruned))
	if err != nil {
		return nil, err
	}
	for _, hash := range slices.Sorted(maps.Keys(rowOf)) {
		d.pieces = append(d.pieces, rows[uint32(h.Words)+rowOf[hash]])
	}
	n := 0
	for i, has := range d.has {
		d.before[i] = uint16(n)
		n += bits.OnesCount64(has)
	}
	var s Scratch
	for i, word := range words {
		all := sum{rows[i], 1}
		if word != endOfLine {
			d.addPieces(&all, []byte(word), &s)
		}
		d.words[word] = all
	}
	if plain := r.take(1)[0] == 0; !plain || r.uint64() != uint64(h.Labels) || r.uint64() != dim {
		return nil, errors.New("the output matrix is not one of plain numbers, a row a label")
	}
	for range h.Labels {
		d.output = append(d.output, vector(r.floatsOf(dim)))
	}
	if r.short || len(r.b) > 0 {
		return nil, errors.New("it does not end where its matrices do")
	}
	d.tree = huffman(counts)
	return d, nil
}

// floatsOf is floats, as many as asked whatever is left.
func (r *reader) floatsOf(n int) []float32 { return append(r.floats(n), make([]float32, n)...)[:n] }

// readRows expands the quantised matrix of rows.
func readRows(r *reader, rows int) ([]vector, error) {
	quantised, withNorms := r.take(1)[0], r.take(1)[0]
	m, n, size := r.uint64(), r.uint64(), r.uint32()
	if quantised != 1 || withNorms != 1 || m != uint64(rows) || n != dim || size != uint32(rows)*dim/2 {
		return nil, errors.New("the input matrix is not one of quantised pairs with norms, a row a word or piece")
	}
	const values = 256 // of a code
	codes := r.take(int(size))
	shape := [4]uint32{r.uint32(), r.uint32(), r.uint32(), r.uint32()}
	pairs := r.floats(dim * values)
	normCodes := r.take(rows)
	normShape := [4]uint32{r.uint32(), r.uint32(), r.uint32(), r.uint32()}
	norms := r.floats(values)
	if r.short || shape != [4]uint32{dim, dim / 2, 2, 2} || normShape != [4]uint32{1, 1, 1, 1} {
		return nil, errors.New("the input matrix is cut short, or quantised in other pieces than pairs")
	}
	list := make([]vector, rows)
	for i := range list {
		norm := norms[normCodes[i]]
		for j := range dim / 2 {
			at := 2 * (j*values + int(codes[i*dim/2+j]))
			list[i][2*j], list[i][2*j+1] = norm*pairs[at], norm*pairs[at+1]
		}
	}
	return list, nil
}

// huffman is the tree over counts, which fall: the two nodes of the smallest counts
// are joined until one is left, of equals a joined one before a leaf.
func huffman(counts []int64) []node {
	tree := make([]node, 0, 2*len(counts)-1)
	sums := append([]int64{}, counts...)
	for range counts {
		tree = append(tree, node{-1, -1})
	}
	leaf, joined := len(counts)-1, len(counts)
	smallest := func() int {
		if leaf >= 0 && (joined >= len(sums) || sums[leaf] < sums[joined]) {
			leaf--
			return leaf + 1
		}
		joined++
		return joined - 1
	}
	for len(tree) < cap(tree) {
		left := smallest()
		right := smallest()
		sums = append(sums, sums[left]+sums[right])
		tree = append(tree, node{int32(left), int32(right)})
	}
	return tree
}
