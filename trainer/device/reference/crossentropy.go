package reference

import (
	"math"

	"github.com/pairloom/pairloom/trainer/device"
)

// CrossEntropy computes the mean over rows of the log-sum-exp of a row's logits
// minus the mean logit of its targets.
func (d *Device) CrossEntropy(lossb, lseb, logitsb, targetsb, offsetsb device.Buffer, rows, classes int) {
	const op = "cross entropy"
	loss, lse, logits := floats(op, lossb, 1), floats(op, lseb, rows), floats(op, logitsb, rows*classes)
	offsets := ints(op, offsetsb, rows+1)
	targets := ints(op, targetsb, int(offsets[rows]))
	var total float64
	for r := range rows {
		row, own := logits[r*classes:(r+1)*classes], targets[offsets[r]:offsets[r+1]]
		top := math.Inf(-1)
		for _, v := range row {
			top = max(top, float64(v))
		}
		var sum, mean float64
		for _, v := range row {
			sum += math.Exp(float64(v) - top)
		}
		lse[r] = float32(top + math.Log(sum))
		if len(own) == 0 {
			continue
		}
		for _, t := range own {
			mean += float64(row[t]) / float64(len(own))
		}
		total += top + math.Log(sum) - mean
	}
	loss[0] = float32(total / float64(rows))
}

// CrossEntropyBackward computes dlogits = weight (softmax - share of targets) /
// rows.
func (d *Device) CrossEntropyBackward(dlogitsb, lseb, logitsb, targetsb, offsetsb device.Buffer, rows, classes int, weight float32) {
	const op = "cross entropy backward"
	dlogits, lse, logits := floats(op, dlogitsb, rows*classes), floats(op, lseb, rows), floats(op, logitsb, rows*classes)
	offsets := ints(op, offsetsb, rows+1)
	targets := ints(op, targetsb, int(offsets[rows]))
	for r := range rows {
		own, share := targets[offsets[r]:offsets[r+1]], float64(weight)/float64(rows)
		if len(own) == 0 {
			share = 0
		}
		for c := range classes {
			at := r*classes + c
			dlogits[at] = float32(share * math.Exp(float64(logits[at])-float64(lse[r])))
		}
		for _, t := range own {
			dlogits[r*classes+int(t)] -= float32(share / float64(len(own)))
		}
	}
}
