//go:build cuda

package cuda

import (
	"errors"
	"fmt"

	"gorgonia.org/cu"
)

// leastDriver is the version of CUDA that the driver must have at least.
const leastDriver = 12000

// ErrMissing is wrapped by errors of Open that no other call will mend: there is no driver,
// or no such card.
var ErrMissing = errors.New("no card that pairloom can use")

// ready finds card n, or says what is missing.
func ready(n int) (cu.Device, error) {
	state, why := driverState()
	switch {
	case why != "":
		return 0, fmt.Errorf("%w: the driver's library could not be opened (%s); install NVIDIA's driver, or in a container start it with the card (docker run --gpus all)", ErrMissing, why)
	case is(state, noDevice):
		return 0, fmt.Errorf("%w: the driver sees no card; nvidia-smi shows what it sees, and CUDA_VISIBLE_DEVICES may hide one", ErrMissing)
	case is(state, driverMismatch):
		return 0, fmt.Errorf("%w: %w; the kernel's part of the driver and its library are of two versions: restart the machine", ErrMissing, state)
	case state != nil:
		return 0, fmt.Errorf("%w: the driver does not start: %w", ErrMissing, state)
	}
	if v := cu.Version(); v < leastDriver {
		return 0, fmt.Errorf("%w: the driver is of CUDA %s, at least %s is needed; install a newer driver", ErrMissing, version(v), version(leastDriver))
	}
	count, err := cu.NumDevices()
	switch {
	case err != nil:
		return 0, plain(err)
	case count == 0:
		return 0, fmt.Errorf("%w: the driver sees no card; nvidia-smi shows what it sees, and CUDA_VISIBLE_DEVICES may hide one", ErrMissing)
	case n >= count:
		return 0, fmt.Errorf("%w: the driver sees %d, from cuda:0 to cuda:%d", ErrMissing, count, count-1)
	}
	card, err := cu.GetDevice(n)
	if err != nil {
		return 0, plain(err)
	}
	name, err := card.Name()
	if err != nil {
		return 0, plain(err)
	}
	major, minor, err := card.ComputeCapability()
	if err != nil {
		return 0, plain(err)
	}
	if major < 8 {
		return 0, fmt.Errorf("%w: %s has compute capability %d.%d, at least 8.0 is needed, with which bf16 came (A100, RTX 30 and what came after)", ErrMissing, name, major, minor)
	}
	return card, nil
}

func version(v int) string { return fmt.Sprintf("%d.%d", v/1000, v%1000/10) }

// start opens card n on the queue's goroutine.
func (d *Device) start(n int) error {
	var err error
	if d.card, err = ready(n); err != nil {
		return err
	}
	name, err := d.card.Name()
	if err != nil {
		return plain(err)
	}
	d.name = fmt.Sprintf("cuda:%d (%s)", n, name)
	if d.context, err = d.card.RetainPrimaryCtx(); err != nil {
		switch err := plain(err); {
		case is(err, deviceUnavailable):
			return fmt.Errorf("%s is busy: another program has it for itself; nvidia-smi names it", name)
		case is(err, outOfMemory):
			return fmt.Errorf("%s has no memory left: other programs hold it; nvidia-smi names them", name)
		default:
			return err
		}
	}
	if err := d.prepare(); err != nil {
		d.stop()
		return err
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
	d.fetches = make(chan *slot, fetchCount)
	for range fetchCount {
		s, err := newSlot(fetchBytes)
		if err != nil {
			return err
		}
		d.fetches <- s
	}
	if err := d.uploads.open(); err != nil {
		return err
	}
	if err := d.bulk.open(); err != nil {
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
		float64(bytes)/mega, d.name, float64(total)/mega, float64(d.held.Load())/mega, float64(free)/mega, ErrMemory)
}

// ErrMemory is wrapped where the card has no memory left.
var ErrMemory = errors.New("out of memory; a smaller batch or model needs less")
