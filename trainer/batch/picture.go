package batch

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"math"
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

// decoder turns JPEGs into pictures. It keeps scratch and belongs to one
// goroutine.
type decoder struct {
	jpeg      jpegDecoder
	resampler resampler
	decoded   picture
	scaled    picture
}

// decode reads a JPEG, scaled down by a power of two on the way where its short
// side keeps at least short pixels; short 0 means not at all. What jpegDecoder
// does not know is decoded by image/jpeg, at its full size. The picture lives
// until the next call; width and height are those of the file.
func (d *decoder) decode(data []byte, short int) (p *picture, width, height int, err error) {
	if d.jpeg.decode(&d.decoded, data, short) {
		return &d.decoded, d.jpeg.width, d.jpeg.height, nil
	}
	err = d.decodeSlowly(data)
	return &d.decoded, d.decoded.width, d.decoded.height, err
}

func (d *decoder) decodeSlowly(data []byte) error {
	c, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("decode picture: %w", err)
	}
	if c.Width < 1 || c.Height < 1 || c.Width*c.Height > largestPicture {
		return fmt.Errorf("decode picture of %d by %d pixels: %w", c.Width, c.Height, errSize)
	}
	m, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("decode picture: %w", err)
	}
	flat := image.NewRGBA(image.Rect(0, 0, c.Width, c.Height))
	draw.Draw(flat, flat.Rect, m, m.Bounds().Min, draw.Src)
	d.decoded.width, d.decoded.height = c.Width, c.Height
	d.decoded.rgb = growBytes(d.decoded.rgb, 3*c.Width*c.Height)
	for i := range c.Width * c.Height {
		copy(d.decoded.rgb[3*i:3*i+3], flat.Pix[4*i:])
	}
	return nil
}

// shrunk decodes a JPEG so that its short side has n pixels, by a power of two in
// the decoder, then bicubic. The picture lives until the next call.
func (d *decoder) shrunk(data []byte, n int) (*picture, error) {
	p, width, height, err := d.decode(data, n)
	if err != nil {
		return nil, err
	}
	width, height = shortTo(width, height, n)
	d.resampler.resize(&d.scaled, p, 0, 0, p.width, p.height, width, height)
	return &d.scaled, nil
}

// shortTo is the size of a picture scaled so that its short side is n pixels.
func shortTo(width, height, n int) (toWidth, toHeight int) {
	if width <= height {
		return n, max(n, n*height/width)
	}
	return max(n, n*width/height), n
}

// levels is each byte minus the mean, over the deviation, of red, green and blue.
var levels = func() (t [3][256]float32) {
	for c := range t {
		for v := range t[c] {
			t[c][v] = (float32(v)/255 - mean[c]) / deviation[c]
		}
	}
	return t
}()

// normalise writes side by side pixels of a cut at x, y as three planes, each
// minus the mean, over the deviation.
func (p *picture) normalise(dst []float32, x, y, side int) {
	for row := range side {
		from := p.rgb[3*((y+row)*p.width+x):][:3*side]
		red := dst[row*side:][:side]
		green, blue := dst[(side+row)*side:][:side], dst[(2*side+row)*side:][:side]
		for i := range red {
			v := from[3*i : 3*i+3 : 3*i+3]
			red[i], green[i], blue[i] = levels[0][v[0]], levels[1][v[1]], levels[2][v[2]]
		}
	}
}

// Centre decodes a JPEG as for evaluation, as torchvision's Resize (bicubic, with
// anti-aliasing) and CenterCrop do: the short side scaled to side pixels, the
// middle square, normalised. dst holds 3*side*side values.
func Centre(dst []float32, data []byte, side int) error {
	var d decoder
	p, width, height, err := d.decode(data, 0)
	if err != nil {
		return err
	}
	d.centre(dst, p, width, height, side)
	return nil
}

func (d *decoder) centre(dst []float32, p *picture, width, height, side int) {
	width, height = shortTo(width, height, side)
	d.resampler.resize(&d.scaled, p, 0, 0, p.width, p.height, width, height)
	d.scaled.normalise(dst, middle(width-side), middle(height-side), side)
}

// middle is half of what is left over, rounded to even, as Python's round does.
func middle(left int) int { return int(math.RoundToEven(float64(left) / 2)) }

// random cuts a square of p, of side scale to 1 times the short side, and
// scales it to side pixels. The three numbers are in 0..1.
func (r *resampler) random(cutting, p *picture, side int, scale, size, right, down float64) {
	short := min(p.width, p.height)
	cut := max(1, int(float64(short)*(scale+(1-scale)*size)+0.5))
	x, y := int(float64(p.width-cut+1)*right), int(float64(p.height-cut+1)*down)
	r.resize(cutting, p, x, y, cut, cut, side, side)
}
