package clip

import "github.com/pairloom/pairloom/trainer/token"

// blockFlops counts the products of a transformer's block without attention.
func blockFlops(rows, width float64) float64 { return 2 * rows * 12 * width * width }

// Flops counts the floating-point operations of one training step, forward and
// backward, that are useful: the products of the captions' real tokens and of
// the pictures, two for each multiply-add. Backward is twice forward, but for the
// first layer of the pictures, whose input needs no gradient: once.
// Attention is counted in full for pictures and by half for the causal text.
func (m *Model) Flops(pictures int, captions *token.Captions) float64 {
	c := m.Config
	n, embed := float64(pictures), float64(c.Embed)
	image, first := m.image.flops()
	forward := n * image
	switch {
	case m.token == nil:
		forward += 2 * n * embed * float64(m.predict.Outputs())
	case c.Objective == Caption:
		forward += 2*n*embed*float64(c.TextWidth) + m.textFlops(captions, 1) + m.tokenFlops(captions)
	default:
		texts := float64(captions.Len())
		forward += m.textFlops(captions, 0) + 2*texts*float64(c.TextWidth)*embed + 2*n*texts*embed
		if c.Objective == ConVIRT {
			forward += 2 * (n + texts) * embed * embed
		}
	}
	return 3*forward - n*first
}

// textFlops counts the text tower's blocks over captions that are less tokens
// shorter than they are.
func (m *Model) textFlops(captions *token.Captions, less int) float64 {
	rows, squares := 0.0, 0.0
	for i := range captions.Len() {
		n := float64(int(captions.Offsets[i+1]-captions.Offsets[i]) - less)
		rows, squares = rows+n, squares+n*n
	}
	tw := float64(m.Config.TextWidth)
	return float64(m.Config.TextLayers) * (blockFlops(rows, tw) + 2*squares*tw)
}

// PredictingFlops counts what TextsPredicting adds to Flops.
func (m *Model) PredictingFlops(captions *token.Captions) float64 { return 3 * m.tokenFlops(captions) }

// tokenFlops counts the logits of every token but the first of each caption.
func (m *Model) tokenFlops(captions *token.Captions) float64 {
	return 2 * float64(len(captions.Tokens)-captions.Len()) * float64(m.Config.TextWidth) * float64(m.token.Rows)
}
