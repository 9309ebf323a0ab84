package picture

import "image"

// GridSide is the side of the grey picture that a perceptual hash is of.
const GridSide = phashSide

// HashGrid is the perceptual hash of a picture that was shrunk to GridSide rows of as
// many grey pixels already: that of [Result] for what is not a picture file, such as a
// part of a thumbnail.
func HashGrid(grid *[GridSide * GridSide]uint8) uint64 {
	img := image.NewNRGBA(image.Rect(0, 0, GridSide, GridSide))
	for i, grey := range grid {
		copy(img.Pix[4*i:], []uint8{grey, grey, grey, 255})
	}
	return phash(img)
}
