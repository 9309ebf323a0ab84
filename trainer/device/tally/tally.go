// Package tally is a backend that computes nothing and counts: what a run asks of a
// device in memory, at no cost, for any batch.
//
// It takes every operation and does none; what is read is 0. Of memory it knows how much
// is held and how much was at most, by the same calls as any other backend gets. What the
// processor's backend takes beside, as scratch of some operations, is counted by its
// formulas, and by others what that for cards takes. A Device is not safe for concurrent use.
package tally

import "github.com/pairloom/pairloom/trainer/device"

// Device is the backend.
type Device struct {
	Card bool // scratch is that of the backend for cards

	held, most int64
	scratch    int64 // the most that an operation took
}

var _ device.Device = (*Device)(nil)

// Most is the memory in bytes that was held at most, without scratch.
func (d *Device) Most() int64 { return d.most }

// Scratch is the most that an operation took beside, in bytes, with what a backend always
// has.
func (d *Device) Scratch() int64 {
	if d.Card {
		return d.scratch + cardWorkspace
	}
	return d.scratch
}

type memory struct {
	owner *Device
	bytes int
}

func (m *memory) Bytes() int { return m.bytes }

// Free gives the memory back.
func (m *memory) Free() {
	m.owner.held -= int64(m.bytes)
	m.bytes = 0
}

// Name is "tally".
func (d *Device) Name() string { return "tally" }

// Alloc counts memory.
func (d *Device) Alloc(bytes int) (device.Memory, error) {
	d.held += int64(bytes)
	d.most = max(d.most, d.held)
	return &memory{d, bytes}, nil
}

// Bytes is the memory held.
func (d *Device) Bytes() int64 { return d.held }

// Read gives zeros.
func (d *Device) Read(dst []float32, _ device.Buffer) error {
	clear(dst)
	return nil
}

// Fetch gives zeros.
func (d *Device) Fetch(dst []float32, _ device.Buffer) { clear(dst) }

// need is scratch of so many words of float32.
func (d *Device) need(words int) { d.scratch = max(d.scratch, 4*int64(words)) }

// Conv3x3 brings its weights into another order.
func (d *Device) Conv3x3(_, _, _ device.Buffer, c device.Conv3x3) { d.need(9 * c.In * c.Out) } // a card as well

// Conv3x3BackwardData brings its weights into another order.
func (d *Device) Conv3x3BackwardData(_, _, _ device.Buffer, c device.Conv3x3) {
	d.need(9 * c.In * c.Out)
}

// Conv3x3BackwardWeights has sums of its threads.
func (d *Device) Conv3x3BackwardWeights(_, _, _ device.Buffer, c device.Conv3x3) {
	if d.Card {
		d.need(cardChunks(c.Rows(), (9*c.In+127)/128*((c.Out+127)/128)) * 9 * c.In * c.Out)
		return
	}
	d.need(4 * 9 * c.In * c.Out)
}

// partsOfColumns is the number of parts in which a batch norm adds up its columns.
const partsOfColumns = 64

// BatchStats adds up in parts.
func (d *Device) BatchStats(_, _ device.Buffer, _ device.Running, _, cols int, _, _ float32) {
	if d.Card {
		d.need((cardNormBlocks + 2) * 2 * cols)
		return
	}
	d.need(partsOfColumns*4*cols + 3*cols)
}

// BatchNormBackward adds up in parts.
func (d *Device) BatchNormBackward(_, _, _, _, _, _, _, _, _ device.Buffer, _, cols int, _ bool) {
	if d.Card {
		d.need((cardNormBlocks + 2) * 2 * cols)
		return
	}
	d.need(partsOfColumns*4*cols + 3*cols)
}

// AttentionPool keeps q wk, the pooled rows and the weights of each head.
func (d *Device) AttentionPool(_, _, _, _, _ device.Buffer, a device.AttentionPool) {
	if d.Card {
		n := cardPool(a)
		d.need(n*a.Heads*(2*a.Width+a.Tokens) + n*a.Width)
		return
	}
	d.need(a.Batch*a.Heads*(2*a.Width+a.Tokens) + roomOfProducts)
}

// AttentionPoolBackward keeps the gradient of each as well.
func (d *Device) AttentionPoolBackward(_, _, _, _, _, _, _, _, _ device.Buffer, a device.AttentionPool) {
	if d.Card {
		n := cardPool(a)
		d.need(n*a.Heads*(3*a.Width+2*a.Tokens) + n*a.Width)
		return
	}
	d.need(2*a.Batch*a.Heads*(2*a.Width+a.Tokens) + roomOfProducts)
}

// roomOfProducts is what a matrix product of any shape takes at most to pack its factors,
// in words: what the processor's backend was seen to have with one thread.
const roomOfProducts = 13150912 / 4

// CrossEntropyBackward comes with products, whose room is an eighth of the most.
func (d *Device) CrossEntropyBackward(_, _, _, _, _ device.Buffer, _, _ int, _ float32) {
	if !d.Card {
		d.need(roomOfProducts / 8)
	}
}

// bandOfRows is the number of rows of a similarity matrix that are there at a time.
const bandOfRows = 256

// needOfLoss is that of a loss over all pairs of n rows.
func (d *Device) needOfLoss(n int) {
	if d.Card {
		d.need(cardLoss(n))
		return
	}
	d.need((bandOfRows+4)*n + roomOfProducts)
}

// Contrastive has a band of the similarities.
func (d *Device) Contrastive(_, _, _, _, _ device.Buffer, n, _ int, _ float32) {
	d.needOfLoss(n)
}

// ContrastiveBackward has a band of the similarities.
func (d *Device) ContrastiveBackward(_, _, _, _, _, _, _ device.Buffer, n, _ int, _ float32) {
	d.needOfLoss(n)
}

// Siglip has a band of the similarities.
func (d *Device) Siglip(_, _, _, _, _ device.Buffer, n, _ int) {
	d.needOfLoss(n)
}

// SiglipBackward has a band of the similarities.
func (d *Device) SiglipBackward(_, _, _, _, _, _, _, _ device.Buffer, n, _ int) {
	d.needOfLoss(n)
}

// CrossEntropy has a figure a row.
func (d *Device) CrossEntropy(_, _, _, _, _ device.Buffer, rows, _ int) { d.need(rows) }
