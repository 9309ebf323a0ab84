package trainer

import (
	"sync"
	"time"

	"github.com/pairloom/pairloom/trainer/device"
)

// peakSide is the number of rows and columns of the matrices that are multiplied.
const peakSide = 1024

// peakTime is how long they are at least; tests have no use for a good figure.
var peakTime = 300 * time.Millisecond

// peaks are the figures of the devices that were measured in this process, by
// name: a comparison starts many runs on one.
var peaks struct {
	sync.Mutex
	of map[peakKey]float64
}

type peakKey struct {
	device  string
	factors device.Type
}

// peakOf measures a device once for each type of factors.
func peakOf(d device.Device, factors device.Type) (peak float64, err error) {
	peaks.Lock()
	defer peaks.Unlock()
	key := peakKey{d.Name(), factors}
	if peak, there := peaks.of[key]; there {
		return peak, nil
	}
	if peak, err = productRate(d, factors, peakSide, peakSide, peakSide); err != nil {
		return 0, err
	}
	if peaks.of == nil {
		peaks.of = map[peakKey]float64{}
	}
	peaks.of[key] = peak
	return peak, nil
}

// productRate multiplies x[m,k] with w[n,k] for a while and returns the operations a
// second of the fastest product: what a training step could reach at most.
func productRate(d device.Device, factors device.Type, m, n, k int) (float64, error) {
	pool := device.NewPool(d)
	defer pool.Close()
	x, w, y := pool.Get(factors, m*k), pool.Get(factors, n*k), pool.Get(factors, m*n)
	if err := pool.Err(); err != nil {
		return 0, err
	}
	d.Fill(x, 0.5)
	d.Fill(w, 0.25)
	best := time.Duration(0)
	for start := time.Now(); best == 0 || time.Since(start) < peakTime; {
		if err := d.Sync(); err != nil {
			return 0, err
		}
		began := time.Now()
		d.MatMul(y, x, w, m, n, k, false, true, 0)
		if err := d.Sync(); err != nil {
			return 0, err
		}
		if took := time.Since(began); best == 0 || took < best {
			best = took
		}
	}
	return 2 * float64(m) * float64(n) * float64(k) / best.Seconds(), nil
}
