package batch

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
)

// Mean and deviation of the public models, for red, green and blue.
var (
	mean      = [3]float32{0.48145466, 0.4578275, 0.40821073}
	deviation = [3]float32{0.26862954, 0.26130258, 0.27577711}
)

// largestPicture in pixels; shards hold pictures far below it.
const largestPicture = 1 << 26

// picture is 8-bit red, green and blue, side by side, row by row.
type picture struct {
	width, height int
	rgb           []byte
}

var errSize = errors.New("width or height out of range")

func decode(data []byte) (picture, error) {
	c, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return picture{}, fmt.Errorf("decode picture: %w", err)
	}
	if c.Width < 1 || c.Height < 1 || c.Width*c.Height > largestPicture {
		return picture{}, fmt.Errorf("decode picture of %d by %d pixels: %w", c.Width, c.Height, errSize)
	}
	decoded, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return picture{}, fmt.Errorf("decode picture: %w", err)
	}
	p := picture{c.Width, c.Height, make([]byte, 3*c.Width*c.Height)}
	switch m := decoded.(type) {
	case *image.YCbCr:
		for y := range p.height {
			row := p.rgb[3*y*p.width:][:3*p.width]
			for x := range p.width {
				i, j := m.YOffset(x, y), m.COffset(x, y)
				row[3*x], row[3*x+1], row[3*x+2] = color.YCbCrToRGB(m.Y[i], m.Cb[j], m.Cr[j])
			}
		}
	case *image.Gray:
		for y := range p.height {
			for x := range p.width {
				v := m.Pix[y*m.Stride+x]
				at := 3 * (y*p.width + x)
				p.rgb[at], p.rgb[at+1], p.rgb[at+2] = v, v, v
			}
		}
	default:
		flat := image.NewRGBA(image.Rect(0, 0, p.width, p.height))
		draw.Draw(flat, flat.Rect, m, m.Bounds().Min, draw.Src)
		for i := range p.width * p.height {
			copy(p.rgb[3*i:3*i+3], flat.Pix[4*i:])
		}
	}
	return p, nil
}

// shortTo is the size of p scaled so that its short side is n pixels.
func (p picture) shortTo(n int) (width, height int) {
	if p.width <= p.height {
		return n, max(n, n*p.height/p.width)
	}
	return max(n, n*p.width/p.height), n
}

// normalise writes side by side pixels of a cut at x, y as three planes, each
// minus the mean, over the deviation.
func (p picture) normalise(dst []float32, x, y, side int) {
	for c := range 3 {
		scale, shift := 1/(255*deviation[c]), mean[c]/deviation[c]
		for row := range side {
			from := p.rgb[3*((y+row)*p.width+x)+c:]
			to := dst[(c*side+row)*side:][:side]
			for i := range to {
				to[i] = float32(from[3*i])*scale - shift
			}
		}
	}
}

// Centre decodes a JPEG as for evaluation: the short side scaled to side
// pixels, bicubic with anti-aliasing, the middle square, normalised. dst holds
// 3*side*side values.
func Centre(dst []float32, data []byte, side int) error {
	p, err := decode(data)
	if err != nil {
		return err
	}
	var r resampler
	width, height := p.shortTo(side)
	p = r.resize(p, 0, 0, p.width, p.height, width, height)
	p.normalise(dst, (width-side)/2, (height-side)/2, side)
	return nil
}

// random cuts a square of p, of side scale to 1 times the short side, and
// scales it to side pixels. The three numbers are in 0..1.
func (p picture) random(r *resampler, dst []float32, side int, scale, size, right, down float64) {
	short := min(p.width, p.height)
	cut := max(1, int(float64(short)*(scale+(1-scale)*size)+0.5))
	x, y := int(float64(p.width-cut+1)*right), int(float64(p.height-cut+1)*down)
	r.resize(p, x, y, cut, cut, side, side).normalise(dst, 0, 0, side)
}
