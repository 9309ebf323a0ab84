package cpu

import "github.com/pairloom/pairloom/trainer/device"

// Mark notes the end of what is queued so far.
func (d *Device) Mark() device.Mark {
	m := d.progress.Next()
	d.queue <- command{mark: m}
	return m
}

// Wait waits until the queue has passed m. After Close it has passed them all.
func (d *Device) Wait(m device.Mark) error { return d.progress.Wait(m) }
