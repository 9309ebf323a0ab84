package reference

import "github.com/pairloom/pairloom/trainer/device"

// Gather computes y[i] = table[ids[i]] + beta y[i].
func (d *Device) Gather(yb, tableb, idsb device.Buffer, rows, cols int, beta float32) {
	const op = "gather"
	y, store := out(op, activations(op, yb), yb, rows*cols)
	defer store()
	table, ids := in(op, tableType(yb, tableb), tableb, tableb.Len), ints(op, idsb, rows)
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
	const op = "gather backward"
	dtable, store := out(op, tableType(dyb, dtableb), dtableb, dtableb.Len)
	defer store()
	dy, ids := in(op, activations(op, dyb), dyb, rows*cols), ints(op, idsb, rows)
	sum := widen(dtable)
	for i, id := range ids {
		if id < 0 {
			continue
		}
		for j := range cols {
			sum[int(id)*cols+j] += float64(dy[i*cols+j])
		}
	}
	narrow(dtable, sum)
}

// tableType is that of the table from which rows as y come: y's, or F32.
func tableType(y, table device.Buffer) device.Type {
	if table.Type == y.Type {
		return y.Type
	}
	return device.F32
}
