package batch

import "math"

// shortTo is the size of a picture scaled so that its short side is n pixels, as
// torchvision's Resize has it.
func shortTo(width, height, n int) (toWidth, toHeight int) {
	if width <= height {
		return n, n * height / width
	}
	return n * width / height, n
}

// squareOf is the square of side pixels at x, y of a picture that is scaled so that its
// short side is side pixels.
func squareOf(width, height, side, x, y int) view {
	toWidth, toHeight := shortTo(width, height, side)
	return view{x: scaled(width, toWidth, x, side), y: scaled(height, toHeight, y, side)}
}

// centreOf is the middle square, as torchvision's CenterCrop has it.
func centreOf(width, height, side int) view {
	toWidth, toHeight := shortTo(width, height, side)
	return squareOf(width, height, side, middle(toWidth-side), middle(toHeight-side))
}

// middle is half of what is left over, rounded to even, as Python's round does.
func middle(left int) int { return int(math.RoundToEven(float64(left) / 2)) }

// cropOf is a crop of side by side pixels. What lies beside it in the picture does not
// matter, as after torchvision's crop.
func cropOf(r rectangle, side int) view {
	return view{x: scaled(r.width, side, 0, side), y: scaled(r.height, side, 0, side), left: r.x, top: r.y}
}

// cropTries is how often a crop is drawn until one lies in the picture, before it is the
// middle.
const cropTries = 10

// resizedCrop draws a crop as torchvision's RandomResizedCrop does: its area is a share
// of scale to 1 of the picture's, its width over its height is aspect to 1/aspect, with
// an even logarithm. draw gives numbers in 0..1, each from its own number.
func resizedCrop(width, height int, scale, aspect float64, draw func(n uint64) float64) rectangle {
	w, h := float64(width), float64(height)
	for try := range uint64(cropTries) {
		area := w * h * (scale + (1-scale)*draw(4*try))
		ratio := math.Exp(math.Log(aspect) * (1 - 2*draw(4*try+1)))
		cutW, cutH := int(math.RoundToEven(math.Sqrt(area*ratio))), int(math.RoundToEven(math.Sqrt(area/ratio)))
		if 0 < cutW && cutW <= width && 0 < cutH && cutH <= height {
			y := int(float64(height-cutH+1) * draw(4*try+2))
			x := int(float64(width-cutW+1) * draw(4*try+3))
			return rectangle{x, y, cutW, cutH}
		}
	}
	cutW, cutH := width, height
	switch ratio := w / h; {
	case ratio < aspect:
		cutH = int(math.RoundToEven(w / aspect))
	case ratio > 1/aspect:
		cutW = int(math.RoundToEven(h / aspect))
	}
	return rectangle{(width - cutW) / 2, (height - cutH) / 2, cutW, cutH}
}
