//go:build cuda

package cuda

import (
	"fmt"
	"runtime"

	"github.com/pairloom/pairloom/trainer/device"
	"gorgonia.org/cu"
)

// leastDriver is the version of CUDA that the driver must be for at least.
const leastDriver = 12000

// A Card is what the driver says of one. Fault is "" where it can be used, else what is the
// matter, and Cure what to do.
type Card struct {
	Name         string
	Memory, Free int64 // bytes; Free is 0 where it cannot be known
	Major, Minor int   // compute capability
	Fault, Cure  string
}

// Driver is the version of CUDA that the driver is for, such as 12090; 0 without one.
func Driver() int {
	driverState() // opens it
	return max(0, cu.Version())
}

// Version writes such a version as 12.9.
func Version(v int) string { return fmt.Sprintf("%d.%d", v/1000, v%1000/10) }

// unusable is the fault of a device by its name.
func unusable(name, what, cure string) error {
	return &device.Unusable{Device: name, What: what, Cure: cure}
}

// driverFault says why no card can be used; nil where the driver is well.
func driverFault(name string) error {
	const hidden = "nvidia-smi shows what it sees; CUDA_VISIBLE_DEVICES may hide one, and a container needs to be given it (docker run --gpus all)"
	why, state := driverState()
	switch {
	case why != "":
		return unusable(name, "NVIDIA's driver is not there ("+why+")", "install it, or in a container start that with the card (docker run --gpus all)")
	case is(state, noDevice):
		return unusable(name, "the driver sees no card", hidden)
	case is(state, driverMismatch):
		return unusable(name, state.Error(), "the driver was replaced while its old part runs on in the kernel: restart the machine")
	case is(state, notFound):
		return unusable(name, "the driver is too old", "install one of CUDA "+Version(leastDriver)+" or later")
	case state != nil:
		return unusable(name, "the driver does not start: "+state.Error(), "nvidia-smi may tell more")
	}
	if v := Driver(); v < leastDriver {
		return unusable(name, "the driver is of CUDA "+Version(v), "install one of CUDA "+Version(leastDriver)+" or later")
	}
	switch count, err := cu.NumDevices(); {
	case err != nil:
		return unusable(name, "the driver does not count its cards: "+plain(err).Error(), "nvidia-smi may tell more")
	case count == 0:
		return unusable(name, "the driver sees no card", hidden)
	}
	return nil
}

// Cards are those that the driver sees; the error, a [device.Unusable], says why there are none.
func Cards() ([]Card, error) {
	if err := driverFault("cuda"); err != nil {
		return nil, err
	}
	count, err := cu.NumDevices()
	if err != nil {
		return nil, plain(err)
	}
	cards := make([]Card, count)
	for i := range cards {
		if cards[i], _, err = look(i); err != nil {
			return nil, err
		}
		if cards[i].Fault == "" {
			cards[i].measure(i)
		}
	}
	return cards, nil
}

// Find is card n; the error, a [device.Unusable], says why it cannot be used.
func Find(n int) (Card, error) {
	c, _, err := find(n)
	if err != nil {
		return Card{}, err
	}
	c.measure(n)
	if c.Fault != "" {
		return Card{}, unusable(name(n), c.Fault, c.Cure)
	}
	return c, nil
}

func name(n int) string { return fmt.Sprintf("cuda:%d", n) }

func find(n int) (Card, cu.Device, error) {
	if err := driverFault(name(n)); err != nil {
		return Card{}, 0, err
	}
	count, err := cu.NumDevices()
	if err != nil {
		return Card{}, 0, plain(err)
	}
	if n >= count {
		there := "cuda:0 is the only card"
		if count > 1 {
			there = fmt.Sprintf("there are %d cards, cuda:0 to cuda:%d", count, count-1)
		}
		return Card{}, 0, unusable(name(n), there, "name one of them, or say auto")
	}
	c, card, err := look(n)
	if err == nil && c.Fault != "" {
		err = unusable(name(n), c.Fault, c.Cure)
	}
	return c, card, err
}

// look asks for what is known without work on the card.
func look(n int) (c Card, card cu.Device, err error) {
	ask := func(f func() error) {
		if err == nil {
			err = plain(f())
		}
	}
	ask(func() (err error) { card, err = cu.GetDevice(n); return err })
	ask(func() (err error) { c.Name, err = card.Name(); return err })
	ask(func() (err error) { c.Memory, err = card.TotalMem(); return err })
	ask(func() (err error) { c.Major, c.Minor, err = card.ComputeCapability(); return err })
	if err != nil {
		return c, card, fmt.Errorf("ask for card %d: %w", n, err)
	}
	if c.Major < 8 {
		c.Fault = fmt.Sprintf("%s has compute capability %d.%d and no bf16", c.Name, c.Major, c.Minor)
		c.Cure = "use a card of 8.0 or later (A100, RTX 30, and what came after)"
	}
	return c, card, nil
}

// measure asks how much memory is free, which takes a context.
func (c *Card) measure(n int) {
	done := make(chan struct{})
	go func() { // its thread has the context and ends with it
		defer close(done)
		runtime.LockOSThread()
		card := cu.Device(n)
		context, err := card.RetainPrimaryCtx()
		if err != nil {
			c.Fault, c.Cure = busy(c.Name, plain(err))
			return
		}
		defer card.ReleasePrimaryCtx()
		if cu.SetCurrentContext(context) == nil {
			c.Free, _, _ = cu.MemInfo()
		}
	}()
	<-done
}

// busy says why a card gives no context.
func busy(card string, err error) (fault, cure string) {
	switch {
	case is(err, deviceUnavailable):
		return card + " is busy: another program has it for itself", "nvidia-smi names that program"
	case is(err, outOfMemory):
		return card + " has no memory left", "nvidia-smi names the programs that hold it"
	}
	return card + " does not start: " + err.Error(), "nvidia-smi may tell more"
}
