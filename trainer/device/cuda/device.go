//go:build cuda

package cuda

import (
	"fmt"
	"os"
	"sync/atomic"

	"github.com/pairloom/pairloom/trainer/device"
	"gorgonia.org/cu"
)

// queueLength is the number of commands that may wait: more than a step of a
// deep model has, so that the host runs ahead.
const queueLength = 4096

// Options say how a device computes.
type Options struct {
	TF32 bool // products of F32 on tensor cores, with factors of 10 bits of fraction
}

// Device is one card.
type Device struct {
	options  Options
	name     string
	queue    chan command
	reply    chan error
	progress device.Progress
	fault    atomic.Pointer[error] // the first
	held     atomic.Int64          // bytes of device memory
	peak     atomic.Int64
	each     bool // wait for each launch, so that a fault is found where it is

	// Of the caller's goroutine.
	scratchAt   address
	scratchSize int
	band        int // bytes of a band of logits, bandBytes unless a test says less

	// The rest belongs to the queue's goroutine.
	card       cu.Device
	context    cu.CUContext
	work       cu.Stream
	copies     cu.Stream
	kernels    kernels
	live       map[address]int
	lt         lt
	profile    profile
	uploads    slots // of the work's stream
	bulk       slots // of the copies' stream
	passing    chan passage
	waiting    chan struct{} // closed when the waiter has ended
	events     chan cu.Event // for marks, to be used again
	fetches    chan *slot    // that no copy is under way through
	fetchSlots int           // that were made
	broken     error         // of the card, whose cause the waiter names
	since      span          // of launches after the last mark that has been passed without a fault
}

var _ device.Device = (*Device)(nil)

// A command is a launch, or what run does; run is called on the queue's goroutine.
type command struct {
	op     string
	launch launch
	args   arguments
	run    func() error
	what   func(op string) string // names a run that is a launch with its shape
	always bool                   // after a fault, too
	mark   device.Mark
	wait   bool
}

// Open starts card number n. The error, a [device.Unusable] where it has no such card to
// offer, says what is missing.
func Open(n int, o Options) (*Device, error) {
	d := &Device{
		options: o, queue: make(chan command, queueLength), reply: make(chan error, 1), progress: device.NewProgress(),
		each: os.Getenv("PAIRLOOM_CUDA_SYNC") == "1", live: map[address]int{},
		passing: make(chan passage, queueLength), waiting: make(chan struct{}), events: make(chan cu.Event, queueLength),
		fetches: make(chan *slot, fetchCount),
		uploads: slots{bytes: bulkBytes, count: 32}, bulk: slots{bytes: 4 << 20, count: 8},
	}
	go d.serve(n)
	if err := <-d.reply; err != nil {
		return nil, err
	}
	return d, nil
}

// serve runs the queue. Its thread has the card's context and is never unlocked: it
// ends with the goroutine.
func (d *Device) serve(n int) {
	err := d.start(n)
	d.reply <- err
	if err != nil {
		return
	}
	var c command // one for all, since its address is handed on
	for c = range d.queue {
		if d.faulted() == nil && d.broken == nil || c.always {
			if err := d.execute(&c); err != nil {
				d.blame(&c, err)
			}
		}
		if c.mark != 0 || c.wait {
			d.pass(passage{mark: c.mark, wait: c.wait})
		}
	}
	close(d.passing)
	<-d.waiting
	d.stop()
	d.reply <- d.faulted()
}

func (d *Device) execute(c *command) error {
	switch {
	case c.what != nil:
		if err := d.profile.around(c.op, d.work, c.run); err != nil {
			return err
		}
	case c.run != nil:
		return c.run()
	case c.launch.kernel != "":
		start := func() error { return d.kernels.launch(c, d.work) } // the first of a file loads it
		if err := d.profile.around(c.launch.kernel, d.work, func() error { return d.trimmed(start) }); err != nil {
			return err
		}
	default:
		return nil
	}
	d.since.add(c)
	if d.each {
		return plain(d.work.Synchronize())
	}
	return nil
}

// call runs f on the queue's goroutine, after what is queued, and waits for it.
func (d *Device) call(op string, f func() error) error {
	done := make(chan error, 1)
	d.queue <- command{op: op, always: true, run: func() error {
		err := d.faulted()
		if err == nil {
			err = f()
		}
		done <- err
		return nil
	}}
	return <-done
}

// do enqueues the launch of a kernel. Arguments are of type address, int (an int of the
// kernel), int64 (a long long), float32 or bool (an int, 0 or 1). A launch without
// blocks or threads is none.
func (d *Device) do(op string, l launch, args ...any) {
	c := command{op: op, launch: l}
	c.args.set(op, args)
	d.queue <- c
}

// Name names the card.
func (d *Device) Name() string { return d.name }

// Close waits for the queue, ends its thread and reports memory that was never
// freed.
func (d *Device) Close() error {
	scratch, size := d.scratchAt, d.scratchSize
	d.queue <- command{op: "close", always: true, run: func() error {
		if scratch != 0 {
			d.release(scratch, size)
		}
		if d.lt.workspace != 0 {
			d.release(d.lt.workspace, workspaceBytes)
		}
		return nil
	}}
	close(d.queue)
	err := <-d.reply
	if held := d.held.Swap(0); err == nil && held != 0 {
		err = fmt.Errorf("close device %s: %d bytes were not freed", d.name, held)
	}
	return err
}
