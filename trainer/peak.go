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
	if peak, err = measurePeak(d, factors); err != nil {
		return 0, err
	}
	if peaks.of == nil {
		peaks.of = map[peakKey]float64{}
	}
	peaks.of[key] = peak
	return peak, nil
}

// measurePeak multiplies matrices for a while and returns the operations a
// second of the fastest product: what a training step could reach at most.
func measurePeak(d device.Device, factors device.Type) (float64, error) {
	pool := device.NewPool(d)
	defer pool.Close()
	const words = peakSide * peakSide
	a, b, c := pool.Get(factors, words), pool.Get(factors, words), pool.Get(factors, words)
	if err := pool.Err(); err != nil {
		return 0, err
	}
	d.Fill(a, 0.5)
	d.Fill(b, 0.25)
	best := time.Duration(0)
	for start := time.Now(); best == 0 || time.Since(start) < peakTime; {
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
