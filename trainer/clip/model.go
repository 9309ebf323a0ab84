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
)

// An imageTower embeds pictures.
type imageTower interface {
	// forward embeds batch pictures, a row each, not yet normalised.
	forward(t *autograd.Tape, pictures *autograd.Value, batch int) *autograd.Value
	// flops counts the useful operations forward for one picture.
	flops() float64
}

// Model is both towers and the temperature.
type Model struct {
	Config     Config
	Parameters nn.Parameters

	image imageTower

	token, textPosition, textProj *autograd.Value
	lnFinal                       nn.LayerNorm
	text                          nn.Transformer

	scale *autograd.Value
}

// New describes a model for a vocabulary of the given size. Its parameters have
// no memory until Parameters.Allocate.
func New(c Config, vocabulary int) *Model {
	m := &Model{Config: c}
	p, tw := &m.Parameters, c.TextWidth
	if c.IsResNet() {
		m.image = newResNet(p, c)
	} else {
		m.image = newViT(p, c)
	}
	m.token = p.New("token_embedding.weight", nn.Normal(0.02), vocabulary, tw)
	m.textPosition = p.New("positional_embedding", nn.Normal(0.01), c.Context, tw)
	m.text = nn.NewTransformer(p, "transformer", nn.TransformerConfig{Width: tw, Layers: c.TextLayers, Heads: c.TextHeads, Causal: true, QuickGELU: c.QuickGELU, GPT2: true})
	m.lnFinal = nn.NewLayerNorm(p, "ln_final", tw)
	m.textProj = p.New("text_projection", nn.Normal(1/math.Sqrt(float64(tw))), tw, c.Embed)
	m.scale = p.New("logit_scale", nn.Constant(firstScale))
	return m
}

// Images embeds pictures[batch,3,side,side], normalised to CLIP's mean and
// deviation: one row of length 1 a picture.
func (m *Model) Images(t *autograd.Tape, pictures []float32) *autograd.Value {
	size := 3 * m.Config.Resolution * m.Config.Resolution
	batch := len(pictures) / size
	return t.Normalize(m.image.forward(t, t.Floats(pictures, batch, size), batch))
}

// Texts embeds captions: one row of length 1 a caption.
func (m *Model) Texts(t *autograd.Tape, captions *token.Captions) *autograd.Value {
	positions, ends := make([]int32, 0, len(captions.Tokens)), make([]int32, 0, captions.Len())
	longest := 0
	for i := range captions.Len() {
		n := int(captions.Offsets[i+1] - captions.Offsets[i])
		for p := range n {
			positions = append(positions, int32(p))
		}
		ends = append(ends, captions.Offsets[i+1]-1)
		longest = max(longest, n)
	}
	x := t.Gather(m.token, t.Ints(captions.Tokens), len(captions.Tokens))
	x = t.AddRows(x, m.textPosition, t.Ints(positions))
	x = m.text.Forward(t, x, nn.Sequences{Offsets: t.Ints(captions.Offsets), Count: captions.Len(), Longest: longest})
	x = m.lnFinal.Forward(t, t.Gather(x, t.Ints(ends), captions.Len()))
	return t.Normalize(t.Project(x, m.textProj))
}

// Loss enqueues the forward pass of a batch; the loss goes to loss[0]. Tape's
// Backward gives the gradients.
func (m *Model) Loss(t *autograd.Tape, loss device.Buffer, pictures []float32, captions *token.Captions) {
	x := m.Images(t, pictures)
	y := m.Texts(t, captions)
	t.Contrastive(loss, x, y, m.scale)
}

// Scale is the buffer of the logit scale.
func (m *Model) Scale() device.Buffer { return m.scale.Data }

// ClampScale limits the logit scale to ln 100, as after each update.
func (m *Model) ClampScale(d device.Device) { d.Clamp(m.scale.Data, 0, largestScale) }
