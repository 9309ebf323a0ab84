package batch

import (
	"errors"
	"fmt"
	"image"
	"image/color"

	"github.com/pairloom/pairloom/internal/still"
)

// Limits of a picture: pixels, and pixels of a side, which are JPEG's own. Shards hold
// pictures far below them.
const (
	largestPicture = 1 << 26
	longestSide    = 1<<16 - 1
)

var errSize = errors.New("width or height out of range")

// Pillow's convert("RGB") makes levels above 255 white, which is nearly all of them.
var errGray16 = errors.New("decode picture: a gray PNG of 16 bits, which Pillow shows white; store it with 8 bits")

// grayOf16 tells it by the header.
func grayOf16(data []byte) bool {
	return len(data) > 25 && string(data[:8]) == "\x89PNG\r\n\x1a\n" && data[24] == 16 && data[25] == 0
}

type rectangle struct{ x, y, width, height int }

// picture is the part of a picture that its rectangle says, as 8-bit red, green and
// blue, side by side, row by row. Behind rgb are slack bytes of whatever.
type picture struct {
	rectangle
	rgb []byte
}

// take gives p room for what is to be written to it.
func (p *picture) take(r rectangle) {
	p.rectangle = r
	n := 3 * r.width * r.height
	if cap(p.rgb) < n+slack {
		p.rgb = make([]byte, n+slack)
	}
	p.rgb = p.rgb[:n]
}

// decoder turns files into pictures. It keeps scratch and belongs to one goroutine. Close
// it.
type decoder struct {
	jpeg      jpegDecoder
	resampler resampler
	decoded   picture // of view
	data      []byte  // of the opened picture, which has
	size      rectangle
}

func (d *decoder) close() {
	d.jpeg.close()
	d.resampler.close()
}

// open reads the size of a picture.
func (d *decoder) open(data []byte) (width, height int, err error) {
	if isJPEG(data) {
		width, height, err = d.jpeg.open(data)
	} else if grayOf16(data) {
		err = errGray16
	} else if width, height, err = still.Size(data); err != nil {
		err = fmt.Errorf("decode picture: %w", err)
	}
	if err != nil {
		return 0, 0, err
	}
	if width < 1 || height < 1 || width > longestSide || height > longestSide || width*height > largestPicture {
		return 0, 0, fmt.Errorf("decode picture of %d by %d pixels: %w", width, height, errSize)
	}
	d.data, d.size = data, rectangle{0, 0, width, height}
	return width, height, nil
}

// decode writes r of the opened picture, or more of it, to p.
func (d *decoder) decode(p *picture, r rectangle) error {
	if isJPEG(d.data) {
		return d.jpeg.decode(p, d.data, r)
	}
	m, err := still.Decode(d.data)
	if err != nil {
		return fmt.Errorf("decode picture: %w", err)
	}
	if b := m.Bounds(); b.Dx() != d.size.width || b.Dy() != d.size.height {
		return fmt.Errorf("decode picture: its first frame has %d by %d pixels of %d by %d", b.Dx(), b.Dy(), d.size.width, d.size.height)
	}
	p.take(d.size)
	p.flatten(m)
	return nil
}

// view writes the view of the opened picture to rgb, which holds 3*v.x.out*v.y.out bytes.
func (d *decoder) view(rgb []byte, v view) error {
	if err := d.decode(&d.decoded, v.region()); err != nil {
		return err
	}
	return d.resampler.resample(rgb, &d.decoded, v)
}

// flatten copies m, which has p's size. As Pillow's convert("RGB") does it leaves the
// colours of transparent pixels as they are stored, and takes the upper 8 of 16 bits.
func (p *picture) flatten(m image.Image) {
	b := m.Bounds()
	var levels []byte // four bytes a pixel
	stride := 0
	switch m := m.(type) {
	case *image.RGBA: // opaque, as Go's decoders make it
		levels, stride = m.Pix, m.Stride
	case *image.NRGBA:
		levels, stride = m.Pix, m.Stride
	}
	to := p.rgb
	for y := range p.height {
		for x := range p.width {
			if levels != nil {
				copy(to[:3], levels[y*stride+4*x:])
			} else {
				to[0], to[1], to[2] = plain(m.At(b.Min.X+x, b.Min.Y+y))
			}
			to = to[3:]
		}
	}
}

// plain is a colour without its alpha.
func plain(c color.Color) (r, g, b byte) {
	switch c := c.(type) {
	case color.NRGBA:
		return c.R, c.G, c.B
	case color.NRGBA64:
		return byte(c.R >> 8), byte(c.G >> 8), byte(c.B >> 8)
	case color.NYCbCrA:
		return color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
	}
	r16, g16, b16, _ := c.RGBA()
	return byte(r16 >> 8), byte(g16 >> 8), byte(b16 >> 8)
}

// Centre decodes a picture as for evaluation, as torchvision's Resize (bicubic, with
// anti-aliasing) and CenterCrop do: the short side scaled to side pixels, the middle
// square. dst holds 3*side*side bytes: red, green and blue, row by row. It takes JPEG, PNG, GIF and WebP; of
// the first two it is equal to what torchvision makes of Pillow's pixels. A JPEG that ends
// before its last row is refused, as Pillow does; where libjpeg warns alone, it is taken.
func Centre(dst []byte, data []byte, side int) error {
	var d decoder
	defer d.close()
	width, height, err := d.open(data)
	if err != nil {
		return err
	}
	return d.view(dst, centreOf(width, height, side))
}

// CentrePixels is Centre of a picture that is decoded: red, green and blue, row by row.
func CentrePixels(dst, rgb []byte, width, height, side int) error {
	var r resampler
	defer r.close()
	var p picture
	p.take(rectangle{0, 0, width, height})
	copy(p.rgb, rgb)
	return r.resample(dst, &p, centreOf(width, height, side))
}
