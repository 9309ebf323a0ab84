package clip

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/device/cpu"
	"github.com/pairloom/pairloom/trainer/nn"
)

// TestPublicNames holds the names and shapes of the state dict, and the count
// of learned parameters, against open_clip's; testdata/names.py wrote them.
func TestPublicNames(t *testing.T) {
	for _, name := range []string{"rn50", "vit-b-32"} {
		f, err := os.Open("testdata/names-" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var want []string
		for lines := bufio.NewScanner(f); lines.Scan(); {
			want = append(want, lines.Text())
		}
		c, err := Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		p := &New(c, 49408).Parameters
		if got := fmt.Sprint(p.Words()); got != want[0] {
			t.Errorf("%s has %s parameters, open_clip's %s", name, got, want[0])
		}
		var got []string
		for _, q := range slices.Concat(p.List, p.Buffers) {
			got = append(got, strings.Join(strings.Fields(q.Name+" "+strings.Trim(fmt.Sprint(q.Shape), "[]")), " "))
		}
		slices.Sort(got)
		slices.Sort(want[1:])
		if len(got) != len(want)-1 {
			t.Errorf("%s has %d tensors, open_clip's %d", name, len(got), len(want)-1)
		}
		for i := range min(len(got), len(want)-1) {
			if got[i] != want[1+i] {
				t.Fatalf("%s: tensor %q where open_clip has %q", name, got[i], want[1+i])
			}
		}
	}
}

// TestCounts holds the other public models' learned parameters against
// open_clip's.
func TestCounts(t *testing.T) {
	for name, want := range map[string]int{
		"rn101": 119688033, "rn50x4": 178300601, "rn50x16": 290979217, "rn50x64": 623258305,
		"vit-b-16": 149620737, "vit-l-14": 427616513, "vit-l-14-336": 427944193,
	} {
		c, err := Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := New(c, 49408).Parameters.Words(); got != want {
			t.Errorf("%s has %d parameters, open_clip's %d", name, got, want)
		}
	}
}

// state reads the running statistics.
func (r *run) state(t *testing.T) []nn.Tensor {
	t.Helper()
	p := &r.model.Parameters
	all, err := p.Read(r.dev, p.Data, "")
	if err != nil {
		t.Fatal(err)
	}
	return all[len(p.List):]
}

func equalTensors(a, b []nn.Tensor) bool {
	return slices.EqualFunc(a, b, func(a, b nn.Tensor) bool { return slices.Equal(a.Data, b.Data) })
}

// TestStatistics holds what each kind of tape does with batch norms: training
// moves the running statistics once a step, a rehearsal gives the same
// embeddings and moves nothing, evaluation sees each picture for itself.
func TestStatistics(t *testing.T) {
	const batch = 5
	pictures, captions := fakeBatch(tinyResNet, batch, 30)
	r := start(t, cpu.Open(1), tinyResNet, 30)
	r.stir(t)
	embed := func(tape *autograd.Tape, pictures []float32) []float32 {
		x := r.read(t, r.model.Images(tape, r.model.Planes(tape, pictures)).Data)
		tape.Reset()
		return x
	}
	fresh := r.state(t)
	rehearsed := embed(autograd.Rehearse(r.dev, r.pool), pictures)
	if !equalTensors(fresh, r.state(t)) {
		t.Error("a rehearsal moved running statistics")
	}
	if trained := embed(autograd.New(r.dev, r.pool), pictures); !slices.Equal(trained, rehearsed) {
		t.Error("a rehearsal gives other embeddings than training")
	}
	r.step(pictures, captions)
	for _, s := range r.state(t) {
		if strings.HasSuffix(s.Name, "num_batches_tracked") && s.Data[0] != 2 {
			t.Errorf("%s is %g after two batches", s.Name, s.Data[0])
		}
	}

	moved := r.state(t)
	together := embed(autograd.Evaluate(r.dev, r.pool), pictures)
	if !equalTensors(moved, r.state(t)) {
		t.Error("evaluation moved running statistics")
	}
	if slices.Equal(together, rehearsed) {
		t.Error("evaluation gives the embeddings of training")
	}
	size := len(pictures) / batch
	for i := range batch {
		for j, v := range embed(autograd.Evaluate(r.dev, r.pool), pictures[i*size:(i+1)*size]) {
			if w := together[i*tinyResNet.Embed+j]; math.Abs(float64(v-w)) > 1e-5 {
				t.Fatalf("picture %d: word %d is %g alone and %g in the batch", i, j, v, w)
			}
		}
	}
}

// TestEvaluationIsLean holds that an evaluation of a ResNet keeps few values at
// a time: less memory than half a training step's.
func TestEvaluationIsLean(t *testing.T) {
	c, err := Preset("rn-nano")
	if err != nil {
		t.Fatal(err)
	}
	pictures, captions := fakeBatch(c, 32, 30)
	evaluation, training := start(t, cpu.Open(1), c, 30), start(t, cpu.Open(1), c, 30)
	before := evaluation.dev.Bytes()
	tape := autograd.Evaluate(evaluation.dev, evaluation.pool)
	evaluation.model.Images(tape, evaluation.model.Planes(tape, pictures))
	tape.Reset()
	training.step(pictures, captions)
	if a, b := evaluation.dev.Bytes()-before, training.dev.Bytes()-before; a > b/2 {
		t.Errorf("evaluation took %d bytes, a step of training %d", a, b)
	}
}

// TestFlops holds the count of operations of RN50 against one made from the
// shapes of its weights.
func TestFlops(t *testing.T) {
	c, err := Preset("rn50")
	if err != nil {
		t.Fatal(err)
	}
	m := New(c, 100)
	var macs float64
	side := 112.0
	for _, q := range m.Parameters.List {
		if len(q.Shape) != 4 {
			continue
		}
		at := side
		switch {
		case strings.HasPrefix(q.Name, "visual.conv"):
		case strings.HasPrefix(q.Name, "visual.layer"):
			layer := int(q.Name[len("visual.layer")] - '0')
			at = 112 / math.Pow(2, float64(layer))
			// What precedes the pool of a first block has the side of the layer before.
			if layer > 1 && strings.Contains(q.Name, ".0.conv") && !strings.Contains(q.Name, "conv3") {
				at *= 2
			}
		}
		macs += at * at * float64(q.Words())
	}
	w := float64(c.channels())
	pool := 3*w*w + w*float64(c.Embed) + 2*50*w*float64(c.Heads)
	got, first := m.image.flops()
	if want := 2 * (macs + pool); math.Abs(got-want) > 1 {
		t.Errorf("%g operations, want %g", got, want)
	}
	if want := 2 * 112 * 112 * 27 * 32.0; first != want {
		t.Errorf("%g of them in the first layer, want %g", first, want)
	}
}
