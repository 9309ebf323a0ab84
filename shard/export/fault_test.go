package export

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// readOnly is a place to which nothing may be written.
type readOnly struct {
	place
	t *testing.T
}

func (r *readOnly) create(ctx context.Context, name string, small bool) (output, error) {
	r.t.Errorf("%s was written", name)
	return r.place.create(ctx, name, small)
}
func (r *readOnly) copyFile(ctx context.Context, from, to string) error {
	r.t.Errorf("%s was written", to)
	return r.place.copyFile(ctx, from, to)
}
func (r *readOnly) remove(ctx context.Context, name string) error {
	r.t.Errorf("%s was removed", name)
	return r.place.remove(ctx, name)
}

// failing is a place that takes so many operations, and then none: what a kill leaves, a
// full disk, or a bucket that went away.
type failing struct {
	place
	left atomic.Int64
	err  error
}

func (f *failing) fault() error {
	if f.left.Add(-1) < 0 {
		return f.err
	}
	return nil
}

func (f *failing) create(ctx context.Context, name string, small bool) (output, error) {
	if err := f.fault(); err != nil {
		return nil, err
	}
	out, err := f.place.create(ctx, name, small)
	return &failingOutput{out, f}, err
}

func (f *failing) copyFile(ctx context.Context, from, to string) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.place.copyFile(ctx, from, to)
}

func (f *failing) move(ctx context.Context, from, to string) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.place.move(ctx, from, to)
}

func (f *failing) remove(ctx context.Context, name string) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.place.remove(ctx, name)
}

type failingOutput struct {
	output
	f *failing
}

func (o *failingOutput) Write(p []byte) (int, error) {
	if err := o.f.fault(); err != nil {
		return 0, err
	}
	return o.output.Write(p)
}

func (o *failingOutput) Commit() error {
	if err := o.f.fault(); err != nil {
		o.Discard()
		return err
	}
	return o.output.Commit()
}

// TestFaultAtAnyMoment lets the place fail at each operation of an export, first into an
// empty folder, then of a dataset that changed. The error names the file and what to do;
// until the new files are there, no pair is missing that is in both; and the next run
// ends as if nothing had been.
func TestFaultAtAnyMoment(t *testing.T) {
	list := each()
	if testing.Short() {
		list = list[:1]
	}
	for _, o := range list {
		t.Run(o.name(), func(t *testing.T) {
			t.Parallel()
			g := newDataset(t).change(7, [2]int{100, 110}, [2]int{0, 2})
			to := filepath.Join(t.TempDir(), "to")
			faults := everyFault(t, g, to, o, func() string { return filepath.Join(t.TempDir(), "to") }, nil)
			if faults < 10 {
				t.Errorf("only %d faults", faults)
			}
			h := newDataset(t)
			start := func() string {
				place := filepath.Join(t.TempDir(), "to")
				h.export(place, o)
				return place
			}
			h.change(7, [2]int{100, 110}, [2]int{0, 2})
			var places []string
			for range 25 { // exported before the change
				places = append(places, start())
			}
			stay := map[uint64]bool{}
			h.change(7, [2]int{110, 113}, [2]int{}, 104, 105, 106, 107, 1)
			for split, list := range h.live {
				for _, n := range list {
					if (o.Split == "" || o.Split == split) && n < 110 {
						stay[pairOf(n).PairID] = true
					}
				}
			}
			next := func() string {
				if len(places) == 0 {
					return ""
				}
				p := places[0]
				places = places[1:]
				return p
			}
			if faults := everyFault(t, h, filepath.Join(t.TempDir(), "to"), o, next, stay); faults < 5 {
				t.Errorf("only %d faults of a changed dataset", faults)
			}
		})
	}
}

// everyFault exports to places that fail after ever more operations, until none fails.
func everyFault(t *testing.T, g *growing, whole string, o Options, next func() string, stay map[uint64]bool) (faults int) {
	t.Helper()
	g.export(whole, o)
	want := filesIn(t, whole)
	for n := int64(0); ; n += 1 + n/4 {
		to := next()
		if to == "" {
			t.Log("no more places")
			return faults
		}
		var f *failing
		e := &Export{Dataset: g.open(), To: to, Options: o, Workers: 2, through: func(p place) place {
			f = &failing{place: p, err: syscall.ENOSPC}
			f.left.Store(n)
			return f
		}}
		_, err := e.Run(t.Context())
		if err == nil {
			return faults
		}
		faults++
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), to+"/") || !strings.Contains(err.Error(), "run again to go on") {
			t.Errorf("operation %d: %v", n, err)
		}
		if record, err := ReadRecord(t.Context(), to); err == nil && record != nil && stay != nil {
			found := 0
			there := everywhere(t, to, o)
			for id := range stay {
				if there[id] {
					found++
				}
			}
			if found < len(stay) {
				t.Errorf("operation %d: only %d of %d pairs that stay are there", n, found, len(stay))
			}
		}
		g.export(to, o)
		sameFiles(t, "after a fault", filesIn(t, to), want)
		g.wantRows(to, o)
	}
}

// everywhere are the pairs that are in any whole file of an export, in its place or on its
// way there; of a folder, whose pictures are.
func everywhere(t *testing.T, to string, o Options) map[uint64]bool {
	t.Helper()
	p, err := openPlace(t.Context(), to, false)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	found := map[uint64]bool{}
	w := &walking{ctx: t.Context(), place: p, layout: layoutOf(&o), yield: func(r *Row, _ error) bool { found[r.PairID] = true; return true }}
	for name := range filesIn(t, to) {
		var id uint64
		switch filepath.Ext(name) {
		case ".tar":
			err = w.read(name, w.tar)
		case ".parquet":
			err = w.read(name, w.table)
		case ".arrow":
			err = w.read(name, w.stream)
		case ".png":
			_, err = fmt.Sscanf(filepath.Base(name), "%016x.png", &id)
			found[id] = true
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}
