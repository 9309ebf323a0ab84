//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

// A product is c[m,n] = op(a)[m,k] op(b)[k,n] + beta c, of batch such products at even
// distances. Matrices are row-major; with transA, a is stored as [k,m], with transB, b
// as [n,k].
type product struct {
	c, a, b                   address
	m, n, k                   int
	ldc, lda, ldb             int // elements from a row to the next, as stored; 0 for rows that lie end to end
	transA, transB            bool
	uncut                     bool        // k is long, and yet the operation's scratch is taken
	in, out                   device.Type // of a and b, and of c: F32 or BF16
	beta                      float32     // 0 or 1
	batch                     int         // 0 counts as 1
	strideC, strideA, strideB int         // elements from a product of the batch to the next
}

// Tiles of products: see kernels/product.h.
const (
	tileRows    = 128
	tileThreads = 256
	// sumBlocks is how many blocks the sums over a long side are cut into: two waves of
	// two a multiprocessor on a card of 132. It is no card's own figure, so that the
	// order of a sum is the same on each.
	sumBlocks = 2 * 2 * 132
	// leastChunk is the least that a chunk of a long side is worth.
	leastChunk = 512
)

// sumChunks cuts a side of n into chunks of one length, for a result of so many tiles.
func sumChunks(n, tiles int) (chunks, each int) {
	chunks = max(1, min(sumBlocks/max(1, tiles), n/leastChunk))
	each = (n/chunks + 31) &^ 31 // slices are 32 long
	for each*chunks < n {
		each += 32
	}
	return max(1, (n+each-1)/max(1, each)), each
}

// ownProduct enqueues p for our own kernel, which takes any shape, layout and alignment. It
// takes the operation's scratch when a is transposed, as where k is a long side.
func (d *Device) ownProduct(op string, p product) {
	ld := func(given, cols int) int {
		if given == 0 {
			return cols
		}
		return given
	}
	layout, lda, ldb, ldc, batch := "", ld(p.lda, p.k), ld(p.ldb, p.n), ld(p.ldc, p.n), max(1, p.batch)
	for _, trans := range []bool{p.transA, p.transB} {
		if trans {
			layout += "t"
		} else {
			layout += "n"
		}
	}
	if p.transA {
		lda = ld(p.lda, p.m)
	}
	if p.transB {
		ldb = ld(p.ldb, p.k)
	}
	if p.m == 0 || p.n == 0 {
		return
	}
	tiles := (p.m + tileRows - 1) / tileRows * ((p.n + 127) / 128)
	chunks, each := 1, p.k
	if p.transA && batch == 1 && !p.uncut { // a row of what is not transposed depends on no other, not even on how many there are
		chunks, each = sumChunks(p.k, tiles)
	}
	l := launch{kernel: "product_" + layout + "_" + p.in.String() + "_to_", blocks: [3]int{tiles, chunks, batch}, threads: tileThreads}
	if chunks == 1 {
		l.kernel += p.out.String()
		d.do(op, l, p.c, p.a, p.b, p.m, p.n, p.k, ldc, lda, ldb, p.beta, max(1, p.k), int64(0), int64(p.strideC), int64(p.strideA), int64(p.strideB))
		return
	}
	l.kernel += device.F32.String()
	sums := d.scratch(op, chunks*p.m*p.n*device.F32.Bytes())
	d.do(op, l, sums, p.a, p.b, p.m, p.n, p.k, p.n, lda, ldb, float32(0), each, int64(p.m*p.n), int64(0), int64(0), int64(0))
	d.do(op, elementwise(suffixed("product_sum", p.out), p.m*p.n, 1), p.c, sums, chunks, p.m, p.n, ldc, p.beta)
}
