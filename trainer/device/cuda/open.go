//go:build cuda

package cuda

import (
	"fmt"

	"github.com/pairloom/pairloom/trainer/device"
	"gorgonia.org/cu"
)

// start opens card n on the queue's goroutine.
func (d *Device) start(n int) error {
	c, card, err := find(n)
	if err != nil {
		return err
	}
	d.card, d.name = card, fmt.Sprintf("%s (%s)", name(n), c.Name)
	if d.context, err = card.RetainPrimaryCtx(); err != nil {
		what, cure := busy(c.Name, plain(err))
		return unusable(name(n), what, cure)
	}
	if err := d.prepare(); err != nil {
		d.stop()
		if is(err, outOfMemory) {
			what, cure := busy(c.Name, outOfMemory)
			return unusable(name(n), what, cure)
		}
		return fmt.Errorf("open device %s: %w", name(n), err)
	}
	go d.waitForPassages()
	return nil
}

func (d *Device) prepare() (err error) {
	if err := d.context.Lock(); err != nil {
		return plain(err)
	}
	if err := keepPool(d.card); err != nil {
		return err
	}
	if d.work, err = cu.MakeStream(cu.NonBlocking); err != nil {
		return plain(err)
	}
	if d.copies, err = cu.MakeStream(cu.NonBlocking); err != nil {
		return plain(err)
	}
	if err := d.lt.open(); err != nil {
		return err
	}
	return d.kernels.open()
}

// stop gives back what start took. After a fault the driver may refuse: the context goes
// all the same.
func (d *Device) stop() {
	d.work.Synchronize()
	d.copies.Synchronize()
	for at := range d.live {
		freeAsync(at, d.work)
	}
	d.uploads.close()
	d.bulk.close()
	for range len(d.fetches) {
		(<-d.fetches).free()
	}
	for range len(d.events) {
		e := <-d.events
		cu.DestroyEvent(&e)
	}
	d.profile.close()
	d.lt.close()
	d.kernels.close()
	d.copies.Destroy()
	d.work.Destroy()
	d.card.ReleasePrimaryCtx()
}

// noMemory says that there is no room for so many bytes.
func (d *Device) noMemory(bytes int) error {
	free, total, err := cu.MemInfo()
	if err != nil {
		return plain(err)
	}
	const mega = 1e6
	return fmt.Errorf("allocate %.1f MB on %s, of whose %.0f MB this program holds %.0f MB and %.0f MB are free: %w",
		float64(bytes)/mega, d.name, float64(total)/mega, float64(d.held.Load())/mega, float64(free)/mega, device.ErrMemory)
}
