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

// Model is both towers and the temperature.
type Model struct {
	Config     Config
	Parameters nn.Parameters

	patches, class, position, proj *autograd.Value
	lnPre, lnPost                  nn.LayerNorm
	visual                         nn.Transformer

	token, textPosition, textProj *autograd.Value
	lnFinal                       nn.LayerNorm
	text                          nn.Transformer

	scale  *autograd.Value
	layout imageLayout
}

// New describes a model for a vocabulary of the given size. Its parameters have
// no memory until Parameters.Allocate.
func New(c Config, vocabulary int) *Model {
	m := &Model{Config: c}
	p, w, tw := &m.Parameters, c.Width, c.TextWidth
	rows := 1 + (c.Resolution/c.Patch)*(c.Resolution/c.Patch)
	inverseRoot := func(n int) float64 { return 1 / math.Sqrt(float64(n)) }

	m.patches = p.New("visual.conv1.weight", nn.Uniform(inverseRoot(3*c.Patch*c.Patch)), w, 3, c.Patch, c.Patch)
	m.class = p.New("visual.class_embedding", nn.Normal(inverseRoot(w)), w)
	m.position = p.New("visual.positional_embedding", nn.Normal(inverseRoot(w)), rows, w)
	m.lnPre = nn.NewLayerNorm(p, "visual.ln_pre", w)
	m.visual = nn.NewTransformer(p, "visual.transformer", nn.TransformerConfig{Width: w, Layers: c.Layers, Heads: c.Heads, QuickGELU: c.QuickGELU})
	m.lnPost = nn.NewLayerNorm(p, "visual.ln_post", w)
	m.proj = p.New("visual.proj", nn.Normal(inverseRoot(w)), w, c.Embed)

	m.token = p.New("token_embedding.weight", nn.Normal(0.02), vocabulary, tw)
	m.textPosition = p.New("positional_embedding", nn.Normal(0.01), c.Context, tw)
	m.text = nn.NewTransformer(p, "transformer", nn.TransformerConfig{Width: tw, Layers: c.TextLayers, Heads: c.TextHeads, Causal: true, QuickGELU: c.QuickGELU, GPT2: true})
	m.lnFinal = nn.NewLayerNorm(p, "ln_final", tw)
	m.textProj = p.New("text_projection", nn.Normal(inverseRoot(tw)), tw, c.Embed)
	m.scale = p.New("logit_scale", nn.Constant(firstScale))
	return m
}

// imageLayout holds the ids that place class token and positions for a batch.
type imageLayout struct {
	batch                           int
	class, position, offsets, first []int32
}

// layoutFor makes the ids for a batch, or hands out those of the last one.
func (m *Model) layoutFor(batch int) *imageLayout {
	l := &m.layout
	if l.batch == batch {
		return l
	}
	rows := m.position.Rows
	*l = imageLayout{batch: batch, offsets: []int32{0}}
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

// Images embeds pictures[batch,3,side,side], normalised to CLIP's mean and
// deviation: one row of length 1 a picture.
func (m *Model) Images(t *autograd.Tape, pictures []float32) *autograd.Value {
	c := m.Config
	size := 3 * c.Resolution * c.Resolution
	batch := len(pictures) / size
	l := m.layoutFor(batch)
	x := t.Patchify(t.Floats(pictures, batch, size), batch, c.Resolution, c.Patch)
	x = t.Linear(x, m.patches, nil)
	x = t.AddRows(x, m.class, t.Ints(l.class))
	x = t.AddRows(x, m.position, t.Ints(l.position))
	x = m.lnPre.Forward(t, x)
	x = m.visual.Forward(t, x, nn.Sequences{Offsets: t.Ints(l.offsets), Count: batch, Longest: m.position.Rows})
	x = m.lnPost.Forward(t, t.Gather(x, t.Ints(l.first), batch))
	return t.Normalize(t.Project(x, m.proj))
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
