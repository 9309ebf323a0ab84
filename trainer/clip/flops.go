package clip

import "github.com/pairloom/pairloom/trainer/token"

// Flops counts the floating-point operations of one training step, forward and
// backward, that are useful: the products of the captions' real tokens and of
// the pictures' patches, two for each multiply-add. Backward is twice forward.
// Attention is counted in full for pictures and by half for the causal text.
func (m *Model) Flops(pictures int, captions *token.Captions) float64 {
	c := m.Config
	block := func(rows, width float64) float64 { return 2 * rows * 12 * width * width }
	patches := float64(pictures * (m.position.Rows - 1))
	rows := float64(pictures * m.position.Rows)
	w, tw := float64(c.Width), float64(c.TextWidth)

	forward := 2 * patches * w * float64(3*c.Patch*c.Patch)
	forward += float64(c.Layers) * (block(rows, w) + 4*rows*float64(m.position.Rows)*w)
	forward += 2 * float64(pictures) * w * float64(c.Embed)

	tokens := float64(len(captions.Tokens))
	squares := 0.0
	for i := range captions.Len() {
		n := float64(captions.Offsets[i+1] - captions.Offsets[i])
		squares += n * n
	}
	forward += float64(c.TextLayers) * (block(tokens, tw) + 2*squares*tw)
	forward += 2 * float64(captions.Len()) * tw * float64(c.Embed)
	forward += 2 * float64(pictures) * float64(captions.Len()) * float64(c.Embed)
	return 3 * forward
}
