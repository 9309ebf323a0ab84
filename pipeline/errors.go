package pipeline

import (
	"errors"
	"fmt"
)

// A ConfigurationError is a fault of the settings or of the order in which
// stages were asked for: the user must change something before it can go on.
type ConfigurationError struct{ Err error }

func (e *ConfigurationError) Error() string { return e.Err.Error() }
func (e *ConfigurationError) Unwrap() error { return e.Err }

func configurationError(format string, args ...any) error {
	return &ConfigurationError{fmt.Errorf(format, args...)}
}

// ErrNothingKept is wrapped when a stage did its work and nothing is left for
// the next one.
var ErrNothingKept = errors.New("nothing was kept")

// A LockedError says who works in the folder.
type LockedError struct{ Dir, Holder string }

func (e *LockedError) Error() string {
	return fmt.Sprintf("%s is in use by %s; wait for it to end", e.Dir, e.Holder)
}
