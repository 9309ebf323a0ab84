package reference

import "github.com/pairloom/pairloom/trainer/device"

// Gather computes y[i] = table[ids[i]] + beta y[i].
func (d *Device) Gather(yb, tableb, idsb device.Buffer, rows, cols int, beta float32) {
	y, table, ids := floats("gather", yb, rows*cols), floats("gather", tableb, tableb.Len), ints("gather", idsb, rows)
	for i, id := range ids {
		for j := range cols {
			v := float32(0)
			if beta != 0 {
				v = beta * y[i*cols+j]
			}
			if id >= 0 {
				v += table[int(id)*cols+j]
			}
			y[i*cols+j] = v
		}
	}
}

// GatherBackward computes dtable[ids[i]] += dy[i].
func (d *Device) GatherBackward(dtableb, dyb, idsb device.Buffer, rows, cols int) {
	dtable := floats("gather backward", dtableb, dtableb.Len)
	dy, ids := floats("gather backward", dyb, rows*cols), ints("gather backward", idsb, rows)
	for i, id := range ids {
		if id < 0 {
			continue
		}
		for j := range cols {
			dtable[int(id)*cols+j] += dy[i*cols+j]
		}
	}
}
