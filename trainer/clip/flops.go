package clip

import "github.com/pairloom/pairloom/trainer/token"

// blockFlops counts the products of a transformer's block without attention.
func blockFlops(rows, width float64) float64 { return 2 * rows * 12 * width * width }

// Flops counts the floating-point operations of one training step, forward and
// backward, that are useful: the products of the captions' real tokens and of
// the pictures, two for each multiply-add. Backward is twice forward.
// Attention is counted in full for pictures and by half for the causal text.
func (m *Model) Flops(pictures int, captions *token.Captions) float64 {
	c := m.Config
	tw, tokens := float64(c.TextWidth), float64(len(captions.Tokens))
	squares := 0.0
	for i := range captions.Len() {
		n := float64(captions.Offsets[i+1] - captions.Offsets[i])
		squares += n * n
	}
	forward := float64(pictures) * m.image.flops()
	forward += float64(c.TextLayers) * (blockFlops(tokens, tw) + 2*squares*tw)
	forward += 2 * float64(captions.Len()) * tw * float64(c.Embed)
	forward += 2 * float64(pictures) * float64(captions.Len()) * float64(c.Embed)
	return 3 * forward
}
