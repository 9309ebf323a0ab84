package conformance

import (
	"fmt"
	"math"

	"github.com/pairloom/pairloom/trainer/device"
)

// crossEntropy has rows with one target, several, a repeated one and none.
func crossEntropy(rows, classes int) operation {
	const weight = 0.5
	offsets, targets := []int32{0}, []int32{}
	for r := range rows {
		for k := range (r + 1) % 4 {
			targets = append(targets, int32((r*7+k*3)%classes))
		}
		offsets = append(offsets, int32(len(targets)))
	}
	return operation{
		name: fmt.Sprintf("crossentropy/%dx%d", rows, classes), inputs: []int{rows * classes}, output: 1,
		forward: func(in [][]float64) []float64 {
			var loss float64
			for r := range rows {
				row, own := in[0][r*classes:(r+1)*classes], targets[offsets[r]:offsets[r+1]]
				for _, t := range own {
					var sum float64
					for _, v := range row {
						sum += math.Exp(v - row[t])
					}
					loss += math.Log(sum) / float64(len(own)*rows)
				}
			}
			return []float64{loss}
		},
		device: func(b *bench, in []device.Buffer, dy device.Buffer) (device.Buffer, []device.Buffer) {
			loss, lse := b.zeros(1), b.zeros(rows)
			ids, at := b.ints(append(targets, 0)...), b.ints(offsets...)
			b.CrossEntropy(loss, lse, in[0], ids, at, rows, classes)
			b.CrossEntropyBackward(in[0], lse, in[0], ids, at, rows, classes, weight)
			values := b.read(in[0])
			for i := range values {
				values[i] /= weight
			}
			b.Write(in[0], values)
			b.times(dy, in[0])
			return loss, []device.Buffer{in[0]}
		},
		tolerance: 2e-6,
	}
}
