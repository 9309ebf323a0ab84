package gate

import (
	"context"
	"time"
)

// Clock is what a gate tells time by: when rules grow old, when a host's turn
// comes, what Retry-After means. Limits on one request are the machine's time.
// It must be safe for concurrent use.
type Clock interface {
	Now() time.Time
	// Sleep returns after d, or with ctx's error when ctx ends before.
	Sleep(ctx context.Context, d time.Duration) error
}

type machineClock struct{}

func (machineClock) Now() time.Time { return time.Now() }

func (machineClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
