package autograd

import "github.com/pairloom/pairloom/trainer/device"

// Value is a matrix on the device, with its gradient while one is known.
type Value struct {
	Data, Grad device.Buffer
	// Rounded is the Data of a parameter in BF16, which products of that type take
	// as their factor. Where it is absent, they round Data themselves.
	Rounded    device.Buffer
	Rows, Cols int
	Type       device.Type // of Data and Grad

	owned      bool   // Data goes back to the pool
	keeps      bool   // Grad lives outside of the tape: a parameter's
	constant   bool   // needs no gradient
	again      func() // computes Data once more; nil where it must be kept
	activation device.Activation
	pre        *Value // of which Data is the activation, or nil
}

// Parameter is a value whose data and gradient, of F32, the caller keeps. Backward
// adds to the gradient.
func Parameter(data, grad device.Buffer, rows, cols int) *Value {
	return &Value{Data: data, Grad: grad, Rows: rows, Cols: cols, keeps: true}
}

// Tape records one step.
type Tape struct {
	Device device.Device
	Pool   *device.Pool
	// Type is that of activations, F32 or BF16. Operations that make a matrix of
	// something else (pictures, ids) give it this type, all others give theirs that
	// of what they are made of, and the last product of a tower gives F32.
	Type device.Type

	evaluate  bool // notes nothing
	rehearsal bool // and yet takes statistics from the batch
	values    []*Value
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
func (t *Tape) value(as device.Type, rows, cols int) *Value {
	v := &Value{Data: t.Pool.Get(as, rows*cols), Rows: rows, Cols: cols, Type: as, owned: true}
	t.values = append(t.values, v)
	return v
}

// like is a new matrix of x's type and shape.
func (t *Tape) like(x *Value) *Value { return t.value(x.Type, x.Rows, x.Cols) }

// statistics are what an operation notes for its way back. Forget them when the
// way forward is enqueued.
func (t *Tape) statistics(words int) *Value { return t.value(device.F32, 1, words) }

// Floats uploads a matrix of F32 that needs no gradient. The slice stays
// unchanged as long as that of device.Device's Write.
func (t *Tape) Floats(data []float32, rows, cols int) *Value {
	v := t.value(device.F32, rows, cols)
	v.constant = true
	t.Device.Write(v.Data, data)
	return v
}

// Ints uploads ids or offsets, which live until Reset. The slice stays unchanged
// as long as that of device.Device's Write.
func (t *Tape) Ints(data []int32) device.Buffer {
	v := t.value(device.I32, 1, len(data))
	t.Device.WriteInts(v.Data, data)
	return v.Data
}

// as is b in another type, as which it lives until Reset; or b itself where it is
// of that type.
func (t *Tape) as(b device.Buffer, as device.Type) device.Buffer {
	if b.Type == as {
		return b
	}
	v := t.value(as, 1, b.Len)
	t.Device.Convert(v.Data, b)
	return v.Data
}

// factor is w as a product with a matrix of type as takes it.
func (t *Tape) factor(w *Value, as device.Type) device.Buffer {
	if as == device.BF16 && !w.Rounded.Absent() {
		return w.Rounded
	}
	return t.as(w.Data, as)
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
	if t.evaluate {
		v.again = nil // its statistics may be gone, too
	}
}

// data is v's data on the way back, computed again if it was forgotten.
func (t *Tape) data(v *Value) device.Buffer {
	if v.Data.Absent() && v.again != nil {
		v.Data, v.owned = t.Pool.Get(v.Type, v.Rows*v.Cols), true
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
	v.Grad = t.Pool.Get(v.Type, v.Rows*v.Cols)
	return v.Grad, 0
}

// into lets write fill a whole gradient of v, and adds it to what is there.
func (t *Tape) into(v *Value, write func(dx device.Buffer)) {
	if v.Grad.Absent() {
		v.Grad = t.Pool.Get(v.Type, v.Rows*v.Cols)
		write(v.Grad)
		return
	}
	part := t.Pool.Get(v.Type, v.Rows*v.Cols)
	write(part)
	t.Device.Sum(v.Grad, v.Grad, part)
	t.Pool.Put(part)
}

// narrow makes y's gradient one of type as, for a product. It is y's last reader's.
func (t *Tape) narrow(y *Value, as device.Type) device.Buffer {
	if y.Grad.Type != as {
		wide := y.Grad
		y.Grad = t.Pool.Get(as, y.Rows*y.Cols)
		t.Device.Convert(y.Grad, wide)
		t.Pool.Put(wide)
	}
	return y.Grad
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
		err = t.Device.Read(rows, t.as(v.Data, device.F32))
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
	clear(t.values)
	clear(t.back)
	t.values, t.back = t.values[:0], t.back[:0]
}
