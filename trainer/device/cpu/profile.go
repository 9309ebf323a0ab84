package cpu

import (
	"cmp"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Share is the time that one kind of operation took.
type Share struct {
	Operation string
	Calls     int64
	Time      time.Duration
}

// add counts one call. Operations are told apart by the function that runs
// them, so that no operation need name itself.
func (d *Device) add(run func(*Device, *command), took time.Duration) {
	at := reflect.ValueOf(run).Pointer()
	s := d.shares[at]
	if s == nil {
		s = &Share{Operation: operationName(at)}
		d.shares[at] = s
	}
	s.Calls++
	s.Time += took
}

// operationName is the method of Device that queued the function at pc.
func operationName(pc uintptr) string {
	name := runtime.FuncForPC(pc).Name()
	name = strings.TrimPrefix(name[strings.LastIndexByte(name, '/')+1:], "cpu.")
	name = strings.TrimPrefix(name, "(*Device).")
	name, _, _ = strings.Cut(name, ".")
	return strings.ToLower(name)
}

// Profile waits for the queue, and returns where its time went since the last
// call, the longest first. "idle" is the time between operations, in which
// the device waited for its caller.
func (d *Device) Profile() ([]Share, error) {
	var shares []Share
	d.queue <- command{wait: true, run: func(d *Device, _ *command) {
		for _, s := range d.shares {
			shares = append(shares, *s)
		}
		shares = append(shares, Share{"idle", d.idle.Calls, d.idle.Time})
		clear(d.shares)
		d.idle = Share{}
	}}
	err := <-d.reply
	slices.SortFunc(shares, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), strings.Compare(a.Operation, b.Operation))
	})
	return shares, err
}
