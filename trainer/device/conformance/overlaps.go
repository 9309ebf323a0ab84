package conformance

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
)

// An overlap is a call of an operation with one buffer for each operand, those
// that it writes first.
type overlap struct {
	name     string
	operands string // a letter each: T activations, F float32, I offsets, J ids, K ids of which none is below 0, B bytes
	written  int
	may      [][2]int // result and operand that may be one
	types    []device.Type
	call     func(d device.Device, b []device.Buffer)
}

var (
	bothTypes = []device.Type{device.F32, device.BF16}
	wideOnly  = []device.Type{device.F32}
)

// overlaps lists all operations that write beside what they read. Each operand has
// room for overlapElements, which every shape here fits into.
func overlaps() []overlap {
	const rows, cols = 6, 8
	attention := device.AttentionShape{Rows: rows, Sequences: 2, Longest: 4, Width: cols, Heads: 2}
	pool := device.AttentionPool{Batch: 2, Tokens: 3, Width: cols, Heads: 2}
	conv := device.Conv3x3{Batch: 1, Side: 2, In: cols, Out: cols}
	type dev = device.Device
	type bufs = []device.Buffer
	return []overlap{
		{"pixels", "TB", 1, nil, bothTypes, func(d dev, b bufs) {
			d.Pixels(b[0], b[1], 1, 4, device.Normalization{Deviation: [3]float32{1, 1, 1}})
		}},
		{"matmul", "TTT", 1, nil, bothTypes, func(d dev, b bufs) { d.MatMul(b[0], b[1], b[2], rows, cols, cols, false, true, 0) }},
		{"linear", "TTTFT", 1, [][2]int{{0, 4}}, bothTypes, func(d dev, b bufs) {
			d.Linear(b[0], b[1], b[2], rows, cols, cols, device.Epilogue{Bias: b[3], Residual: b[4]})
		}},
		{"linear, gelu", "TTTTFT", 2, [][2]int{{0, 5}}, bothTypes, func(d dev, b bufs) {
			d.Linear(b[0], b[2], b[3], rows, cols, cols, device.Epilogue{Bias: b[4], Activation: device.GELU, Pre: b[1], Residual: b[5]})
		}},
		{"linear backward", "TFFTTTT", 3, nil, bothTypes, func(d dev, b bufs) {
			d.LinearBackward(b[0], b[1], b[2], b[3], b[4], b[5], rows, cols, cols, device.BackwardEpilogue{Activation: device.GELU, Pre: b[6]})
		}},
		{"bias", "TF", 1, nil, bothTypes, func(d dev, b bufs) { d.Bias(b[0], b[1], rows, cols) }},
		{"bias backward", "FT", 1, nil, bothTypes, func(d dev, b bufs) { d.BiasBackward(b[0], b[1], rows, cols) }},
		{"sum", "TTT", 1, [][2]int{{0, 1}, {0, 2}}, bothTypes, func(d dev, b bufs) { d.Sum(b[0], b[1], b[2]) }},
		{"copy", "TT", 1, nil, bothTypes, func(d dev, b bufs) { d.Copy(b[0], b[1]) }},
		{"blend", "FF", 1, nil, wideOnly, func(d dev, b bufs) { d.Blend(b[0], b[1], 0.5) }},
		{"layer norm", "TFTFF", 2, nil, bothTypes, func(d dev, b bufs) { d.LayerNorm(b[0], b[1], b[2], b[3], b[4], rows, cols, 1e-5) }},
		{"layer norm backward", "TFFTFTF", 3, nil, bothTypes, func(d dev, b bufs) {
			d.LayerNormBackward(b[0], b[1], b[2], b[3], b[4], b[5], b[6], rows, cols, 0)
		}},
		{"gelu", "TT", 1, nil, bothTypes, func(d dev, b bufs) { d.GELU(b[0], b[1], false) }},
		{"gelu backward", "TTT", 1, [][2]int{{0, 1}}, bothTypes, func(d dev, b bufs) { d.GELUBackward(b[0], b[1], b[2], false) }},
		{"attention", "TFTI", 2, nil, bothTypes, func(d dev, b bufs) { d.Attention(b[0], b[1], b[2], b[3], attention) }},
		{"attention backward", "TTTFTI", 1, nil, bothTypes, func(d dev, b bufs) {
			d.AttentionBackward(b[0], b[1], b[2], b[3], b[4], b[5], attention)
		}},
		{"gather", "TFJ", 1, nil, bothTypes, func(d dev, b bufs) { d.Gather(b[0], b[1], b[2], rows, cols, 1) }},
		{"gather backward", "FTJ", 1, nil, bothTypes, func(d dev, b bufs) { d.GatherBackward(b[0], b[1], b[2], rows, cols) }},
		{"gather of activations", "TTJ", 1, nil, bothTypes, func(d dev, b bufs) { d.Gather(b[0], b[1], b[2], rows, cols, 1) }},
		{"patchify", "TT", 1, nil, bothTypes, func(d dev, b bufs) { d.Patchify(b[0], b[1], 1, 4, 2) }},
		{"unfold", "TT", 1, nil, bothTypes, func(d dev, b bufs) { d.Unfold(b[0], b[1], 1, 4) }},
		{"convolution", "TTT", 1, nil, bothTypes, func(d dev, b bufs) { d.Conv3x3(b[0], b[1], b[2], conv) }},
		{"convolution backward data", "TTT", 1, nil, bothTypes, func(d dev, b bufs) { d.Conv3x3BackwardData(b[0], b[1], b[2], conv) }},
		{"convolution backward weights", "FTT", 1, nil, bothTypes, func(d dev, b bufs) { d.Conv3x3BackwardWeights(b[0], b[1], b[2], conv) }},
		{"batch statistics", "FFFFT", 4, nil, bothTypes, func(d dev, b bufs) {
			d.BatchStats(b[0], b[4], device.Running{Mean: b[1], Variance: b[2], Count: b[3]}, rows, cols, 1e-5, 0.1)
		}},
		{"running statistics", "FFFF", 1, nil, wideOnly, func(d dev, b bufs) {
			d.RunningStats(b[0], device.Running{Mean: b[1], Variance: b[2], Count: b[3]}, cols, 1e-5)
		}},
		{"batch norm", "TTFFFT", 1, [][2]int{{0, 1}, {0, 5}}, bothTypes, func(d dev, b bufs) {
			d.BatchNorm(b[0], b[1], b[2], b[3], b[4], b[5], rows, cols, true)
		}},
		{"batch norm backward", "TFFTTFFF", 3, [][2]int{{0, 3}, {0, 4}}, bothTypes, func(d dev, b bufs) {
			d.BatchNormBackward(b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], device.Buffer{}, rows, cols, true)
		}},
		{"batch norm backward, shortcut", "TFFTTFFFT", 4, [][2]int{{0, 4}}, bothTypes, func(d dev, b bufs) {
			d.BatchNormBackward(b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], rows, cols, true)
		}},
		{"average pool", "TT", 1, nil, bothTypes, func(d dev, b bufs) { d.AvgPool(b[0], b[1], 1, 4, cols) }},
		{"average pool backward", "TT", 1, nil, bothTypes, func(d dev, b bufs) { d.AvgPoolBackward(b[0], b[1], 1, 4, cols, 0) }},
		{"mean token", "TT", 1, nil, bothTypes, func(d dev, b bufs) { d.MeanToken(b[0], b[1], 2, 3, cols) }},
		{"mean token backward", "TT", 1, nil, bothTypes, func(d dev, b bufs) { d.MeanTokenBackward(b[0], b[1], 2, 3, cols) }},
		{"attention pool", "TTTTT", 1, nil, bothTypes, func(d dev, b bufs) { d.AttentionPool(b[0], b[1], b[2], b[3], b[4], pool) }},
		{"attention pool backward", "TTFFTTTTT", 4, nil, bothTypes, func(d dev, b bufs) {
			d.AttentionPoolBackward(b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], pool)
		}},
		{"normalize", "FFF", 2, nil, wideOnly, func(d dev, b bufs) { d.Normalize(b[0], b[1], b[2], rows, cols) }},
		{"normalize backward", "FFFF", 1, nil, wideOnly, func(d dev, b bufs) { d.NormalizeBackward(b[0], b[1], b[2], b[3], rows, cols) }},
		{"contrastive", "FFFFF", 2, nil, wideOnly, func(d dev, b bufs) { d.Contrastive(b[0], b[1], b[2], b[3], b[4], rows, cols, 0.5) }},
		{"contrastive backward", "FFFFFFF", 3, nil, wideOnly, func(d dev, b bufs) {
			d.ContrastiveBackward(b[0], b[1], b[2], b[3], b[4], b[5], b[6], rows, cols, 0.5)
		}},
		{"siglip", "FFFFF", 1, nil, wideOnly, func(d dev, b bufs) { d.Siglip(b[0], b[1], b[2], b[3], b[4], rows, cols) }},
		{"siglip backward", "FFFFFFFF", 4, nil, wideOnly, func(d dev, b bufs) {
			d.SiglipBackward(b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], rows, cols)
		}},
		{"cross entropy", "FFFKI", 2, nil, wideOnly, func(d dev, b bufs) { d.CrossEntropy(b[0], b[1], b[2], b[3], b[4], 2, cols) }},
		{"cross entropy backward", "FFFKI", 1, [][2]int{{0, 2}}, wideOnly, func(d dev, b bufs) {
			d.CrossEntropyBackward(b[0], b[1], b[2], b[3], b[4], 2, cols, 1)
		}},
		{"squared norm", "FF", 1, nil, wideOnly, func(d dev, b bufs) { d.SquaredNorm(b[0].Slice(0, 1), b[1]) }},
		{"adamw", "FFFFF", 3, nil, wideOnly, func(d dev, b bufs) {
			d.AdamW(b[0], b[3], b[1], b[2], b[4], device.AdamW{Rate: 0.1, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, Correct1: 1, Correct2: 1})
		}},
	}
}

const (
	overlapElements = 1024
	overlapSeen     = 16 // the least that a call with a result over an operand writes
)

// operandsOf are fresh buffers for a call, of the same content each time.
func operandsOf(b *bench, o overlap, t device.Type) []device.Buffer {
	b.drawn = 0
	var list []device.Buffer
	for _, kind := range o.operands {
		switch kind {
		case 'T':
			list = append(list, b.draw(t, overlapElements))
		case 'F':
			list = append(list, b.draw(device.F32, overlapElements))
		case 'I':
			list = append(list, b.ints(append([]int32{0, 2, 6}, make([]int32, 61)...)...))
		case 'J':
			list = append(list, b.ints(append([]int32{3, -1, 0, 3, 1, 2}, make([]int32, 58)...)...))
		case 'K':
			list = append(list, b.ints(append([]int32{3, 0, 7, 3, 1, 2}, make([]int32, 58)...)...))
		case 'B':
			list = append(list, b.bytes(overlapElements))
		}
	}
	return list
}

// checkOverlaps holds that results may lie over the operands that the docs name,
// with the same bits as apart, and that every other overlap panics at the call.
func checkOverlaps(t *testing.T, open func() device.Device) {
	d := open()
	defer closeDevice(t, d)
	for _, o := range overlaps() {
		for _, typ := range o.types {
			apart := written(t, d, o, typ, -1, -1)
			for i := range o.written {
				for j := range o.operands {
					if j == i {
						continue
					}
					allowed := slices.Contains(o.may, [2]int{i, j})
					got, panicked := tried(t, d, o, typ, i, j)
					switch {
					case allowed && panicked != "":
						t.Errorf("%s, %s: result %d over operand %d: %s", o.name, typ, i, j, panicked)
					case allowed && !slices.Equal(got[i][:overlapSeen], apart[i][:overlapSeen]):
						t.Errorf("%s, %s: result %d over operand %d differs from that apart", o.name, typ, i, j)
					case !allowed && panicked == "":
						t.Errorf("%s, %s: result %d over operand %d was accepted", o.name, typ, i, j)
					}
				}
			}
		}
	}
}

func tried(t *testing.T, d device.Device, o overlap, typ device.Type, i, j int) (got [][]float32, panicked string) {
	defer func() {
		if r := recover(); r != nil {
			panicked = fmt.Sprint(r)
		}
	}()
	return written(t, device.Strict{Device: d}, o, typ, i, j), ""
}

// written is what a call wrote, with result i in operand j's place unless i is -1.
func written(t *testing.T, d device.Device, o overlap, typ device.Type, i, j int) [][]float32 {
	b := &bench{Device: d, t: t}
	defer b.free()
	list := operandsOf(b, o, typ)
	if i >= 0 {
		at := list[j]
		at.Type = list[i].Type
		at.Len = min(at.Len*list[j].Type.Bytes()/at.Type.Bytes(), overlapElements)
		list[i] = at
	}
	o.call(d, list)
	var rows [][]float32
	for _, x := range list[:o.written] {
		rows = append(rows, b.read(x))
	}
	return rows
}
