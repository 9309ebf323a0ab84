package reference

import (
	"math"
	"slices"

	"github.com/pairloom/pairloom/trainer/device"
)

// head walks one head of one sequence: q, k, v give component c of a row.
type head struct {
	qkv                 []float32
	first, n, width     int
	offset, size, heads int
	number              int
	causal              bool
}

func (h head) at(part, row, c int) float64 {
	return float64(h.qkv[(h.first+row)*3*h.width+part*h.width+h.offset+c])
}

// seen is the number of rows that row i attends to.
func (h head) seen(i int) int {
	if h.causal {
		return i + 1
	}
	return h.n
}

func (h head) score(i, j int) float64 {
	var s float64
	for c := range h.size {
		s += h.at(0, i, c) * h.at(1, j, c)
	}
	return s / math.Sqrt(float64(h.size))
}

func eachHead(qkv []float32, offsets []int32, a device.AttentionShape, visit func(head)) {
	size := a.Width / a.Heads
	for s := range a.Sequences {
		first, n := int(offsets[s]), int(offsets[s+1]-offsets[s])
		for number := range a.Heads {
			visit(head{qkv, first, n, a.Width, number * size, size, a.Heads, number, a.Causal})
		}
	}
}

// Attention computes out = softmax(q k^t / sqrt(size)) v and the rows' lse.
func (d *Device) Attention(outb, lseb, qkvb, offsetsb device.Buffer, a device.AttentionShape) {
	const op = "attention"
	t := activations(op, outb)
	out, store := out(op, t, outb, a.Rows*a.Width)
	defer store()
	lse, qkv := floats(op, lseb, a.Rows*a.Heads), in(op, t, qkvb, a.Rows*3*a.Width)
	offsets := ints(op, offsetsb, a.Sequences+1)
	eachHead(qkv, offsets, a, func(h head) {
		for i := range h.n {
			scores := make([]float64, h.seen(i))
			for j := range scores {
				scores[j] = h.score(i, j)
			}
			top := slices.Max(scores)
			var total float64
			row := make([]float64, h.size)
			for j, score := range scores {
				p := math.Exp(score - top)
				total += p
				for c := range row {
					row[c] += p * h.at(2, j, c)
				}
			}
			for c, v := range row {
				out[(h.first+i)*h.width+h.offset+c] = float32(v / total)
			}
			lse[(h.first+i)*h.heads+h.number] = float32(top + math.Log(total))
		}
	})
}

// AttentionBackward computes dqkv. With P the probabilities, dP = dout v^t and
// D = sum(dout*out): dv = P^t dout, dS = P*(dP-D)/sqrt(size), dq = dS k,
// dk = dS^t q.
func (d *Device) AttentionBackward(dqkvb, doutb, outb, lseb, qkvb, offsetsb device.Buffer, a device.AttentionShape) {
	const op = "attention backward"
	t := activations(op, dqkvb)
	result, store := out(op, t, dqkvb, a.Rows*3*a.Width)
	defer store()
	qkv, dqkv := in(op, t, qkvb, a.Rows*3*a.Width), make([]float64, a.Rows*3*a.Width)
	dout, out := in(op, t, doutb, a.Rows*a.Width), in(op, t, outb, a.Rows*a.Width)
	lse, offsets := floats(op, lseb, a.Rows*a.Heads), ints(op, offsetsb, a.Sequences+1)
	eachHead(qkv, offsets, a, func(h head) {
		for i := range h.n {
			at := (h.first+i)*h.width + h.offset
			var sum float64
			for c := range h.size {
				sum += float64(dout[at+c]) * float64(out[at+c])
			}
			for j := range h.seen(i) {
				p := math.Exp(h.score(i, j) - float64(lse[(h.first+i)*h.heads+h.number]))
				var dp float64
				for c := range h.size {
					dp += float64(dout[at+c]) * h.at(2, j, c)
				}
				ds := p * (dp - sum) / math.Sqrt(float64(h.size))
				rowI, rowJ := (h.first+i)*3*h.width+h.offset, (h.first+j)*3*h.width+h.offset
				for c := range h.size {
					dqkv[rowI+c] += ds * h.at(1, j, c)
					dqkv[rowJ+h.width+c] += ds * h.at(0, i, c)
					dqkv[rowJ+2*h.width+c] += p * float64(dout[at+c])
				}
			}
		}
	})
	narrow(result, dqkv)
}
