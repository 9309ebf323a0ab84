package device

import "sync"

// Progress is how far a backend's queue is, for its Mark and Wait; see NewProgress.
type Progress struct {
	last Mark // that was given out; of the caller's goroutine alone

	lock   *sync.Mutex
	moved  *sync.Cond
	passed Mark
	fault  error // of the work before passed
}

// NewProgress is that of a queue at its start.
func NewProgress() Progress {
	lock := new(sync.Mutex)
	return Progress{lock: lock, moved: sync.NewCond(lock)}
}

// Next gives out a mark, which the backend enqueues.
func (p *Progress) Next() Mark {
	p.last++
	return p.last
}

// Pass says that the work before m has ended, and with which fault.
func (p *Progress) Pass(m Mark, fault error) {
	p.lock.Lock()
	p.passed, p.fault = m, fault
	p.lock.Unlock()
	p.moved.Broadcast()
}

// Wait waits until m has been passed and returns the fault of the work before it. A mark
// that Next did not give out panics.
func (p *Progress) Wait(m Mark) error {
	if m > p.last {
		panic("wait: a mark that this device did not make")
	}
	p.lock.Lock()
	defer p.lock.Unlock()
	for p.passed < m {
		p.moved.Wait()
	}
	return p.fault
}
