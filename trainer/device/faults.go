package device

import "errors"

// ErrMemory is wrapped by errors of Alloc, and of operations, where a device has no more
// memory to give.
var ErrMemory = errors.New("out of memory; a smaller batch or model needs less")

// Unusable is the error of a device that cannot be had as it is asked for: none of its
// work has begun.
type Unusable struct {
	Device string // as it was asked for
	What   string // is the matter
	Cure   string // what to do
}

func (u *Unusable) Error() string { return "open device " + u.Device + ": " + u.What + "; " + u.Cure }
