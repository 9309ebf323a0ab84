package nn

import (
	"fmt"
	"math"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/device"
)

// TransformerConfig is the shape of a stack of residual attention blocks.
type TransformerConfig struct {
	Width, Layers, Heads int
	Causal               bool
	QuickGELU            bool
	// GPT2 draws weights as the text tower does, with residual projections
	// scaled down by depth; otherwise the draws are those of the public ViT.
	GPT2 bool
}

// Transformer is x + attn(ln_1 x), then x + mlp(ln_2 x), for each block.
type Transformer struct {
	// Recompute keeps the inputs of blocks alone, and computes what is inside
	// again on the way back.
	Recompute bool

	config TransformerConfig
	blocks []block
}

type block struct {
	ln1, ln2             LayerNorm
	inWeight, inBias     *autograd.Value
	out, expand, project Linear
}

// NewTransformer makes name.resblocks.N with the public names.
func NewTransformer(p *Parameters, name string, c TransformerConfig) Transformer {
	w := c.Width
	in, out := Uniform(math.Sqrt(6/float64(4*w))), Uniform(inverseRoot(w))
	expand, project := Uniform(inverseRoot(w)), Uniform(inverseRoot(4*w))
	if c.GPT2 {
		residual := Normal(inverseRoot(w) * inverseRoot(2*c.Layers))
		in, out = Normal(inverseRoot(w)), residual
		expand, project = Normal(inverseRoot(2*w)), residual
	}
	t := Transformer{config: c}
	for i := range c.Layers {
		at := fmt.Sprintf("%s.resblocks.%d.", name, i)
		t.blocks = append(t.blocks, block{
			inWeight: p.New(at+"attn.in_proj_weight", in, 3*w, w),
			inBias:   p.New(at+"attn.in_proj_bias", Constant(0), 3*w),
			out:      NewLinear(p, at+"attn.out_proj", w, w, out, Constant(0)),
			ln1:      NewLayerNorm(p, at+"ln_1", w),
			expand:   NewLinear(p, at+"mlp.c_fc", w, 4*w, expand, nil),
			project:  NewLinear(p, at+"mlp.c_proj", 4*w, w, project, nil),
			ln2:      NewLayerNorm(p, at+"ln_2", w),
		})
	}
	return t
}

// Sequences says how the rows of a batch divide into sequences.
type Sequences struct {
	Offsets        device.Buffer // int32, Count+1 of them
	Count, Longest int
}

// Forward runs all blocks over x, whose rows are sequences end to end, and forgets
// what no block needs any more, x among it.
func (t Transformer) Forward(tape *autograd.Tape, x *autograd.Value, s Sequences) *autograd.Value {
	shape := device.AttentionShape{
		Rows: x.Rows, Sequences: s.Count, Longest: s.Longest,
		Width: t.config.Width, Heads: t.config.Heads, Causal: t.config.Causal,
	}
	act := device.GELU
	if t.config.QuickGELU {
		act = device.QuickGELU
	}
	for _, b := range t.blocks {
		forward := func(tape *autograd.Tape, x *autograd.Value) *autograd.Value {
			qkv := tape.NormLinear(x, b.ln1.gain, b.ln1.shift, Epsilon, b.inWeight, b.inBias, device.NoActivation)
			attended := tape.Attention(qkv, s.Offsets, shape)
			tape.Forget(qkv)
			y := tape.AddLinear(x, attended, b.out.weight, b.out.bias)
			tape.Forget(attended)
			tape.Forget(x)
			hidden := tape.NormLinear(y, b.ln2.gain, b.ln2.shift, Epsilon, b.expand.weight, b.expand.bias, act)
			z := tape.AddLinear(y, hidden, b.project.weight, b.project.bias)
			tape.Forget(hidden)
			tape.Forget(y)
			return z
		}
		if t.Recompute {
			x = tape.Recompute(x, forward)
		} else {
			x = forward(tape, x)
		}
	}
	return x
}
