package conformance

import (
	_ "embed"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/device"
)

// golden is what PyTorch makes of each operation in float64; the script that
// wrote it is beside it, and says what is in it.
//
//go:embed testdata/golden.safetensors
var golden []byte

// goldenTolerance is the largest RelativeError allowed.
const goldenTolerance = 1e-5

// goldenOperations are the cases of the file.
func goldenOperations() []operation {
	var list []operation
	for _, t := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
		list = append(list, matmul(13, 20, 33, t[0], t[1]))
	}
	list = append(list, bias(33, 21), layerNorm(17, 96), gelu(257, false), gelu(257, true))
	for _, causal := range []bool{false, true} {
		list = append(list, attention([]int{7, 1, 21, 9}, 32, 2, causal))
	}
	list = append(list, gather(9, 37), normalize(17, 48), contrastive(33, 20), siglip(33, 20), conv3x3(device.Conv3x3{Batch: 2, Side: 7, In: 16, Out: 12}))
	for _, relu := range []bool{false, true} {
		for _, shortcut := range []bool{false, true} {
			list = append(list, batchNorm(40, 13, relu, shortcut))
		}
	}
	return append(list, avgPool(2, 6, 20), meanToken(3, 9, 16), attentionPool(device.AttentionPool{Batch: 3, Tokens: 10, Width: 32, Heads: 2}),
		stem(2, 10, 12), patches(2, 12, 4, 10), adamw(131, 8))
}

// stem is the 3x3 convolution of stride 2 that a ResNet starts with.
func stem(batch, side, out int) operation {
	rows := batch * side / 2 * side / 2
	return operation{
		name: fmt.Sprintf("stem/%dx%d/%d", batch, side, out),
		device: func(b *bench, in []device.Buffer, dy device.Buffer) (device.Buffer, []device.Buffer) {
			windows, y, dw := b.zeros(rows*27), b.zeros(rows*out), b.zeros(out*27)
			b.Unfold(windows, in[0], batch, side)
			b.MatMul(y, windows, in[1], rows, out, 27, false, true, 0)
			b.MatMul(dw, dy, windows, out, 27, rows, true, false, 0)
			return y, []device.Buffer{{}, dw}
		},
	}
}

// patches is the convolution that a ViT starts with, and a row of zeros for the
// class token.
func patches(batch, side, patch, width int) operation {
	rows, pixels := batch*(1+(side/patch)*(side/patch)), 3*patch*patch
	return operation{
		name: fmt.Sprintf("patches/%dx%d/%d/%d", batch, side, patch, width),
		device: func(b *bench, in []device.Buffer, dy device.Buffer) (device.Buffer, []device.Buffer) {
			cut, y, dw := b.zeros(rows*pixels), b.zeros(rows*width), b.zeros(width*pixels)
			b.Patchify(cut, in[0], batch, side, patch)
			b.MatMul(y, cut, in[1], rows, width, pixels, false, true, 0)
			b.MatMul(dw, dy, cut, width, pixels, rows, true, false, 0)
			return y, []device.Buffer{{}, dw}
		},
	}
}

// adamw takes steps with clipping; the moments stand in the gradients' places.
func adamw(n, steps int) operation {
	return operation{
		name: fmt.Sprintf("adamw/%dx%d", n, steps),
		device: func(b *bench, in []device.Buffer, _ device.Buffer) (device.Buffer, []device.Buffer) {
			m, v, norm := b.zeros(n), b.zeros(n), b.zeros(1)
			for s := range steps {
				grad := in[1].Slice(s*n, n)
				b.SquaredNorm(norm, grad)
				b.AdamW(in[0], grad, m, v, norm, device.AdamW{
					Rate: 0.01, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, Decay: 0.2, Clip: 0.5,
					Correct1: float32(1 - math.Pow(0.9, float64(s+1))), Correct2: float32(1 - math.Pow(0.98, float64(s+1))),
				})
			}
			return in[0], []device.Buffer{m, v}
		},
	}
}

// equality is the worst error of a backend against PyTorch, by operation.
type equality struct{ forward, gradients float64 }

// worstOf keeps the worst error of each backend and operation in this process.
var worstOf = map[string]map[string]equality{}

// checkGolden holds each operation against PyTorch's numbers.
func checkGolden(t *testing.T, open func() device.Device) {
	list, _, err := checkpoint.Decode(golden)
	if err != nil {
		t.Fatal(err)
	}
	set := map[string][]float32{}
	for _, tensor := range list {
		set[tensor.Name] = tensor.Data
	}
	var backend string
	used := 0
	for _, op := range goldenOperations() {
		t.Run(op.name, func(t *testing.T) {
			d := open()
			defer closeDevice(t, d)
			backend = strings.Fields(d.Name())[0]
			b := &bench{Device: d, t: t}
			defer b.free()
			var in []device.Buffer
			for set[fmt.Sprintf("%s/in%d", op.name, len(in))] != nil {
				in = append(in, b.floats(set[fmt.Sprintf("%s/in%d", op.name, len(in))]...))
			}
			want, dy := set[op.name+"/y"], set[op.name+"/dy"]
			if len(in) == 0 || want == nil || dy == nil {
				t.Fatal("the golden file has no such case; write it anew with golden.py")
			}
			used += len(in) + 2
			y, grads := op.device(b, in, b.floats(dy...))
			e := equality{forward: RelativeError(b.read(y), want)}
			if e.forward > goldenTolerance {
				t.Errorf("forward differs by %.2g", e.forward)
			}
			for i, g := range grads {
				if g.Absent() {
					continue
				}
				want := set[fmt.Sprintf("%s/d%d", op.name, i)]
				if want == nil {
					t.Fatalf("the golden file has no gradient %d", i)
				}
				used++
				part := RelativeError(b.read(g), want)
				if part > goldenTolerance {
					t.Errorf("gradient %d differs by %.2g", i, part)
				}
				e.gradients = max(e.gradients, part)
			}
			t.Logf("forward differs by %.1e, gradients by %.1e", e.forward, e.gradients)
			all := worstOf[backend]
			if all == nil {
				all = map[string]equality{}
				worstOf[backend] = all
			}
			all[op.name] = equality{max(all[op.name].forward, e.forward), max(all[op.name].gradients, e.gradients)}
		})
	}
	if used != len(set) && !t.Failed() {
		t.Errorf("%d tensors of %d in the golden file were used", used, len(set))
	}
	rows := [][]string{{"operation", "result", "gradients"}}
	for _, op := range goldenOperations() {
		e := worstOf[backend][op.name]
		rows = append(rows, []string{"`" + op.name + "`", fmt.Sprintf("%.1e", e.forward), fmt.Sprintf("%.1e", e.gradients)})
	}
	Report(t, "operations, backend "+backend, rows)
}
