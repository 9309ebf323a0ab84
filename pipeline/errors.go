package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pairloom/pairloom/shard"
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

// nothingKept is the ErrNothingKept of a stage that dropped all there was.
type nothingKept struct{ *shard.Tally }

// Error names the reasons that count most.
func (e *nothingKept) Error() string {
	text := fmt.Sprintf("%s kept nothing of %d %s", e.Stage, e.In, e.Unit)
	var most []string
	for _, reason := range e.Reasons() {
		most = append(most, fmt.Sprintf("%s %s", reason, Grouped(e.Dropped[reason])))
	}
	if len(most) == 0 {
		return text
	}
	return text + " (" + strings.Join(most[:min(len(most), 3)], ", ") + ")"
}

func (e *nothingKept) Unwrap() error { return ErrNothingKept }

// A LockedError says who works in the folder.
type LockedError struct {
	Dir    string
	Holder Holder
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("%s is in use by %v; wait for it to end", e.Dir, &e.Holder)
}

// Why a context ended, as its cause (see [context.Cause]).
var (
	// ErrInterrupted is the cause of SIGINT, Ctrl-C.
	ErrInterrupted = errors.New("interrupted")
	// ErrTerminated is the cause of SIGTERM: training then saves, and ends as if
	// its time were up.
	ErrTerminated = errors.New("terminated")
	// ErrTimeUp is that of [WithLimit]: the budget is used up, which is no fault.
	ErrTimeUp = errors.New("time is up")
)

// A StoppedError says that work was stopped before its end, why, and what of it
// is kept. The next run goes on from there.
type StoppedError struct {
	Cause error  // ErrInterrupted, ErrTerminated, or ErrTimeUp with the time
	Kept  string // such as what keptOf says; "" when there is nothing to say
}

func (e *StoppedError) Error() string {
	text := e.Cause.Error()
	if e.Kept != "" {
		text += "; " + e.Kept
	}
	return text + "; run again to go on"
}

func (e *StoppedError) Unwrap() error { return e.Cause }

// Stopped makes a [StoppedError] of an error that says no more than that ctx
// ended, and returns all others, and those that ctx has no part in, as they are.
func Stopped(ctx context.Context, err error) error {
	var stopped *StoppedError
	if err == nil || ctx.Err() == nil || errors.As(err, &stopped) {
		return err
	}
	cause := context.Cause(ctx)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, cause) {
		return &StoppedError{Cause: cause}
	}
	return err
}

// keptOf says how much of a stage's work is kept: 1,234 of 5,000 pictures are kept.
func keptOf(done, total int64, unit string) string {
	return fmt.Sprintf("%s of %s %s are kept", Grouped(done), Grouped(total), unit)
}

// Grouped writes n with commas between groups of three digits.
func Grouped(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// WithLimit returns a context that ends after limit, with a cause that is
// [ErrTimeUp] and names the limit; 0 is no limit. It has no deadline: requests
// that a deadline ends would be taken for those of a slow server.
func WithLimit(parent context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	if limit <= 0 {
		return ctx, func() { cancel(nil) }
	}
	timer := time.AfterFunc(limit, func() { cancel(timeUp{limit}) })
	return ctx, func() { timer.Stop(); cancel(nil) }
}

// timeUp is ErrTimeUp with its limit.
type timeUp struct{ limit time.Duration }

func (e timeUp) Error() string        { return "stopped after " + shortTime(e.limit) }
func (e timeUp) Is(target error) bool { return target == ErrTimeUp }

// shortTime writes 8h for what a Duration writes as 8h0m0s.
func shortTime(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
