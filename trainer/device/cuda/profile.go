//go:build cuda

package cuda

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"gorgonia.org/cu"
)

// Share is the time that one kernel, or one operation's products, took on the card.
type Share struct {
	Operation string
	Calls     int64
	Time      time.Duration
}

// profile holds the events before and after each launch since it was last read.
type profile struct {
	on     bool
	timed  []timed
	free   []cu.Event
	shares map[string]*Share
}

type timed struct {
	name          string
	before, after cu.Event
}

// mostTimed is the number of launches after which the card is waited for, so that events do
// not pile up.
const mostTimed = 8192

func (p *profile) event(s cu.Stream) (e cu.Event, err error) {
	if n := len(p.free); n > 0 {
		e, p.free = p.free[n-1], p.free[:n-1]
	} else if e, err = cu.MakeEvent(cu.DefaultEvent); err != nil {
		return e, plain(err)
	}
	return e, plain(e.Record(s))
}

// around runs a launch between two events.
func (p *profile) around(name string, s cu.Stream, run func() error) error {
	if !p.on {
		return run()
	}
	before, err := p.event(s)
	if err != nil {
		return err
	}
	if err := run(); err != nil {
		return err
	}
	after, err := p.event(s)
	if err != nil {
		return err
	}
	p.timed = append(p.timed, timed{name, before, after})
	if len(p.timed) < mostTimed {
		return nil
	}
	return p.gather()
}

// gather waits for the card and adds up what was timed.
func (p *profile) gather() error {
	for _, t := range p.timed {
		if err := t.after.Synchronize(); err != nil {
			return plain(err)
		}
		took, err := t.before.Elapsed(t.after)
		if err != nil {
			return plain(err)
		}
		s := p.shares[t.name]
		if s == nil {
			s = &Share{Operation: t.name}
			p.shares[t.name] = s
		}
		s.Calls++
		s.Time += time.Duration(took * float64(time.Millisecond))
		p.free = append(p.free, t.before, t.after)
	}
	p.timed = p.timed[:0]
	return nil
}

func (p *profile) close() {
	for _, t := range p.timed {
		p.free = append(p.free, t.before, t.after)
	}
	for i := range p.free {
		cu.DestroyEvent(&p.free[i])
	}
}

// Profile waits for the queue, and returns where the card's time went since the last
// call, the longest first: by kernel, and products by their operation. The first call
// turns the clocks on; they cost two events a launch.
func (d *Device) Profile() ([]Share, error) {
	var shares []Share
	err := d.call("profile", func() error {
		p := &d.profile
		if err := p.gather(); err != nil {
			return err
		}
		for _, s := range p.shares {
			shares = append(shares, *s)
		}
		p.on, p.shares = true, map[string]*Share{}
		return nil
	})
	slices.SortFunc(shares, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), strings.Compare(a.Operation, b.Operation))
	})
	return shares, err
}
