package picture

// GridSide is the side of the grey picture that a perceptual hash is of.
const GridSide = gridSide

// HashGrid is the perceptual hash of a picture that was shrunk to GridSide rows of as
// many grey pixels already: that of [Result] for what is not a picture file, such as a
// part of a thumbnail.
func HashGrid(grid *[GridSide * GridSide]uint8) uint64 { return phash(grid[:]) }
