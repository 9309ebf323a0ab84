package cpu

import (
	"sync"

	"github.com/pairloom/pairloom/trainer/device"
)

// marks tells who waits how far the queue is.
type marks struct {
	last device.Mark // that was given out; of the caller's goroutine alone

	lock   *sync.Mutex
	moved  *sync.Cond
	passed device.Mark
	fault  error // of the work before passed
}

func newMarks() marks {
	lock := new(sync.Mutex)
	return marks{lock: lock, moved: sync.NewCond(lock)}
}

// pass says that the queue has come to m.
func (q *marks) pass(m device.Mark, fault error) {
	q.lock.Lock()
	q.passed, q.fault = m, fault
	q.lock.Unlock()
	q.moved.Broadcast()
}

// Mark notes the end of what is queued so far.
func (d *Device) Mark() device.Mark {
	d.marks.last++
	d.queue <- command{mark: d.marks.last}
	return d.marks.last
}

// Wait waits until the queue has passed m. After Close it has passed them all.
func (d *Device) Wait(m device.Mark) error {
	q := &d.marks
	if m > q.last {
		panic("wait: a mark that this device did not make")
	}
	q.lock.Lock()
	defer q.lock.Unlock()
	for q.passed < m {
		q.moved.Wait()
	}
	return q.fault
}
