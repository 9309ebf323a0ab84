package trainer

import (
	"time"

	"github.com/pairloom/pairloom/trainer/device"
)

const (
	peakSide = 1024 // rows and columns of the matrices that are multiplied
	peakTime = 300 * time.Millisecond
)

// measurePeak multiplies matrices for a while and returns the operations a
// second of the fastest product: what a training step could reach at most.
func measurePeak(d device.Device) (float64, error) {
	pool := device.NewPool(d)
	defer pool.Close()
	a, b, c := pool.Get(peakSide*peakSide), pool.Get(peakSide*peakSide), pool.Get(peakSide*peakSide)
	if err := pool.Err(); err != nil {
		return 0, err
	}
	d.Fill(a, 0.5)
	d.Fill(b, 0.25)
	best := time.Duration(0)
	for start := time.Now(); time.Since(start) < peakTime; {
		if err := d.Sync(); err != nil {
			return 0, err
		}
		began := time.Now()
		d.MatMul(c, a, b, peakSide, peakSide, peakSide, false, true, 0)
		if err := d.Sync(); err != nil {
			return 0, err
		}
		if took := time.Since(began); best == 0 || took < best {
			best = took
		}
	}
	return 2 * peakSide * peakSide * peakSide / best.Seconds(), nil
}
