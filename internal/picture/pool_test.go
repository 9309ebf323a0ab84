package picture

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
)

// ample is longer than any machine takes: a test that hangs is ended by go
// test's own limit.
const ample = time.Hour

// newTestPool has no time limit to speak of unless o sets one.
func newTestPool(t testing.TB, n int, o PoolOptions) *Pool {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = ample
	}
	o.Env = append(o.Env, asChild+"=1")
	p, err := NewPool([]string{os.Args[0]}, n, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func process(t *testing.T, p *Pool, b []byte) Result {
	t.Helper()
	res, err := p.Process(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestPoolGivesWhatConvertGives(t *testing.T) {
	p := newTestPool(t, 1, PoolOptions{PicturesPerChild: 2})
	for _, b := range [][]byte{
		pngOf(t, scene(500, 300)), jpegOf(t, scene(300, 700)), nil, []byte("no picture"),
		written(t, "scene.webp"),
	} {
		want := convertBytes(b)
		want.PictureHash = xxhash.Sum64(b)
		got := process(t, p, b)
		if !bytes.Equal(got.Bytes, want.Bytes) {
			t.Errorf("%s: the child's JPEG differs", want.OriginalFormat)
		}
		got.Bytes, want.Bytes = nil, nil
		if got.Reason != want.Reason || got.Detail != want.Detail || got.PHash != want.PHash || got.PictureHash != want.PictureHash ||
			got.Width != want.Width || got.OriginalHeight != want.OriginalHeight || got.OriginalFormat != want.OriginalFormat {
			t.Errorf("child: %+v\nhere: %+v", got, want)
		}
	}
}

func TestPoolDeadlyPictureCostsItselfOnly(t *testing.T) {
	p := newTestPool(t, 1, PoolOptions{})
	good := pngOf(t, scene(100, 100))
	want := process(t, p, good)
	res := process(t, p, []byte(killMark))
	if res.Reason != ReasonDecoderDied || !strings.Contains(res.Detail, "killed") {
		t.Errorf("deadly picture: %q, %q", res.Reason, res.Detail)
	}
	if res.PictureHash != xxhash.Sum64String(killMark) {
		t.Error("the picture's hash is missing")
	}
	if got := process(t, p, good); !bytes.Equal(got.Bytes, want.Bytes) {
		t.Errorf("the next picture differs: %q", got.Reason)
	}
}

// A child killed from outside, idle or at work, costs nothing.
func TestPoolKilledChildCostsNothing(t *testing.T) {
	p := newTestPool(t, 1, PoolOptions{})
	big := largeJPEG(t, scene(600, 400), 5)
	want := process(t, p, big)
	for i := range 6 {
		c := <-p.free
		proc := c.cmd.Process
		p.free <- c
		var wg sync.WaitGroup
		if i%2 == 0 {
			proc.Kill()
		} else {
			wg.Go(func() { proc.Kill() }) // somewhere in the middle
		}
		got := process(t, p, big)
		wg.Wait()
		if got.Reason != "" || !bytes.Equal(got.Bytes, want.Bytes) {
			t.Errorf("kill %d: %q, %q", i, got.Reason, got.Detail)
		}
	}
}

func TestPoolTimeLimit(t *testing.T) {
	p := newTestPool(t, 1, PoolOptions{Timeout: time.Millisecond}) // the hanging picture outlasts any
	res := process(t, p, []byte(hangMark))
	if res.Reason != ReasonDecoderTimeout {
		t.Errorf("hanging picture: %q, %q", res.Reason, res.Detail)
	}
	p.options.Timeout = ample
	if res := process(t, p, pngOf(t, scene(10, 10))); res.Reason != "" {
		t.Errorf("the next picture: %q, %q", res.Reason, res.Detail)
	}
}

func TestPoolContextEndsWork(t *testing.T) {
	p := newTestPool(t, 1, PoolOptions{})
	process(t, p, pngOf(t, scene(10, 10)))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := p.Process(ctx, []byte(hangMark)); !errors.Is(err, context.Canceled) {
			t.Errorf("hanging picture: %v", err)
		}
	})
	wg.Go(func() { // waits for the one child, or has it and is cut off
		if _, err := p.Process(ctx, []byte(hangMark)); !errors.Is(err, context.Canceled) {
			t.Errorf("waiting picture: %v", err)
		}
	})
	cancel()
	wg.Wait()
	if res := process(t, p, pngOf(t, scene(10, 10))); res.Reason != "" {
		t.Errorf("the next picture: %q", res.Reason)
	}
}

func TestPoolReplacesChildren(t *testing.T) {
	p := newTestPool(t, 1, PoolOptions{PicturesPerChild: 2})
	b := pngOf(t, scene(20, 20))
	pids := map[int]int{}
	for range 6 {
		process(t, p, b)
		c := <-p.free
		pids[c.cmd.Process.Pid]++
		p.free <- c
	}
	if len(pids) != 3 {
		t.Errorf("6 pictures at 2 a child took %d children", len(pids))
	}
}

func TestPoolManyAtOnce(t *testing.T) {
	p := newTestPool(t, 3, PoolOptions{})
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			b := pngOf(t, scene(20+i, 30))
			res, err := p.Process(t.Context(), b)
			if err != nil || res.OriginalWidth != 20+i {
				t.Errorf("picture %d: %d wide, %v", i, res.OriginalWidth, err)
			}
		})
	}
	wg.Wait()
}

func TestPoolErrors(t *testing.T) {
	if _, err := NewPool(nil, 1, PoolOptions{}); err == nil {
		t.Error("no command: no error")
	}
	if _, err := NewPool([]string{"x"}, 1, PoolOptions{Quality: 101}); err == nil {
		t.Error("quality 101: no error")
	}
	p, err := NewPool([]string{"/nowhere/pairloom"}, 1, PoolOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Process(t.Context(), []byte("x")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing program: %v", err)
	}
	p.Close()
	p.Close()
	if _, err := p.Process(t.Context(), []byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A program that does not become a decoder is an error of the whole run, not a
// reason to drop every picture.
func TestPoolWrongProgram(t *testing.T) {
	for _, tt := range []struct{ script, want string }{
		{"echo no such subcommand >&2; exit 2", "exit status 2: no such subcommand"},
		{"echo usage: pairloom", "bytes are not of the picture protocol"},
	} {
		p, err := NewPool([]string{"/bin/sh", "-c", tt.script}, 1, PoolOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if _, err := p.Process(t.Context(), []byte("x")); err == nil || !strings.HasSuffix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want ... %s", tt.script, err, tt.want)
		}
	}
}

func TestPoolMemoryLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is the memory of one process")
	}
	big := deepPNG(t, 3500, 3500) // 98 MB decoded
	for _, tt := range []struct {
		limit  string
		reason string
	}{
		{"180000000", ReasonTooMuchMemory},
		{"", ""},
	} {
		p := newTestPool(t, 1, PoolOptions{Env: []string{childMemory + "=" + tt.limit}})
		if raceDetector {
			tt.reason = "" // the limit is off, see limitProcess
		}
		if res := process(t, p, big); res.Reason != tt.reason {
			t.Errorf("limit %q: reason %q (%s), want %q", tt.limit, res.Reason, res.Detail, tt.reason)
		}
		if res := process(t, p, pngOf(t, scene(20, 20))); res.Reason != "" {
			t.Errorf("limit %q: the next picture: %q (%s)", tt.limit, res.Reason, res.Detail)
		}
	}
}
