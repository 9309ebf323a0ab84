package clip

import (
	"math"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/nn"
	"github.com/pairloom/pairloom/trainer/token"
)

// Bounds of the logit scale s, of which exp(s) is the inverse temperature.
var (
	firstScale   = math.Log(1 / 0.07)
	largestScale = float32(math.Log(100))
	// siglipScale is SigLIP's first one (arXiv 2303.15343).
	siglipScale = float32(math.Log(10))
)

// An imageTower embeds pictures.
type imageTower interface {
	// pool makes a row of each of batch pictures, and forgets them.
	pool(t *autograd.Tape, pictures *autograd.Value, batch int) *autograd.Value
	// project takes pooled rows to the shared space; they are not yet normalised.
	project(t *autograd.Tape, pooled *autograd.Value) *autograd.Value
	// flops counts the useful operations of both for one picture, and those of
	// them that the first layer takes, whose input needs no gradient.
	flops() (all, first float64)
}

// Model is both towers and the temperature.
type Model struct {
	Config     Config
	Parameters nn.Parameters
	// Levels are what Pictures takes from the levels of pictures and divides them by:
	// those of the public models, where nothing else is set.
	Levels device.Normalization

	image imageTower

	token, textPosition, textProj *autograd.Value // textProj is nil for Caption
	lnFinal                       nn.LayerNorm
	text                          nn.Transformer

	scale *autograd.Value // nil for objectives without a temperature

	// Parts that other objectives than Contrastive have; see objective.go.
	imageHead, textHead nn.Linear // ConVIRT
	predict             nn.Linear // BagOfWords: words; Supervised: classes
	prefix              nn.Linear // Caption: from the picture's feature to a row of text
}

// New describes a model for a vocabulary of the given size. Its parameters have
// no memory until Parameters.Allocate.
func New(c Config, vocabulary int) *Model {
	m := &Model{Config: c, Levels: Public}
	p, tw := &m.Parameters, c.TextWidth
	if c.IsResNet() {
		m.image = newResNet(p, c)
	} else {
		m.image = newViT(p, c)
	}
	switch c.Objective {
	case BagOfWords:
		m.predict = nn.NewLinear(p, "words", c.Embed, vocabulary, nn.Normal(1/math.Sqrt(float64(c.Embed))), nn.Constant(0))
		return m
	case Supervised:
		m.predict = nn.NewLinear(p, "classes", c.Embed, c.Classes, nn.Normal(1/math.Sqrt(float64(c.Embed))), nn.Constant(0))
		return m
	}
	m.token = p.NewTable("token_embedding.weight", nn.Normal(0.02), vocabulary, tw)
	m.textPosition = p.NewTable("positional_embedding", nn.Normal(0.01), c.Context, tw)
	m.text = nn.NewTransformer(p, "transformer", nn.TransformerConfig{Width: tw, Layers: c.TextLayers, Heads: c.TextHeads, Causal: true, QuickGELU: c.QuickGELU, GPT2: true})
	m.lnFinal = nn.NewLayerNorm(p, "ln_final", tw)
	if c.Objective == Caption {
		m.prefix = nn.NewLinear(p, "prefix", c.Embed, tw, nn.Normal(1/math.Sqrt(float64(c.Embed))), nn.Constant(0))
		return m
	}
	m.textProj = p.New("text_projection", nn.Normal(1/math.Sqrt(float64(tw))), tw, c.Embed)
	if c.Objective == ConVIRT {
		draw := nn.Normal(1 / math.Sqrt(float64(c.Embed)))
		m.imageHead = nn.NewLinear(p, "visual.head", c.Embed, c.Embed, draw, nn.Constant(0))
		m.textHead = nn.NewLinear(p, "text_head", c.Embed, c.Embed, draw, nn.Constant(0))
		m.scale = p.NewBuffer("logit_scale", nn.Constant(convirtScale))
		return m
	}
	m.scale = p.New("logit_scale", nn.Constant(firstScale))
	return m
}

// Draw gives every parameter its first value, a function of seed and name. SigLIP
// begins with a temperature of its own.
func (m *Model) Draw(d device.Device, seed int64, siglip bool) error {
	if err := m.Parameters.Draw(d, seed); err != nil || !siglip {
		return err
	}
	d.Write(m.scale.Data, []float32{siglipScale})
	return d.Sync()
}

// Pictures uploads pictures[batch,side,side,3] of bytes, red, green and blue, for
// the methods that take pictures. The slice stays unchanged as long as that of
// device.Device's WriteBytes.
func (m *Model) Pictures(t *autograd.Tape, pictures []byte) *autograd.Value {
	side := m.Config.Resolution
	return t.Pixels(pictures, len(pictures)/(3*side*side), side, m.Levels)
}

// Planes is Pictures of pictures[batch,3,side,side] that are normalised already.
func (m *Model) Planes(t *autograd.Tape, pictures []float32) *autograd.Value {
	size := 3 * m.Config.Resolution * m.Config.Resolution
	return t.Floats(pictures, len(pictures)/size, size)
}

// Images embeds pictures: one row of length 1 a picture.
func (m *Model) Images(t *autograd.Tape, pictures *autograd.Value) *autograd.Value {
	return m.PooledImages(t, m.Pooled(t, pictures))
}

// PooledImages is Images of what Pooled gives.
func (m *Model) PooledImages(t *autograd.Tape, pooled *autograd.Value) *autograd.Value {
	x := m.image.project(t, pooled)
	if m.Config.Objective == ConVIRT {
		x = m.imageHead.Forward(t, t.GELU(x, m.Config.QuickGELU))
	}
	return t.Normalize(x)
}

// Features embeds pictures as Images does, but not to length 1, and without
// ConVIRT's head.
func (m *Model) Features(t *autograd.Tape, pictures *autograd.Value) *autograd.Value {
	return m.image.project(t, m.Pooled(t, pictures))
}

// Pooled is a row a picture before the projection to the shared space, on which
// the CLIP paper fits its linear probes (appendix A.3): of a ViT that of the class
// token, of Config.Width words; of a ResNet the attention pool's output, which is
// of the shared space already.
func (m *Model) Pooled(t *autograd.Tape, pictures *autograd.Value) *autograd.Value {
	return m.image.pool(t, pictures, pictures.Rows)
}

// Texts embeds captions: one row of length 1 a caption. It needs a model that
// has texts; see Config.EmbedsTexts.
func (m *Model) Texts(t *autograd.Tape, captions *token.Captions) *autograd.Value {
	return m.pool(t, m.textRows(t, captions), captions)
}

// textRows is the text tower's last layer: a row a token, not yet normalised.
func (m *Model) textRows(t *autograd.Tape, captions *token.Captions) *autograd.Value {
	positions, longest := make([]int32, 0, len(captions.Tokens)), 0
	for i := range captions.Len() {
		n := int(captions.Offsets[i+1] - captions.Offsets[i])
		for p := range n {
			positions = append(positions, int32(p))
		}
		longest = max(longest, n)
	}
	x := t.Gather(m.token, t.Ints(captions.Tokens), len(captions.Tokens))
	x = t.AddRows(x, m.textPosition, t.Ints(positions))
	return m.text.Forward(t, x, nn.Sequences{Offsets: t.Ints(captions.Offsets), Count: captions.Len(), Longest: longest})
}

// pool embeds each caption by the row of its end token.
func (m *Model) pool(t *autograd.Tape, rows *autograd.Value, captions *token.Captions) *autograd.Value {
	ends := make([]int32, 0, captions.Len())
	for _, end := range captions.Offsets[1:] {
		ends = append(ends, end-1)
	}
	x := t.Project(m.lnFinal.Forward(t, t.Gather(rows, t.Ints(ends), captions.Len())), m.textProj)
	if m.Config.Objective == ConVIRT {
		x = m.textHead.Forward(t, t.GELU(x, m.Config.QuickGELU))
	}
	return t.Normalize(x)
}

// Loss enqueues the forward pass of a batch of Contrastive; the loss goes to
// loss[0]. Tape's Backward gives the gradients.
func (m *Model) Loss(t *autograd.Tape, loss device.Buffer, pictures *autograd.Value, captions *token.Captions) {
	x := m.Images(t, pictures)
	y := m.Texts(t, captions)
	t.Contrastive(loss, x, y, m.scale, 0.5)
}

// Scale is the buffer of the logit scale, absent where the objective has none.
func (m *Model) Scale() device.Buffer {
	if m.scale == nil {
		return device.Buffer{}
	}
	return m.scale.Data
}

// LogitScale is the logit scale for a loss on the tape, or nil.
func (m *Model) LogitScale() *autograd.Value { return m.scale }

// ClampScale limits the logit scale, if there is one, to ln 100, as after each
// update.
func (m *Model) ClampScale(d device.Device) {
	if m.scale != nil {
		d.Clamp(m.scale.Data, 0, largestScale)
	}
}
