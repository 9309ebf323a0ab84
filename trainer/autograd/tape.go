package autograd

import "github.com/pairloom/pairloom/trainer/device"

// Value is a matrix on the device, with its gradient while one is known.
type Value struct {
	Data, Grad device.Buffer
	Rows, Cols int

	owned    bool   // Data goes back to the pool
	keeps    bool   // Grad lives outside of the tape: a parameter's
	constant bool   // needs no gradient
	again    func() // computes Data once more; nil where it must be kept
}

// Parameter is a value whose data and gradient the caller keeps. Backward adds
// to the gradient.
func Parameter(data, grad device.Buffer, rows, cols int) *Value {
	return &Value{Data: data, Grad: grad, Rows: rows, Cols: cols, keeps: true}
}

// Tape records one step.
type Tape struct {
	Device device.Device
	Pool   *device.Pool

	evaluate  bool // notes nothing
	rehearsal bool // and yet takes statistics from the batch
	values    []*Value
	scratch   []device.Buffer
	back      []func()
}

// New returns an empty tape for training.
func New(d device.Device, pool *device.Pool) *Tape { return &Tape{Device: d, Pool: pool} }

// Evaluate returns an empty tape that only goes forward.
func Evaluate(d device.Device, pool *device.Pool) *Tape {
	return &Tape{Device: d, Pool: pool, evaluate: true}
}

// Rehearse returns an empty tape that only goes forward, and computes what a
// training tape would: batch norms take their statistics from the batch, but
// leave the running ones alone. Gradient caching embeds a batch so before it
// goes over it again with a training tape.
func Rehearse(d device.Device, pool *device.Pool) *Tape {
	return &Tape{Device: d, Pool: pool, evaluate: true, rehearsal: true}
}

// value is a new matrix on the tape.
func (t *Tape) value(rows, cols int) *Value {
	v := &Value{Data: t.Pool.Get(device.F32, rows*cols), Rows: rows, Cols: cols, owned: true}
	t.values = append(t.values, v)
	return v
}

// buffer is scratch that lives until the operation has gone back.
func (t *Tape) buffer(words int) device.Buffer {
	b := t.Pool.Get(device.F32, words)
	t.scratch = append(t.scratch, b)
	return b
}

// Floats uploads a matrix that needs no gradient. The slice stays unchanged
// until the device's next Read or Sync.
func (t *Tape) Floats(data []float32, rows, cols int) *Value {
	v := t.value(rows, cols)
	v.constant = true
	t.Device.Write(v.Data, data)
	return v
}

// Ints uploads ids or offsets, which live until Reset. The slice stays
// unchanged until the device's next Read or Sync.
func (t *Tape) Ints(data []int32) device.Buffer {
	b := t.Pool.Get(device.I32, len(data))
	t.scratch = append(t.scratch, b)
	t.Device.WriteInts(b, data)
	return b
}

// note records how to go back from y. After it ran, y is finished with.
func (t *Tape) note(y *Value, back func()) {
	if t.evaluate {
		return
	}
	t.back = append(t.back, func() {
		back()
		t.release(y)
	})
}

// release returns what y still owns.
func (t *Tape) release(y *Value) {
	if y.owned {
		t.Pool.Put(y.Data)
		y.owned = false
	}
	if !y.keeps {
		t.Pool.Put(y.Grad)
		y.Grad = device.Buffer{}
	}
}

// Forget says that the last use of v forward is enqueued. Its data goes back to
// the pool, unless the way back needs it and cannot compute it again.
func (t *Tape) Forget(v *Value) {
	if v.owned && (t.evaluate || v.again != nil) {
		t.Pool.Put(v.Data)
		v.Data, v.owned = device.Buffer{}, false
	}
}

// data is v's data on the way back, computed again if it was forgotten.
func (t *Tape) data(v *Value) device.Buffer {
	if v.Data.Absent() && v.again != nil {
		v.Data, v.owned = t.Pool.Get(device.F32, v.Rows*v.Cols), true
		v.again()
	}
	return v.Data
}

// gradient says where to write v's gradient, and with which beta: 0 for the
// first writer, 1 after that.
func (t *Tape) gradient(v *Value) (device.Buffer, float32) {
	if !v.Grad.Absent() {
		return v.Grad, 1
	}
	v.Grad = t.Pool.Get(device.F32, v.Rows*v.Cols)
	return v.Grad, 0
}

// into lets write fill a whole gradient of v, and adds it to what is there.
func (t *Tape) into(v *Value, write func(dx device.Buffer)) {
	if v.Grad.Absent() {
		v.Grad = t.Pool.Get(device.F32, v.Rows*v.Cols)
		write(v.Grad)
		return
	}
	part := t.Pool.Get(device.F32, v.Rows*v.Cols)
	write(part)
	t.Device.Sum(v.Grad, v.Grad, part)
	t.Pool.Put(part)
}

// hand gives y's gradient to x, whose derivative it is unchanged. y has no
// gradient after that.
func (t *Tape) hand(x, y *Value) {
	if !x.Grad.Absent() {
		t.Device.Sum(x.Grad, x.Grad, y.Grad)
		return
	}
	x.Grad, y.Grad = y.Grad, device.Buffer{}
}

// Backward runs the notes in reverse, then resets the tape. The loss is the
// last value of the tape.
func (t *Tape) Backward() {
	for i := len(t.back) - 1; i >= 0; i-- {
		t.back[i]()
	}
	t.Reset()
}

// Read copies v to the host, and resets the tape.
func (t *Tape) Read(v *Value) ([]float32, error) {
	rows := make([]float32, v.Rows*v.Cols)
	err := t.Pool.Err()
	if err == nil {
		err = t.Device.Read(rows, v.Data)
	}
	t.Reset()
	return rows, err
}

// Reset returns all values of the tape to the pool. Work that is queued still
// sees them.
func (t *Tape) Reset() {
	for _, v := range t.values {
		t.release(v)
	}
	for _, b := range t.scratch {
		t.Pool.Put(b)
	}
	clear(t.values)
	clear(t.back)
	t.values, t.scratch, t.back = t.values[:0], t.scratch[:0], t.back[:0]
}
