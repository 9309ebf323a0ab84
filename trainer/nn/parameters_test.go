package nn

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/reference"
)

func build(names ...string) *Parameters {
	p := &Parameters{}
	for _, name := range names {
		p.New(name+".vector", Constant(2), 5)
		p.New(name+".matrix", Normal(0.5), 40, 30)
	}
	return p
}

func TestLayout(t *testing.T) {
	d := reference.New()
	p := build("a", "b")
	if err := p.Allocate(d, true); err != nil {
		t.Fatal(err)
	}
	if err := p.Draw(d, 7); err != nil {
		t.Fatal(err)
	}
	for _, q := range p.List {
		if decays := q.from < p.Decayed; decays != (len(q.Shape) > 1) {
			t.Errorf("%s of rank %d: decays is %v", q.Name, len(q.Shape), decays)
		}
	}
	tensors, err := p.Read(d, p.Data, "")
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, v := range tensors[1].Data {
		sum += float64(v) * float64(v)
	}
	if std := math.Sqrt(sum / 1200); math.Abs(std-0.5) > 0.03 {
		t.Errorf("the deviation is %g, want 0.5", std)
	}
	if slices.Equal(tensors[1].Data, tensors[3].Data) {
		t.Error("two tensors were drawn alike")
	}

	// A layer more changes nothing in the others.
	wider := build("z", "a", "b")
	if err := wider.Allocate(d, false); err != nil {
		t.Fatal(err)
	}
	if err := wider.Draw(d, 7); err != nil {
		t.Fatal(err)
	}
	again, err := wider.Read(d, wider.Data, "")
	if err != nil || !slices.Equal(again[3].Data, tensors[1].Data) {
		t.Errorf("another layer changes a.matrix, %v", err)
	}
	p.Free()
	wider.Free()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestLoad(t *testing.T) {
	d := reference.New()
	p := build("a")
	if err := p.Allocate(d, false); err != nil {
		t.Fatal(err)
	}
	vector := Tensor{Name: "m.a.vector", Shape: []int{5}, Data: []float32{1, 2, 3, 4, 5}}
	matrix := Tensor{Name: "m.a.matrix", Shape: []int{40, 30}, Data: make([]float32, 1200)}
	other := Tensor{Name: "m.b", Shape: []int{1}, Data: []float32{1}}
	flat := Tensor{Name: "m.a.matrix", Shape: []int{1200}, Data: make([]float32, 1200)}
	for _, tt := range []struct {
		tensors []Tensor
		want    string
	}{
		{[]Tensor{vector, matrix}, ""},
		{[]Tensor{vector}, "m.a.matrix: the tensors are those of another model: it is missing"},
		{[]Tensor{vector, flat}, "its shape is [1200], [40 30] expected"},
		{[]Tensor{vector, matrix, other}, "there are 3, 2 expected"},
	} {
		set := map[string]Tensor{"other.x": other}
		for _, x := range tt.tensors {
			set[x.Name] = x
		}
		err := p.Load(d, p.Data, set, "m.")
		if tt.want == "" && err != nil {
			t.Error(err)
		}
		if tt.want != "" && (!errors.Is(err, ErrOtherModel) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("got %v, want %q in it", err, tt.want)
		}
	}
	back, err := p.Read(d, p.Data, "")
	if err != nil || !slices.Equal(back[0].Data, vector.Data) {
		t.Errorf("read back %v, %v", back[0], err)
	}
	p.Free()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestBuffers holds that running statistics are read and loaded with the
// values, by name, and are in no gradient and no moment.
func TestBuffers(t *testing.T) {
	d := reference.New()
	p := &Parameters{}
	NewBatchNorm(p, "bn", 3, 1)
	if err := p.Allocate(d, true); err != nil {
		t.Fatal(err)
	}
	if err := p.Draw(d, 1); err != nil {
		t.Fatal(err)
	}
	if p.Words() != 6 || p.Data.Len != p.Grad.Len {
		t.Errorf("%d learned words, %d of values, %d of gradients", p.Words(), p.Data.Len, p.Grad.Len)
	}
	values, err := p.Read(d, p.Data, "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	set := map[string]Tensor{}
	for _, v := range values {
		names = append(names, v.Name)
		set[v.Name] = v
	}
	if want := []string{"bn.weight", "bn.bias", "bn.running_mean", "bn.running_var", "bn.num_batches_tracked"}; !slices.Equal(names, want) {
		t.Errorf("the state is %v, want %v", names, want)
	}
	if v := set["bn.running_var"].Data; !slices.Equal(v, []float32{1, 1, 1}) {
		t.Errorf("the variance begins at %v", v)
	}
	if moments, err := p.Read(d, p.M, ""); err != nil || len(moments) != 2 {
		t.Errorf("%d moments, %v", len(moments), err)
	}
	set["bn.running_mean"] = Tensor{Name: "bn.running_mean", Shape: []int{3}, Data: []float32{7, 8, 9}}
	if err := p.Load(d, p.Data, set, ""); err != nil {
		t.Error(err)
	}
	if values, err = p.Read(d, p.Data, ""); err != nil || !slices.Equal(values[2].Data, []float32{7, 8, 9}) {
		t.Errorf("read back %v, %v", values, err)
	}
	set["bn.running_mean"] = Tensor{Name: "bn.running_mean", Shape: []int{1, 3}, Data: []float32{7, 8, 9}}
	if err := p.Load(d, p.Data, set, ""); err == nil || !strings.Contains(err.Error(), "bn.running_mean: the tensors are those of another model: its shape is [1 3], [3] expected") {
		t.Errorf("a misshapen buffer gives %v", err)
	}
	delete(set, "bn.running_mean")
	if err := p.Load(d, p.Data, set, ""); err == nil || !strings.Contains(err.Error(), "bn.running_mean: the tensors are those of another model: it is missing") {
		t.Errorf("a missing buffer gives %v", err)
	}
	p.Free()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestRounded holds that products take, in BF16, what the parameters are, whatever
// has changed them last, and that tables and vectors have no rounded copy.
func TestRounded(t *testing.T) {
	d := reference.New()
	p := &Parameters{Type: device.BF16}
	p.New("vector", Constant(2), 5)
	p.NewTable("table", Normal(1), 7, 5)
	factor := p.New("factor", Normal(1), 3, 5)
	if err := p.Allocate(d, true); err != nil {
		t.Fatal(err)
	}
	extra, err := d.Alloc(4 * p.Data.Len)
	if err != nil {
		t.Fatal(err)
	}
	average := device.Whole(extra, device.F32)
	back := func() {}
	last := make([]float32, 15)
	for _, change := range []struct {
		what string
		do   func() error
	}{
		{"drawn", func() error { return p.Draw(d, 1) }},
		{"updated", func() error {
			d.Fill(p.Grad, 1)
			norm := average.Slice(0, 1)
			d.Fill(norm, 1)
			p.Update(d, norm, device.AdamW{Rate: 0.1, Epsilon: 1, Correct1: 1, Correct2: 1})
			return nil
		}},
		{"swapped", func() error {
			d.Fill(average, 0.7)
			back = p.Swap(d, average)
			return nil
		}},
		{"swapped back", func() error {
			back()
			return nil
		}},
		{"loaded", func() error {
			list, err := p.Read(d, p.Data, "")
			set := map[string]Tensor{}
			for _, tensor := range list {
				for i := range tensor.Data {
					tensor.Data[i] += 3
				}
				set[tensor.Name] = tensor
			}
			return errors.Join(err, p.Load(d, p.Data, set, ""))
		}},
		{"filled piece by piece, as weights of a file are", func() error {
			d.Write(p.Data, slices.Repeat([]float32{-1.2345}, p.Data.Len))
			p.Filled(d)
			return nil
		}},
	} {
		if err := change.do(); err != nil {
			t.Fatal(err)
		}
		now, rounded := make([]float32, 15), make([]float32, 15)
		wide, err := d.Alloc(4 * 15)
		if err != nil {
			t.Fatal(err)
		}
		d.Convert(device.Whole(wide, device.F32), factor.Rounded)
		if err := errors.Join(d.Read(now, factor.Data), d.Read(rounded, device.Whole(wide, device.F32))); err != nil {
			t.Fatal(err)
		}
		wide.Free()
		if slices.Equal(now, last) {
			t.Errorf("%s: the factor is what it was", change.what)
		}
		last = now
		for i := range now {
			if e := math.Abs(float64(now[i]-rounded[i])) / math.Abs(float64(now[i])); e > 1.0/256 {
				t.Errorf("%s: the factor is %g, its copy %g", change.what, now[i], rounded[i])
			}
		}
	}
	for _, q := range p.List[:2] {
		if !q.Value.Rounded.Absent() {
			t.Errorf("%s has a rounded copy", q.Name)
		}
	}
	extra.Free()
	p.Free()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
