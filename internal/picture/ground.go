package picture

import "image"

// hidingLuma is the mean luma, of 255, from which on white ground would hide
// what a see-through picture shows.
const hidingLuma = 200

// groundOf chooses the colour that see-through parts of img are filled with:
// white, as a page would show it, or black when the visible pixels are so light
// on average that white would hide them (a white logo, chalk on nothing). Each
// pixel counts as much as it is opaque. opaque is true when nothing shows
// through, and then the ground does not matter.
func groundOf(img *image.NRGBA) (ground uint8, opaque bool) {
	var light, weight int64
	opaque = true
	for y := range img.Rect.Dy() {
		row := img.Pix[y*img.Stride : y*img.Stride+4*img.Rect.Dx()]
		for x := 0; x < len(row); x += 4 {
			a := int64(row[x+3])
			if a != 255 {
				opaque = false
			}
			light += a * int64(luma(row[x], row[x+1], row[x+2]))
			weight += a
		}
	}
	if weight > 0 && light >= weight*hidingLuma*1000 && !opaque {
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
