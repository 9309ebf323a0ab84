package reference

import "github.com/pairloom/pairloom/trainer/device"

// Bias computes y[i,j] += bias[j].
func (d *Device) Bias(yb, biasb device.Buffer, rows, cols int) {
	const op = "bias"
	y, store := out(op, activations(op, yb), yb, rows*cols)
	defer store()
	bias := floats(op, biasb, cols)
	for i := range rows {
		for j := range cols {
			y[i*cols+j] += bias[j]
		}
	}
}

// BiasBackward computes dbias[j] += sum over i of dy[i,j].
func (d *Device) BiasBackward(dbiasb, dyb device.Buffer, rows, cols int) {
	const op = "bias backward"
	dbias, dy := floats(op, dbiasb, cols), in(op, activations(op, dyb), dyb, rows*cols)
	for j := range cols {
		sum := float64(dbias[j])
		for i := range rows {
			sum += float64(dy[i*cols+j])
		}
		dbias[j] = float32(sum)
	}
}
