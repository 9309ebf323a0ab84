package clip

// Recompute makes the blocks of the transformers keep their inputs alone; what
// is inside is computed once more on the way back. It changes no bit of the
// result. A ResNet keeps its values as it does anyway.
func (m *Model) Recompute() {
	m.text.Recompute = true
	if v, ok := m.image.(*vit); ok {
		v.blocks.Recompute = true
	}
}
