package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pairloom/pairloom/shard"
)

// unwatched is a [Watcher] that nobody looks at.
type unwatched struct{}

func (unwatched) Begin(*Stage, int, int) Progress { return func(int64, int64) {} }
func (unwatched) End()                            {}

// account is what the tests look at of a Done.
type account struct {
	Stage, Unfinished string
	Kept              int64 // -1 when the tally is not known
}

// TestStopped stops the second of three stages and holds what is told of it.
func TestStopped(t *testing.T) {
	kept := func(ctx context.Context) error {
		return &StoppedError{context.Cause(ctx), keptOf(1234, 5000, "pictures")}
	}
	full := errors.New("disk full")
	partial := &shard.Tally{Stage: "two", In: 5, Kept: 4, Dropped: map[string]int64{"x": 1}}
	for _, tt := range []struct {
		name  string
		cause error
		tally *shard.Tally                // that the stage returns
		err   func(context.Context) error // that it returns
		want  []account
		text  string // of the error of Do; "" for none
		is    error
	}{
		{"SIGTERM", ErrTerminated, partial, kept, []account{{"one", "", 1}, {"two", "terminated; 1,234 of 5,000 pictures are kept; run again to go on", 4}},
			"two: terminated; 1,234 of 5,000 pictures are kept; run again to go on", ErrTerminated},
		{"Ctrl-C, with the context's error", ErrInterrupted, nil, context.Context.Err, []account{{"one", "", 1}, {"two", "interrupted; run again to go on", -1}},
			"two: interrupted; run again to go on", ErrInterrupted},
		{"Ctrl-C, wrapped", ErrInterrupted, nil, func(ctx context.Context) error { return fmt.Errorf("fetch pictures: %w", context.Cause(ctx)) },
			[]account{{"one", "", 1}, {"two", "interrupted; run again to go on", -1}}, "two: interrupted; run again to go on", ErrInterrupted},
		{"time is up", timeUp{8 * time.Hour}, partial, kept, []account{{"one", "", 1}, {"two", "stopped after 8h; 1,234 of 5,000 pictures are kept; run again to go on", 4}}, "", nil},
		{"time is up, with the context's error", timeUp{90 * time.Minute}, nil, context.Context.Err, []account{{"one", "", 1}, {"two", "stopped after 1h30m; run again to go on", -1}}, "", nil},
		{"a fault while it stops", ErrTerminated, nil, func(context.Context) error { return full }, []account{{"one", "", 1}}, "two: disk full", full},
		{"it ends all the same", ErrTerminated, partial, func(context.Context) error { return nil }, []account{{"one", "", 1}, {"two", "", 4}, {"three", "terminated; run again to go on", -1}},
			"three: terminated; run again to go on", ErrTerminated},
		{"it ends as time is up", timeUp{time.Minute}, partial, func(context.Context) error { return nil }, []account{{"one", "", 1}, {"two", "", 4}, {"three", "stopped after 1m; run again to go on", -1}}, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			stage := func(name string, run func(context.Context, Progress) (*shard.Tally, error)) Stage {
				return Stage{Name: name, Dir: t.TempDir(), Folder: name, Settings: func() (string, error) { return "", nil }, Run: tallyOnly(run)}
			}
			one := func(context.Context, Progress) (*shard.Tally, error) { return &shard.Tally{In: 1, Kept: 1}, nil }
			two := func(ctx context.Context, _ Progress) (*shard.Tally, error) {
				cancel(tt.cause)
				return tt.tally, tt.err(ctx)
			}
			three := func(context.Context, Progress) (*shard.Tally, error) {
				t.Error("the stage behind ran")
				return nil, nil
			}
			done, err := Do(ctx, []Stage{stage("one", one), stage("two", two), stage("three", three)}, true, slog.New(slog.DiscardHandler), unwatched{})
			var got []account
			for _, d := range done {
				a := account{d.Stage, d.Unfinished, -1}
				if d.Tally != nil {
					a.Kept = d.Tally.Kept
				}
				got = append(got, a)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("done:\n%v, want\n%v", got, tt.want)
			}
			switch {
			case tt.text == "" && err != nil:
				t.Errorf("error %v, want none", err)
			case tt.text != "" && (err == nil || err.Error() != tt.text || !errors.Is(err, tt.is)):
				t.Errorf("error %v, want %s", err, tt.text)
			}
		})
	}
}

// TestLimit holds when a limit ends a context, and by which cause.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := WithLimit(t.Context(), 8*time.Hour)
		defer cancel()
		if _, ok := ctx.Deadline(); ok {
			t.Error("it has a deadline, which requests would end by")
		}
		began := time.Now()
		<-ctx.Done()
		if took := time.Since(began); took != 8*time.Hour || !errors.Is(context.Cause(ctx), ErrTimeUp) {
			t.Errorf("it ended after %v with %v", took, context.Cause(ctx))
		}
		none, cancel := WithLimit(t.Context(), 0)
		time.AfterFunc(1000*time.Hour, cancel)
		if <-none.Done(); errors.Is(context.Cause(none), ErrTimeUp) {
			t.Error("no limit ended a context")
		}
	})
}

func TestShortTime(t *testing.T) {
	for d, want := range map[time.Duration]string{
		8 * time.Hour: "8h", 90 * time.Minute: "1h30m", 10 * time.Minute: "10m", 20 * time.Second: "20s", time.Hour + time.Second: "1h0m1s", 5 * time.Millisecond: "5ms", 100 * time.Hour: "100h",
	} {
		if got := shortTime(d); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
	}
}
