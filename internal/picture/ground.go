package picture

import "image"

const (
	// hidingLuma is the luma, of 255, from which on white ground would hide a
	// pixel.
	hidingLuma = 200
	// darkShare is the part, one in so many, of what is visible that must be
	// darker than that for white ground to show it well: the ink of a chart.
	darkShare = 200
)

// groundOf chooses the colour that see-through parts of img are filled with.
// It is white, as a page would show it, unless white would hide what there is
// to see: when the visible pixels are light on average (mean luma of 200 or
// more) and next to none of them is dark (under 0.5%). So a white logo lies on
// black, and a chart with see-through margins on white. Each pixel counts as
// much as it is opaque. opaque is true when nothing shows through, and then the
// ground does not matter.
func groundOf(img *image.NRGBA) (ground uint8, opaque bool) {
	var light, dark, weight int64
	opaque = true
	for y := range img.Rect.Dy() {
		row := img.Pix[y*img.Stride : y*img.Stride+4*img.Rect.Dx()]
		for x := 0; x < len(row); x += 4 {
			a := int64(row[x+3])
			if a != 255 {
				opaque = false
			}
			l := luma(row[x], row[x+1], row[x+2])
			if l < hidingLuma*1000 {
				dark += a
			}
			light += a * int64(l)
			weight += a
		}
	}
	if !opaque && weight > 0 && light >= weight*hidingLuma*1000 && dark*darkShare < weight {
		return 0, false
	}
	return 255, opaque
}

// flatten lays img, in place, onto ground, rounding to the nearest value.
func flatten(img *image.NRGBA, ground uint8) {
	for y := range img.Rect.Dy() {
		row := img.Pix[y*img.Stride : y*img.Stride+4*img.Rect.Dx()]
		for x := 0; x < len(row); x += 4 {
			a := int(row[x+3])
			if a == 255 {
				continue
			}
			for c := range 3 {
				row[x+c] = uint8((int(row[x+c])*a + int(ground)*(255-a) + 127) / 255)
			}
			row[x+3] = 255
		}
	}
}
