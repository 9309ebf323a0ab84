package batch

import (
	"fmt"

	"github.com/pairloom/pairloom/trainer/token"
)

// worker is the scratch of one goroutine.
type worker struct {
	encoder *token.Encoder
	decoder decoder
	wide    picture // what a turned crop is made of
}

// A draw gives the random numbers of one pair of one epoch, in 0..1, each by its number.
type draw func(n uint64) float64

// Numbers of draws. Those of a crop go on from drawCrop.
const (
	drawRight = iota + 1
	drawDown
	drawFlip
	drawBrightness
	drawContrast
	drawSentence
	drawTurn
	drawGray
	drawHue
	drawSaturation
	drawCrop = 16
)

// fill makes one micro batch.
func (l *Loader) fill(b *Batch, number int64, first int, w *worker) error {
	if l.source.Len() == 0 {
		return ErrNoPicture
	}
	steps := int64(StepsPerEpoch(l.order.order.N, l.options.Batch))
	epoch, from := int(number/steps), int(number%steps)*l.options.Batch+first
	size := 3 * l.options.Resolution * l.options.Resolution
	count := min(l.options.Micro, l.options.Batch-first)
	b.Number, b.First, b.Undecodable = number, first, b.Undecodable[:0]
	b.Pictures = b.Pictures[:count*size]
	b.Rows = b.Rows[:0]
	b.Captions.Reset()
	for k := range count {
		position := from + k
		hash := mix(l.options.Seed, uint64(epoch), uint64(position), 0xC409)
		draw := func(n uint64) float64 { return unit(mix(l.options.Seed, hash, n, 0)) }
		row := l.order.at(epoch, position)
		dst := b.Pictures[k*size : (k+1)*size]
		fine, err := l.picture(dst, row, draw, w)
		for tries := 0; !fine && err == nil; tries++ {
			if tries == l.source.Len() {
				return l.none(row, w)
			}
			if !l.source.Gone(row) {
				b.Undecodable = append(b.Undecodable, row)
			}
			row = (row + 1) % l.source.Len()
			fine, err = l.picture(dst, row, draw, w)
		}
		if err != nil {
			return err
		}
		l.augment(dst, draw)
		b.Rows = append(b.Rows, row)
		if err := l.caption(&b.Captions, row, draw, w); err != nil {
			return err
		}
	}
	return nil
}

// none is ErrNoPicture with what is wrong with one of the pictures.
func (l *Loader) none(row int, w *worker) error {
	if l.source.Gone(row) {
		return ErrNoPicture
	}
	pair, err := l.source.Pair(row)
	if err != nil {
		return err
	}
	if _, _, err := w.decoder.open(pair.Image); err != nil {
		return fmt.Errorf("%w: of %s: %w", ErrNoPicture, pair.ImageURL, err)
	}
	return ErrNoPicture
}

// picture writes the crop of row's picture to dst. fine is false where it does not decode
// or was deleted. An error is not the picture's but the shard's.
func (l *Loader) picture(dst []byte, row int, draw draw, w *worker) (fine bool, err error) {
	if l.source.Gone(row) {
		return false, nil
	}
	k, bad := l.cache.get(row)
	if bad {
		return false, nil
	}
	if k == nil {
		pair, err := l.source.Pair(row)
		if err != nil {
			return false, err
		}
		width, height, err := w.decoder.open(pair.Image)
		if err == nil {
			k, err = l.keep(row, width, height, w)
		}
		if err == nil && k == nil {
			err = l.cut(dst, width, height, draw, w, w.decoder.view)
		}
		if err != nil {
			l.cache.putBad(row)
		}
		if err != nil || k == nil {
			return err == nil, nil
		}
	}
	if l.square() {
		k.square(dst, l.options.Resolution, draw)
		return true, nil
	}
	err = l.cut(dst, k.width, k.height, draw, w, func(rgb []byte, v view) error {
		return w.decoder.resampler.resample(rgb, &k.picture, v)
	})
	return err == nil, err
}

// square tells whether each crop is cut out of the same scaled picture.
func (l *Loader) square() bool { return l.options.CropScale == 0 && l.options.Rotate == 0 }

// longestKept bounds a scaled picture that is kept, by its long side over its short one:
// of a strip most is never shown.
const longestKept = 4

// keep decodes the opened picture for the cache, scaled where every crop is cut out of
// the same. It is nil where there is no room.
func (l *Loader) keep(row, width, height int, w *worker) (*kept, error) {
	side := l.options.Resolution
	toWidth, toHeight := width, height
	if l.square() {
		if toWidth, toHeight = shortTo(width, height, side); max(toWidth, toHeight) > longestKept*side {
			return nil, nil
		}
	}
	if !l.cache.room(toWidth, toHeight) {
		return nil, nil
	}
	k := &kept{width: width, height: height}
	k.take(rectangle{0, 0, toWidth, toHeight})
	var err error
	if l.square() {
		err = w.decoder.view(k.rgb, view{x: scaled(width, toWidth, 0, toWidth), y: scaled(height, toHeight, 0, toHeight)})
	} else {
		err = w.decoder.decode(&k.picture, k.rectangle)
	}
	if err != nil {
		l.cache.giveBack(toWidth, toHeight)
		return nil, err
	}
	l.cache.put(row, k)
	return k, nil
}

// square cuts a square out of a picture whose short side is side pixels.
func (k *kept) square(dst []byte, side int, draw draw) {
	x, y := squareAt(k.picture.width, k.picture.height, side, draw)
	for line := range side {
		copy(dst[3*side*line:][:3*side], k.rgb[3*((y+line)*k.picture.width+x):])
	}
}

// squareAt is where a square of side pixels lies in a scaled picture.
func squareAt(width, height, side int, draw draw) (x, y int) {
	return int(float64(width-side+1) * draw(drawRight)), int(float64(height-side+1) * draw(drawDown))
}

// cut writes a crop to dst of a picture that look gives views of.
func (l *Loader) cut(dst []byte, width, height int, draw draw, w *worker, look func(rgb []byte, v view) error) error {
	o, side := &l.options, l.options.Resolution
	var v view
	if o.CropScale == 0 {
		toWidth, toHeight := shortTo(width, height, side)
		x, y := squareAt(toWidth, toHeight, side, draw)
		v = squareOf(width, height, side, x, y)
	} else {
		v = cropOf(resizedCrop(width, height, o.CropScale, o.CropAspect, func(n uint64) float64 { return draw(drawCrop + n) }), side)
	}
	if o.Rotate == 0 {
		return look(dst, v)
	}
	angle := o.Rotate * (2*draw(drawTurn) - 1)
	wide, x, y := around(width, height, v, side, angle)
	w.wide.take(rectangle{0, 0, wide.x.out, wide.y.out})
	if err := look(w.wide.rgb, wide); err != nil {
		return err
	}
	p := picture{rectangle{0, 0, side, side}, dst}
	p.turned(&w.wide, x, y, angle)
	return nil
}

// augment changes a crop as the options ask.
func (l *Loader) augment(dst []byte, draw draw) {
	o := &l.options
	p := picture{rectangle{0, 0, o.Resolution, o.Resolution}, dst}
	if o.Flip && draw(drawFlip) < 0.5 {
		p.flip()
	}
	if j := o.Jitter; j > 0 {
		p.jitter(1-j+2*j*draw(drawBrightness), 1-j+2*j*draw(drawContrast))
	}
	if gray := draw(drawGray) < o.Gray; gray {
		p.recolour(0, 0)
	} else if h, s := o.Hue, o.Saturation; h > 0 || s > 0 {
		p.recolour(h*(2*draw(drawHue)-1), 1-s+2*s*draw(drawSaturation))
	}
}

// caption adds the tokens of row's text, or of a sentence of it.
func (l *Loader) caption(c *token.Captions, row int, draw draw, w *worker) error {
	if tokens := l.cache.caption(row); tokens != nil {
		c.Append(tokens)
		return nil
	}
	pair, err := l.source.Facts(row)
	if err != nil {
		return err
	}
	if l.options.Sentence {
		c.Add(w.encoder, sentence(pair.Text, draw(drawSentence)), l.options.Context)
		return nil
	}
	c.Add(w.encoder, pair.Text, l.options.Context)
	l.cache.putCaption(row, c.Tokens[c.Offsets[c.Len()-1]:])
	return nil
}
