package clip

import (
	"fmt"
	"math"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/nn"
)

// resnet is CLIP's modified ResNet: a stem of three 3x3 convolutions (ResNet-D),
// bottlenecks that pool instead of striding, and an attention pool.
type resnet struct {
	config        Config
	conv1         *autograd.Value
	conv2, conv3  nn.Convolution3x3
	bn1, bn2, bn3 nn.BatchNorm
	layers        [][]nn.Bottleneck
	attention     nn.AttentionPool

	batch            int // of the ids below
	positions, first []int32
}

// reduction is the ratio of a picture's side to that of the last layer.
const reduction = 32

// channels of the last layer, planes of layer l.
func (c Config) channels() int        { return c.planes(len(c.Blocks)-1) * nn.Expansion }
func (c Config) planes(layer int) int { return c.Width << layer }

func newResNet(p *nn.Parameters, c Config) *resnet {
	w, side := c.Width, c.Resolution/reduction
	r := &resnet{config: c}
	// 27 words are the window of 3 channels that a row of Unfold holds.
	r.conv1 = p.New("visual.conv1.weight", nn.Uniform(1/math.Sqrt(27)), w/2, 3, 3, 3)
	r.bn1 = nn.NewBatchNorm(p, "visual.bn1", w/2, 1)
	r.conv2, r.bn2 = nn.NewConvolution3x3(p, "visual.conv2", w/2, w/2), nn.NewBatchNorm(p, "visual.bn2", w/2, 1)
	r.conv3, r.bn3 = nn.NewConvolution3x3(p, "visual.conv3", w/2, w), nn.NewBatchNorm(p, "visual.bn3", w, 1)
	in := w
	for l, blocks := range c.Blocks {
		var layer []nn.Bottleneck
		for b := range blocks {
			layer = append(layer, nn.NewBottleneck(p, fmt.Sprintf("visual.layer%d.%d", l+1, b), in, c.planes(l), l > 0 && b == 0))
			in = c.planes(l) * nn.Expansion
		}
		r.layers = append(r.layers, layer)
	}
	r.attention = nn.NewAttentionPool(p, "visual.attnpool", side*side, c.channels(), c.Heads, c.Embed)
	return r
}

func (r *resnet) pool(t *autograd.Tape, pictures *autograd.Value, batch int) *autograd.Value {
	side := r.config.Resolution / 2
	windows := t.Unfold(pictures, batch, r.config.Resolution)
	t.Forget(pictures)
	x := t.Linear(windows, r.conv1, nil)
	t.Forget(windows)
	x = r.conv2.Forward(t, r.bn1.ReLU(t, x), side)
	x = r.conv3.Forward(t, r.bn2.ReLU(t, x), side)
	y := r.bn3.ReLU(t, x)
	x = t.AvgPool(y, side)
	t.Forget(y)
	side /= 2
	for _, layer := range r.layers {
		for _, block := range layer {
			x = block.Forward(t, x, side)
			side = block.Side(side)
		}
	}
	if r.batch != batch {
		r.batch, r.positions, r.first = batch, nil, nil
		for b := range batch {
			r.first = append(r.first, int32(b*(1+side*side)))
			for i := range 1 + side*side {
				r.positions = append(r.positions, int32(i))
			}
		}
	}
	return r.attention.Forward(t, x, batch, r.positions, r.first)
}

// project has nothing to do: the attention pool's last layer did it.
func (r *resnet) project(_ *autograd.Tape, pooled *autograd.Value) *autograd.Value { return pooled }

// flops counts products alone, and of the attention pool what is computed:
// projections of one row, and the heads' sums over rows.
func (r *resnet) flops() (all, first float64) {
	c := r.config
	w, side := float64(c.Width), c.Resolution/2
	stem := float64(side*side) * 27 * w / 2
	products := stem + float64(side*side)*(9*w/2*w/2+9*w/2*w)
	side /= 2
	in := w
	for l, layer := range r.layers {
		planes := float64(c.planes(l))
		out := planes * nn.Expansion
		for b := range layer {
			before := float64(side * side)
			if b == 0 && l > 0 {
				side /= 2
			}
			rows := float64(side * side)
			products += before*(in*planes+9*planes*planes) + rows*planes*out
			if b == 0 {
				products += rows * in * out
			}
			in = out
		}
	}
	products += 3*in*in + in*float64(c.Embed) + 2*float64(1+side*side)*in*float64(c.Heads)
	return 2 * products, 2 * stem
}
