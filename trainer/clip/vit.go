package clip

import (
	"math"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/nn"
)

// vit is a transformer over patches and a class token.
type vit struct {
	config                         Config
	patches, class, position, proj *autograd.Value
	lnPre, lnPost                  nn.LayerNorm
	blocks                         nn.Transformer
	layout                         vitLayout
}

func newViT(p *nn.Parameters, c Config) *vit {
	w, rows := c.Width, 1+(c.Resolution/c.Patch)*(c.Resolution/c.Patch)
	draw := nn.Normal(1 / math.Sqrt(float64(w)))
	return &vit{
		config:   c,
		patches:  p.New("visual.conv1.weight", nn.Uniform(1/math.Sqrt(float64(3*c.Patch*c.Patch))), w, 3, c.Patch, c.Patch),
		class:    p.New("visual.class_embedding", draw, w),
		position: p.NewTable("visual.positional_embedding", draw, rows, w),
		lnPre:    nn.NewLayerNorm(p, "visual.ln_pre", w),
		blocks:   nn.NewTransformer(p, "visual.transformer", nn.TransformerConfig{Width: w, Layers: c.Layers, Heads: c.Heads, QuickGELU: c.QuickGELU}),
		lnPost:   nn.NewLayerNorm(p, "visual.ln_post", w),
		proj:     p.New("visual.proj", draw, w, c.Embed),
	}
}

// vitLayout holds the ids that place class token and positions for a batch.
type vitLayout struct {
	batch                           int
	class, position, offsets, first []int32
}

// layoutFor makes the ids for a batch, or hands out those of the last one.
func (v *vit) layoutFor(batch int) *vitLayout {
	l := &v.layout
	if l.batch == batch {
		return l
	}
	rows := v.position.Rows
	*l = vitLayout{batch: batch, offsets: []int32{0}}
	for b := range batch {
		for r := range rows {
			class := int32(-1)
			if r == 0 {
				class = 0
			}
			l.class = append(l.class, class)
			l.position = append(l.position, int32(r))
		}
		l.first = append(l.first, int32(b*rows))
		l.offsets = append(l.offsets, int32((b+1)*rows))
	}
	return l
}

func (v *vit) pool(t *autograd.Tape, pictures *autograd.Value, batch int) *autograd.Value {
	l := v.layoutFor(batch)
	cut := t.Patchify(pictures, batch, v.config.Resolution, v.config.Patch)
	t.Forget(pictures)
	x := t.Linear(cut, v.patches, nil)
	t.Forget(cut)
	x = t.AddRows(x, v.class, t.Ints(l.class))
	before := t.AddRows(x, v.position, t.Ints(l.position))
	x = v.lnPre.Forward(t, before)
	t.Forget(before)
	x = v.blocks.Forward(t, x, nn.Sequences{Offsets: t.Ints(l.offsets), Count: batch, Longest: v.position.Rows})
	return v.lnPost.Forward(t, t.Gather(x, t.Ints(l.first), batch))
}

func (v *vit) project(t *autograd.Tape, pooled *autograd.Value) *autograd.Value {
	return t.Project(pooled, v.proj)
}

func (v *vit) flops() (all, first float64) {
	c, rows, w := v.config, float64(v.position.Rows), float64(v.config.Width)
	patches := 2 * (rows - 1) * w * float64(3*c.Patch*c.Patch)
	return patches + float64(c.Layers)*(blockFlops(rows, w)+4*rows*rows*w) + 2*w*float64(c.Embed), patches
}
