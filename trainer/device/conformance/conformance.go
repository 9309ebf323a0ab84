// Package conformance is the suite that a device backend passes to be called
// done.
//
// [Run] holds each operation's forward against a plain loop in float64, and
// its backward against finite differences of that same loop: for a random dy,
// the slope of sum(dy*f(x)) along each input word. It adds the contract that
// operations share: order of the queue, repeatability to the bit, adding into
// a result, and memory that ends at zero.
package conformance

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
)

// An operation is one differentiable function under test.
type operation struct {
	name string
	// inputs are the sizes of the float inputs, each filled at random.
	inputs []int
	output int
	// forward is the plain float64 loop.
	forward func(in [][]float64) []float64
	// device runs forward and backward and returns y and the gradient of each
	// input; nil for one that has none.
	device func(b *bench, in []device.Buffer, dy device.Buffer) (y device.Buffer, grads []device.Buffer)
	// tolerance is the largest error allowed, absolute plus relative.
	tolerance float64
	// shift moves the inputs away from zero.
	shift float64
}

// bench allocates for one case and frees at its end.
type bench struct {
	device.Device
	t     *testing.T
	held  []device.Memory
	drawn int // calls of draw
}

func (b *bench) floats(values ...float32) device.Buffer {
	buffer := b.zeros(len(values))
	b.Write(buffer, values)
	return buffer
}

func (b *bench) zeros(n int) device.Buffer { return b.filled(device.F32, n, 0) }

// alloc is a buffer of unknown content.
func (b *bench) alloc(t device.Type, n int) device.Buffer {
	m, err := b.Alloc(n * t.Bytes())
	if err != nil {
		b.t.Fatal(err)
	}
	b.held = append(b.held, m)
	return device.Whole(m, t)
}

// filled is a buffer of n times value.
func (b *bench) filled(t device.Type, n int, value float32) device.Buffer {
	buffer := b.alloc(t, n)
	b.Fill(buffer, value)
	return buffer
}

// typed is a buffer of type t with the given values, rounded.
func (b *bench) typed(t device.Type, values []float32) device.Buffer {
	x := b.floats(values...)
	if t == device.F32 {
		return x
	}
	y := b.alloc(t, len(values))
	b.Convert(y, x)
	return y
}

// draw is a buffer of n normal numbers, which the number of draws before alone
// decides.
func (b *bench) draw(t device.Type, n int) device.Buffer { return b.scaled(t, n, 1) }

// scaled is draw, times a factor.
func (b *bench) scaled(t device.Type, n int, factor float32) device.Buffer {
	b.drawn++
	random := rand.New(rand.NewPCG(2, uint64(b.drawn)))
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(random.NormFloat64()) * factor
	}
	return b.typed(t, values)
}

// bytes is a buffer of n bytes that look like those of a picture.
func (b *bench) bytes(n int) device.Buffer {
	values := make([]byte, n)
	for i := range values {
		values[i] = byte(i*i + i/7)
	}
	buffer := b.alloc(device.U8, n)
	b.WriteBytes(buffer, values)
	return buffer
}

func (b *bench) ints(values ...int32) device.Buffer {
	buffer := b.alloc(device.I32, len(values))
	b.WriteInts(buffer, values)
	return buffer
}

func (b *bench) read(x device.Buffer) []float32 {
	b.t.Helper()
	if x.Type == device.BF16 {
		wide := b.alloc(device.F32, x.Len)
		b.Convert(wide, x)
		x = wide
	}
	out := make([]float32, x.Len)
	if err := b.Read(out, x); err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *bench) free() {
	for _, m := range b.held {
		m.Free()
	}
}

// Run runs the suite on devices made by backend.
func Run(t *testing.T, backend func() device.Device) {
	open := func() device.Device { return device.Strict{Device: backend()} }
	named := map[string]bool{}
	for _, op := range operations() {
		if named[op.name] {
			t.Errorf("two operations are called %s", op.name)
		}
		named[op.name] = true
		t.Run(op.name, func(t *testing.T) { checkOperation(t, open, op) })
	}
	t.Run("golden", func(t *testing.T) { checkGolden(t, open) })
	t.Run("real shapes", func(t *testing.T) { checkShapes(t, open) })
	t.Run("overlaps", func(t *testing.T) { checkOverlaps(t, open) })
	t.Run("contract", func(t *testing.T) { checkContract(t, open) })
	t.Run("marks", func(t *testing.T) { checkMarks(t, open) })
	t.Run("adamw", func(t *testing.T) { checkAdamW(t, open) })
	t.Run("patchify", func(t *testing.T) { checkPatchify(t, open) })
	t.Run("unfold", func(t *testing.T) { checkUnfold(t, open) })
	t.Run("running statistics", func(t *testing.T) { checkRunning(t, open) })
	t.Run("clamp", func(t *testing.T) { checkClamp(t, open) })
}

func closeDevice(t *testing.T, d device.Device) {
	t.Helper()
	if err := closed(d); err != nil {
		t.Error(err)
	}
}

// closed closes a device of which everything was freed, and wants it to hold
// nothing after that, scratch included.
func closed(d device.Device) error {
	if err := d.Close(); err != nil {
		return err
	}
	if held := d.Bytes(); held != 0 {
		return fmt.Errorf("%d bytes are held after close", held)
	}
	return nil
}

// expected is what an operation makes of inputs that are the same each time.
type expected struct {
	in        [][]float64
	dy        []float64
	forward   []float64
	gradients map[int][]float64 // of those inputs that were asked for
}

// expectations has them by the operation's name: differences of plain Go functions
// take longer than the devices that are held against them, of which a test
// process has several.
var expectations = map[string]*expected{}

func expect(op operation) *expected {
	if e := expectations[op.name]; e != nil {
		return e
	}
	random := rand.New(rand.NewPCG(1, uint64(len(op.name))))
	e := &expected{in: make([][]float64, len(op.inputs)), dy: make([]float64, op.output), gradients: map[int][]float64{}}
	for i, n := range op.inputs {
		e.in[i] = make([]float64, n)
		for j := range e.in[i] {
			// Rounded to float32, so that both sides start from the same number.
			e.in[i][j] = float64(float32(random.NormFloat64() + op.shift))
		}
	}
	for i := range e.dy {
		e.dy[i] = float64(float32(random.NormFloat64()))
	}
	e.forward = op.forward(e.in)
	expectations[op.name] = e
	return e
}

// gradient is that of the sum of dy*forward along input i.
func (e *expected) gradient(op operation, i int) []float64 {
	if e.gradients[i] == nil {
		e.gradients[i] = slopes(op, e.in, e.dy, i)
	}
	return e.gradients[i]
}

func checkOperation(t *testing.T, open func() device.Device, op operation) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	e := expect(op)
	d := open()
	defer closeDevice(t, d)
	y, grads := runOnce(t, d, op, e.in, e.dy)
	again, gradsAgain := runOnce(t, d, op, e.in, e.dy)
	if !slices.Equal(y, again) {
		t.Error("forward differs from run to run")
	}
	compare(t, "forward", y, e.forward, op.tolerance)
	for i, grad := range grads {
		if grad == nil {
			continue
		}
		if !slices.Equal(grad, gradsAgain[i]) {
			t.Errorf("gradient %d differs from run to run", i)
		}
		compare(t, fmt.Sprintf("gradient of input %d", i), grad, e.gradient(op, i), 4*op.tolerance)
	}
}

func runOnce(t *testing.T, d device.Device, op operation, in [][]float64, dy []float64) ([]float32, [][]float32) {
	t.Helper()
	b := &bench{Device: d, t: t}
	defer b.free()
	buffers := make([]device.Buffer, len(in))
	for i := range in {
		buffers[i] = b.floats(narrow(in[i])...)
	}
	yBuffer, gradBuffers := op.device(b, buffers, b.floats(narrow(dy)...))
	y := b.read(yBuffer)
	grads := make([][]float32, len(gradBuffers))
	for i, g := range gradBuffers {
		if !g.Absent() {
			grads[i] = b.read(g)
		}
	}
	return y, grads
}

// slopes are the central differences of sum(dy*forward) along input i.
func slopes(op operation, in [][]float64, dy []float64, i int) []float64 {
	const h = 1e-5
	value := func() float64 {
		var sum float64
		for j, v := range op.forward(in) {
			sum += v * dy[j]
		}
		return sum
	}
	out := make([]float64, len(in[i]))
	for j := range out {
		kept := in[i][j]
		in[i][j] = kept + h
		up := value()
		in[i][j] = kept - h
		down := value()
		in[i][j] = kept
		out[j] = (up - down) / (2 * h)
	}
	return out
}

func compare(t *testing.T, what string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	worst, at := 0.0, 0
	for i := range want {
		if e := math.Abs(float64(got[i])-want[i]) / (1 + math.Abs(want[i])); !(e <= worst) {
			worst, at = e, i
		}
	}
	if !(worst <= tolerance) {
		t.Errorf("%s: word %d is %g, want %g (error %.2g, allowed %.2g)", what, at, got[at], want[at], worst, tolerance)
	}
}

func narrow(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}
