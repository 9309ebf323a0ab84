package tally

import "github.com/pairloom/pairloom/trainer/device"

// What the backend for cards takes beside, package cuda, as its code asks for it; where
// that hangs on more than the shape, the most.
const (
	cardWorkspace  = 32 << 20 // of cuBLASLt, always
	cardNormBlocks = 1024     // that add up columns of a batch norm
	cardNormParts  = 528      // that add up columns of a layer norm
	cardPoolWords  = 8 << 20  // of the rows a head and picture of an attention pool
	cardBand       = 16 << 20 // of the similarities of a loss, in words
	cardSumBlocks  = 528      // into which the long side of a product is cut
	cardLeastChunk = 512      // of it
	cardColumns    = 512      // parts of a bias' gradient
)

// cardChunks is the number of chunks that the depth of a product of so many tiles is cut
// into.
func cardChunks(depth, tiles int) int {
	return max(1, min(cardSumBlocks/max(1, tiles), depth/cardLeastChunk))
}

// cardLoss is what a loss over all pairs of n rows has: a band of their similarities, and
// what goes with its rows and columns.
func cardLoss(n int) int {
	rows := min(n, max(128, cardBand/((n+7)/8*8)/128*128))
	return rows*((n+7)/8*8) + 4*n + 2*((rows+31)/32*n+n)
}

// cardPool is the number of pictures of an attention pool that are at work at a time.
func cardPool(a device.AttentionPool) int {
	return min(a.Batch, max(1, cardPoolWords/(a.Heads*a.Width)))
}

// BiasBackward has sums of parts on a card.
func (d *Device) BiasBackward(_, _ device.Buffer, _, cols int) {
	if d.Card {
		d.need(cardColumns * cols)
	}
}

// LayerNormBackward has sums of parts on a card.
func (d *Device) LayerNormBackward(_, _, _, _, _, _, _ device.Buffer, rows, cols int, _ float32) {
	if d.Card {
		d.need(min(rows, cardNormParts) * 2 * cols)
	}
}

// AttentionBackward has figures a row and head on a card.
func (d *Device) AttentionBackward(_, _, _, _, _, _ device.Buffer, a device.AttentionShape) {
	if d.Card {
		d.need(2 * a.Rows * a.Heads)
	}
}

// GatherBackward sorts its rows on a card.
func (d *Device) GatherBackward(dtable, _, _ device.Buffer, rows, cols int) {
	if d.Card && dtable.Type == device.F32 {
		d.need((rows+31)/32*2*cols + 2*rows + (rows+2047)/2048*256)
	}
}
