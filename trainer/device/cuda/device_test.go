//go:build cuda

package cuda

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
)

// lab is a device that a test allocates on.
type lab struct {
	*Device
	t    *testing.T
	held []device.Memory
}

func (l *lab) alloc(t device.Type, n int) device.Buffer {
	l.t.Helper()
	m, err := l.Alloc(n * t.Bytes())
	if err != nil {
		l.t.Fatal(err)
	}
	l.held = append(l.held, m)
	return device.Whole(m, t)
}

func (l *lab) filled(n int, value float32) device.Buffer {
	b := l.alloc(device.F32, n)
	l.Fill(b, value)
	return b
}

func (l *lab) read(b device.Buffer) []float32 {
	l.t.Helper()
	out := make([]float32, b.Len)
	if err := l.Read(out, b); err != nil {
		l.t.Fatal(err)
	}
	return out
}

func (l *lab) wait(m device.Mark) {
	l.t.Helper()
	if err := l.Wait(m); err != nil {
		l.t.Error(err)
	}
}

func (l *lab) free() {
	for _, m := range l.held {
		m.Free()
	}
	l.held = nil
}

// inLab closes the device after try, which leaves no fault and no memory.
func inLab(t *testing.T, try func(l *lab)) {
	t.Helper()
	l := &lab{Device: open(t), t: t}
	try(l)
	l.free()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if held := l.Bytes(); held != 0 {
		t.Errorf("%d bytes are held after close", held)
	}
}

// TestOpen says what is missing and what to do about it.
func TestOpen(t *testing.T) {
	for _, tt := range []struct {
		name, variable, value string
		card                  int
		want                  string // "" for a device
	}{
		{name: "a card"},
		{name: "no such card", card: 7, want: "open device cuda:7: cuda:0 is the only card; name one of them, or say auto"},
		{name: "of two", variable: "PAIRLOOM_TESTDRIVER_DEVICES", value: "2", card: 2, want: "there are 2 cards, cuda:0 to cuda:1"},
		{name: "no card", variable: "PAIRLOOM_TESTDRIVER_DEVICES", value: "0", want: "open device cuda:0: the driver sees no card; nvidia-smi shows"},
		{name: "a card without bf16", variable: "PAIRLOOM_TESTDRIVER_CAPABILITY", value: "75", want: "has compute capability 7.5 and no bf16; use a card of 8.0 or later"},
		{name: "an old driver", variable: "PAIRLOOM_TESTDRIVER_VERSION", value: "11080", want: "the driver is of CUDA 11.8; install one of CUDA 12.0 or later"},
		{name: "a busy card", variable: "PAIRLOOM_TESTDRIVER_FAIL", value: "cuDevicePrimaryCtxRetain=46", want: "is busy: another program has it for itself; nvidia-smi names that program"},
		{name: "no memory left", variable: "PAIRLOOM_TESTDRIVER_FAIL", value: "cuDevicePrimaryCtxRetain=2", want: "has no memory left; nvidia-smi names the programs that hold it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.variable != "" {
				t.Setenv(tt.variable, tt.value)
			}
			d, err := Open(tt.card, Options{})
			if err == nil {
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			}
			var missing *device.Unusable
			switch {
			case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			case err != nil && !errors.As(err, &missing):
				t.Errorf("%v is not a device.Unusable", err)
			}
		})
	}
}

// TestNoDriver holds that a program with this backend starts where there is no driver.
func TestNoDriver(t *testing.T) {
	if os.Getenv("PAIRLOOM_LIBCUDA") != "/no/libcuda.so.1" {
		again := exec.Command(os.Args[0], "-test.run=^TestNoDriver$", "-test.v")
		again.Env = append(os.Environ(), "PAIRLOOM_LIBCUDA=/no/libcuda.so.1")
		if out, err := again.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestNoDriver") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	_, err := Open(0, Options{})
	if want := "open device cuda:0: NVIDIA's driver is not there (/no/libcuda.so.1: cannot open shared object file"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	if v := Driver(); v != 0 {
		t.Errorf("a driver of version %d", v)
	}
}

// TestMarks waits no longer than for the mark; package conformance has the rest.
func TestMarks(t *testing.T) {
	inLab(t, func(l *lab) {
		x, got := l.filled(1, 7), make([]float32, 1)
		l.Fetch(got, x)
		m := l.Mark()
		gate := make(chan struct{})
		l.queue <- command{run: func() error { <-gate; return nil }}
		l.Fill(x, 8)
		l.wait(m) // for ever, if it waited for the rest
		if got[0] != 7 {
			t.Errorf("fetched %g, want 7", got[0])
		}
		close(gate)
	})
}

// TestCopies holds that what is written arrives whole and in order, however much larger
// than the memory it is staged in, and while the host writes the next over it.
func TestCopies(t *testing.T) {
	for _, tt := range []struct {
		name string
		n    int
	}{
		{"small", 1000}, {"as large as goes at once", bulkBytes / 4}, {"several slots", 3<<20 + 17}, {"more than all slots", 9<<20 + 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inLab(t, func(l *lab) {
				x, y, src := l.alloc(device.F32, tt.n), l.alloc(device.F32, tt.n), make([]float32, tt.n)
				for i := range src {
					src[i] = float32(i % 100003)
				}
				want := slices.Clone(src)
				l.Write(x, src)
				l.Copy(y, x)
				l.wait(l.Mark())
				clear(src)
				l.Write(x, src)
				if got := l.read(y); !slices.Equal(got, want) {
					t.Error("the copy differs from what was written")
				}
				if got := l.read(x); !slices.Equal(got, src) {
					t.Error("the second write did not arrive")
				}
			})
		})
	}
}

// TestSmallWrites holds that writes arrive in order, more of them than there are slots, from
// memory that changes as soon as the device has read it.
func TestSmallWrites(t *testing.T) {
	inLab(t, func(l *lab) {
		const times, n = 75, 1000
		all, src := l.alloc(device.F32, times*n), make([][]float32, times)
		for i := range src {
			src[i] = slices.Repeat([]float32{float32(i)}, n)
			l.Write(all.Slice(i*n, n), src[i])
		}
		l.wait(l.Mark())
		want := slices.Concat(src...)
		for _, s := range src {
			clear(s)
		}
		if got := l.read(all); !slices.Equal(got, want) {
			t.Error("what is there differs from what was written")
		}
	})
}

// TestMemory holds what is counted, and what a card without memory says.
func TestMemory(t *testing.T) {
	t.Run("peak", func(t *testing.T) {
		inLab(t, func(l *lab) {
			a := l.alloc(device.F32, 1000)
			l.alloc(device.F32, 500)
			l.held = l.held[1:]
			a.Memory.Free()
			l.alloc(device.F32, 100)
			if err := l.Sync(); err != nil {
				t.Error(err)
			}
			if held, peak := l.Bytes(), l.Peak(); held != 2400 || peak != 6000 {
				t.Errorf("%d bytes held and %d at most, want 2400 and 6000", held, peak)
			}
		})
	})
	t.Run("an allocation too large", func(t *testing.T) {
		t.Setenv("PAIRLOOM_TESTDRIVER_MEMORY", "20000000")
		inLab(t, func(l *lab) {
			l.alloc(device.U8, 15e6)
			_, err := l.Alloc(10e6)
			if !errors.Is(err, device.ErrMemory) || !strings.Contains(err.Error(), "allocate 10.0 MB on cuda:0 (") {
				t.Errorf("got %v", err)
			}
			l.free()
			l.filled(2.5e6, 1) // goes on
		})
	})
	t.Run("none for a kernel at first", func(t *testing.T) {
		t.Setenv("PAIRLOOM_TESTDRIVER_FAIL", "cuModuleLoadData=2@1-1")
		inLab(t, func(l *lab) {
			if got := l.read(l.filled(3, 7)); !slices.Equal(got, []float32{7, 7, 7}) {
				t.Errorf("got %v", got)
			}
		})
	})
	t.Run("scratch too large", func(t *testing.T) {
		t.Setenv("PAIRLOOM_TESTDRIVER_MEMORY", "20000000")
		l := &lab{Device: open(t), t: t}
		x := l.filled(10, 1)
		l.do("try", launch{kernel: "fill_f32", blocks: [3]int{1}, threads: 32}, l.scratch("try", 30e6), int64(1), float32(1))
		l.Fill(x, 2)
		err := l.Read(make([]float32, 10), x)
		if !errors.Is(err, device.ErrMemory) || !strings.Contains(err.Error(), "try: allocate ") {
			t.Errorf("got %v", err)
		}
		l.free()
		if again := l.Close(); !errors.Is(again, device.ErrMemory) {
			t.Errorf("close: got %v", again)
		}
	})
}

// TestFault holds that a fault names operation and shape, reaches each who waits, and
// that nothing hangs after it.
func TestFault(t *testing.T) {
	const blamed = "fill: fill_f32(40, 2)"
	for _, tt := range []struct {
		name    string
		threads int
		sync    bool
		want    []string
	}{
		{"at the launch", 4096, false, []string{blamed}},
		{"on the card", 32, false, []string{"one of 2 launches, the first fill: fill_f32(10, 1), the last " + blamed, "PAIRLOOM_CUDA_SYNC=1"}},
		{"on the card, each launch waited for", 32, true, []string{blamed}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.sync {
				t.Setenv("PAIRLOOM_CUDA_SYNC", "1")
			}
			l := &lab{Device: open(t), t: t}
			x := l.filled(10, 1)
			l.do("fill", launch{kernel: "fill_f32", blocks: [3]int{1}, threads: tt.threads}, at("fill", x, 10), int64(40), float32(2)) // past its end
			got := []float32{5}
			l.Fetch(got, x)
			m := l.Mark()
			err := l.Wait(m)
			for _, want := range append(tt.want, "cuda:0 (") {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
			if got[0] != 5 {
				t.Errorf("fetched %g after the fault", got[0])
			}
			for name, wait := range map[string]func() error{
				"wait": func() error { return l.Wait(l.Mark()) },
				"read": func() error { return l.Read(make([]float32, 10), x) },
				"sync": l.Sync,
			} {
				if again := wait(); again != err {
					t.Errorf("%s: got %v, want the fault", name, again)
				}
			}
			if _, again := l.Alloc(8); again == nil {
				t.Error("memory after the fault")
			}
			l.free()
			if again := l.Close(); again != err {
				t.Errorf("close: got %v, want the fault", again)
			}
			if held := l.Bytes(); held != 0 {
				t.Errorf("%d bytes are held after close", held)
			}
			if again := l.Wait(m); again != err {
				t.Errorf("after close: got %v, want the fault", again)
			}
		})
	}
}

// TestProfile names each kernel once it is asked to.
func TestProfile(t *testing.T) {
	inLab(t, func(l *lab) {
		x := l.filled(6, 1)
		if shares, err := l.Profile(); err != nil || len(shares) != 0 {
			t.Errorf("got %v, %v before the clocks were on", shares, err)
		}
		for range 2 {
			l.Fill(x, 2)
		}
		l.Sum(x, x, x)
		l.MatMul(x.Slice(0, 1), x.Slice(1, 1), x.Slice(2, 1), 1, 1, 1, false, false, 0)
		shares, err := l.Profile()
		if err != nil {
			t.Fatal(err)
		}
		calls := map[string]int64{}
		for _, s := range shares {
			calls[s.Operation] = s.Calls
		}
		if want := map[string]int64{"fill_f32": 2, "sum_f32": 1, "matmul": 1}; !maps.Equal(calls, want) {
			t.Errorf("got %v, want %v", calls, want)
		}
		if shares, err := l.Profile(); err != nil || len(shares) != 0 {
			t.Errorf("got %v, %v the second time", shares, err)
		}
	})
}
