//go:build cuda

package cuda

import (
	"fmt"

	"github.com/pairloom/pairloom/trainer/device"
	"gorgonia.org/cu"
)

// Mark notes the end of what is queued so far.
func (d *Device) Mark() device.Mark {
	m := d.progress.Next()
	d.queue <- command{mark: m}
	return m
}

// Wait waits until the queue has passed m. After Close it has passed them all.
func (d *Device) Wait(m device.Mark) error { return d.progress.Wait(m) }

// Sync waits for the queue.
func (d *Device) Sync() error {
	d.queue <- command{wait: true}
	return <-d.reply
}

// A passage is a place in the work's stream that the waiter waits for: then it copies
// what was fetched, passes the mark and answers who waits.
type passage struct {
	event cu.Event // none after a fault
	slot  *slot
	to    []byte
	mark  device.Mark
	wait  bool
	since span
	fault error // that the card was found with
}

// pass sends a passage after what the work's stream has.
func (d *Device) pass(p passage) {
	if d.faulted() == nil && d.broken == nil {
		var err error
		if p.event, err = d.event(); err == nil {
			err = plain(p.event.Record(d.work))
		}
		if err != nil {
			d.fail(d.since.String(), err)
		}
	}
	p.since = d.since
	d.since = span{}
	d.passing <- p
}

// event is one that is not in use.
func (d *Device) event() (cu.Event, error) {
	select {
	case e := <-d.events:
		return e, nil
	default:
	}
	e, err := cu.MakeEvent(cu.DisableTiming | cu.BlockingSyncEvent)
	return e, plain(err)
}

// recycle takes back an event.
func (d *Device) recycle(e cu.Event) {
	select {
	case d.events <- e:
	default:
		cu.DestroyEvent(&e)
	}
}

// blame finds where an error comes from that c met. A card that broke says so at the
// next call, whichever that is: then it was one of the launches that are still under way,
// and the waiter is the one who knows which those are.
func (d *Device) blame(c *command, err error) {
	card := plain(d.work.Query())
	if d.each || card == nil || is(card, notReady) {
		d.fail(c.String(), err)
		return
	}
	d.broken = card
	d.pass(passage{fault: card})
}

// waitForPassages is the goroutine that waits for the card, so that the queue's need
// not.
func (d *Device) waitForPassages() {
	defer close(d.waiting)
	if err := d.context.Lock(); err != nil {
		d.fail("wait", plain(err))
	}
	for p := range d.passing {
		if p.event != (cu.Event{}) {
			if err := p.event.Synchronize(); err != nil {
				d.fail(p.since.String(), plain(err))
			}
			d.recycle(p.event)
		}
		if p.fault != nil {
			d.fail(p.since.String(), p.fault)
		}
		if p.slot != nil {
			if d.faulted() == nil {
				copy(p.to, p.slot.host)
			}
			d.fetches <- p.slot
		}
		if p.mark != 0 {
			d.progress.Pass(p.mark, d.faulted())
		}
		if p.wait {
			d.reply <- d.faulted()
		}
	}
}

// fail keeps the first fault.
func (d *Device) fail(where string, err error) {
	err = fmt.Errorf("%s: %s: %w", d.name, where, err)
	d.fault.CompareAndSwap(nil, &err)
}

// faulted is the first fault, or nil.
func (d *Device) faulted() error {
	if err := d.fault.Load(); err != nil {
		return *err
	}
	return nil
}

// A span is the launches between two passages.
type span struct {
	count       int
	first, last command
}

func (s *span) add(c *command) {
	if s.count == 0 {
		s.first = *c
	}
	s.last = *c
	s.count++
}

// String names the launches of which one is to blame for an error that came later.
func (s *span) String() string {
	switch s.count {
	case 0:
		return "a copy"
	case 1:
		return s.first.String()
	}
	return fmt.Sprintf("one of %d launches, the first %s, the last %s (with PAIRLOOM_CUDA_SYNC=1 in the environment each is waited for, and the right one named)", s.count, &s.first, &s.last)
}
