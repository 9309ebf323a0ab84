package hamming

import "math/bits"

// MaxDistance is the largest distance that is looked for.
const MaxDistance = 16

// A plan cuts words into two blocks more than the distance: words within it agree in
// two blocks at least.
type plan struct {
	distance int
	blocks   int
	shift    [MaxDistance + 2]uint8
	width    [MaxDistance + 2]uint8
}

// widest is the most bits that a block has: what is counted by it stays in the
// processor's nearest cache.
const widest = 11

// newPlan cuts the low bits of words, or as many of them as it needs.
func newPlan(width, distance int) plan {
	p := plan{distance: distance, blocks: distance + 2}
	at := 0
	for i := range p.blocks {
		w := min((width+i)/p.blocks, widest) // all bits, but for widest
		p.shift[i], p.width[i] = uint8(at), uint8(w)
		at += w
	}
	return p
}

// bins is how many values block i has.
func (p *plan) bins(i int) int { return 1 << p.width[i] }

// block gives what takes the value of block i out of a word.
func (p *plan) block(i int) (shift uint8, mask uint64) {
	return p.shift[i] & 63, 1<<p.width[i] - 1
}

// equal tells whether words that differ by x agree in block i.
func (p *plan) equal(x uint64, i int) bool {
	shift, mask := p.block(i)
	return x>>shift&mask == 0
}

// first tells whether i is the first block in which words that differ by x agree, and
// j the second; j is -1 where it does not matter.
func (p *plan) first(x uint64, i, j int) bool {
	for k := range i {
		if p.equal(x, k) {
			return false
		}
	}
	for k := i + 1; k < j; k++ {
		if p.equal(x, k) {
			return false
		}
	}
	return true
}

// A permutation moves the bits of a word, by a table for each byte.
type permutation [8][256]uint64

// set makes bit t of the result bit order[t] of the word; bits that order does not
// name are left out.
func (p *permutation) set(order []uint8) {
	*p = permutation{}
	for t, from := range order {
		p[from/8][1<<(from%8)] = 1 << t
	}
	for b := range p {
		for v := 1; v < 256; v++ {
			p[b][v] = p[b][v&(v-1)] | p[b][v&-v]
		}
	}
}

func (p *permutation) of(w uint64) uint64 {
	return p[0][uint8(w)] | p[1][uint8(w>>8)] | p[2][uint8(w>>16)] | p[3][uint8(w>>24)] |
		p[4][uint8(w>>32)] | p[5][uint8(w>>40)] | p[6][uint8(w>>48)] | p[7][uint8(w>>56)]
}

// scattered takes bits that lie side by side into different blocks. Side by side, in
// perceptual hashes, are frequencies that go together; of 15,000 hashes of icons and
// clip art, groups that agree in two blocks are smaller by a third.
var scattered = func() *permutation {
	var order [64]uint8
	for t := range order {
		order[t] = uint8(27 * t % 64)
	}
	p := new(permutation)
	p.set(order[:])
	return p
}()

// varying are the bits in which words differ, those first that split them best.
func varying(words []uint64, order []uint8) []uint8 {
	var ones [64]int
	var differ uint64
	for _, w := range words {
		differ |= w ^ words[0]
	}
	step := max(1, len(words)/1024)
	for at := 0; at < len(words); at += step {
		for w := words[at] & differ; w != 0; w &= w - 1 {
			ones[bits.TrailingZeros64(w)]++
		}
	}
	for ; differ != 0; differ &= differ - 1 {
		order = append(order, uint8(bits.TrailingZeros64(differ)))
	}
	half := (len(words) + step - 1) / step / 2
	unbalance := func(bit uint8) int { return max(ones[bit]-half, half-ones[bit]) }
	for i := 1; i < len(order); i++ { // there are few, and insertion keeps equals in order
		for k := i; k > 0 && unbalance(order[k]) < unbalance(order[k-1]); k-- {
			order[k], order[k-1] = order[k-1], order[k]
		}
	}
	return order
}

// dealt deals bits, as varying gives them, to the blocks of a plan in turn, so that
// each has its share of the good ones.
func dealt(order []uint8, p *plan, into []uint8) []uint8 {
	last := p.blocks - 1 // the widest, or as wide as any
	taken := int(p.shift[last]) + int(p.width[last])
	into = append(into[:0], order...)
	next := 0
	for round := range int(p.width[last]) {
		for i := range p.blocks {
			if round < int(p.width[i]) {
				into[int(p.shift[i])+round] = order[next]
				next++
			}
		}
	}
	copy(into[taken:], order[next:])
	return into
}
