package autograd

import (
	"math"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/reference"
)

type room struct {
	*testing.T
	dev  *reference.Device
	pool *device.Pool
}

func newRoom(t *testing.T) *room {
	d := reference.New()
	r := &room{t, d, device.NewPool(d)}
	t.Cleanup(func() {
		r.pool.Close()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *room) parameter(rows, cols int, values ...float32) *Value {
	data, grad := r.pool.Get(device.F32, rows*cols), r.pool.Get(device.F32, rows*cols)
	r.dev.Write(data, values)
	r.dev.Fill(grad, 0)
	return Parameter(data, grad, rows, cols)
}

func (r *room) read(b device.Buffer) []float32 {
	r.Helper()
	x := make([]float32, b.Len)
	if err := r.dev.Read(x, b); err != nil {
		r.Fatal(err)
	}
	return x
}

// TestFanOut uses one value in four places, so that its gradient comes from
// every way in which an operation gives one: written, added, handed on, summed.
func TestFanOut(t *testing.T) {
	r := newRoom(t)
	w := r.parameter(2, 2, 0.3, -0.2, 0.5, 0.4)
	p := r.parameter(2, 2, 1, 0.2, -0.3, 0.8)
	scale := r.parameter(1, 1, 0.5)
	loss := r.pool.Get(device.F32, 1)
	input := []float32{1, 2, -1, 0.5, 0.3, -2}
	step := func() float64 {
		tape := New(r.dev, r.pool)
		for _, v := range []*Value{w, p, scale} {
			r.dev.Fill(v.Grad, 0)
		}
		x := tape.Linear(tape.Floats(input, 3, 2), w, nil)
		y := tape.Sum(tape.Sum(x, tape.GELU(x, false)), x)
		y = tape.Sum(y, tape.Project(x, p))
		tape.Contrastive(loss, tape.Normalize(y), tape.Normalize(x), scale, 0.5)
		tape.Backward()
		return float64(r.read(loss)[0])
	}
	step()
	for name, v := range map[string]*Value{"w": w, "p": p, "scale": scale} {
		step()
		data, grad := r.read(v.Data), r.read(v.Grad)
		for i := range data {
			const h = 1e-2
			moved := slices.Clone(data)
			moved[i] = data[i] + h
			r.dev.Write(v.Data, moved)
			up := step()
			moved[i] = data[i] - h
			r.dev.Write(v.Data, moved)
			slope := (up - step()) / (2 * h)
			r.dev.Write(v.Data, data)
			if math.Abs(slope-float64(grad[i])) > 2e-3 {
				t.Errorf("%s[%d]: the slope is %.5f, the gradient %.5f", name, i, slope, grad[i])
			}
		}
	}
}

// TestPoolIsLevel holds that steps, forward alone or both ways, give back all
// that they took.
func TestPoolIsLevel(t *testing.T) {
	r := newRoom(t)
	w := r.parameter(2, 2, 1, 2, 3, 4)
	scale := r.parameter(1, 1, 0)
	loss := r.pool.Get(device.F32, 1)
	var allocations int
	for i := range 5 {
		tape := New(r.dev, r.pool)
		if i%2 == 1 {
			tape = Evaluate(r.dev, r.pool)
		}
		x := tape.Gather(w, tape.Ints([]int32{1, 0, 1}), 3)
		y := tape.Normalize(tape.AddRows(x, w, tape.Ints([]int32{0, -1, 1})))
		if i%2 == 1 {
			tape.Reset()
		} else {
			tape.Contrastive(loss, y, y, scale, 0.5)
			tape.Backward()
		}
		if i == 0 {
			allocations = r.pool.Allocations()
		}
	}
	if got := r.pool.Allocations(); got != allocations {
		t.Errorf("%d buffers after one step, %d after five", allocations, got)
	}
}
