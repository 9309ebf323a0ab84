package batch

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// flip mirrors the picture, left to right.
func (p *picture) flip() {
	for y := range p.height {
		row := p.rgb[3*y*p.width:][:3*p.width]
		for l, r := 0, len(row)-3; l < r; l, r = l+3, r-3 {
			row[l], row[l+1], row[l+2], row[r], row[r+1], row[r+2] = row[r], row[r+1], row[r+2], row[l], row[l+1], row[l+2]
		}
	}
}

// jitter multiplies the levels by brightness, then their distance from the mean
// gray by contrast, as torchvision's ColorJitter does. Gray is 0.299 red + 0.587
// green + 0.114 blue.
func (p *picture) jitter(brightness, contrast float64) {
	var bright, levels [256]byte
	for v := range bright {
		bright[v] = toLevel(float64(v) * brightness)
	}
	sum := 0
	for i := 0; i+2 < len(p.rgb); i += 3 {
		sum += 299*int(bright[p.rgb[i]]) + 587*int(bright[p.rgb[i+1]]) + 114*int(bright[p.rgb[i+2]])
	}
	gray := float64(sum) / 1000 / float64(max(1, len(p.rgb)/3))
	for v := range levels {
		levels[v] = toLevel(gray + contrast*(float64(bright[v])-gray))
	}
	for i, v := range p.rgb {
		p.rgb[i] = levels[v]
	}
}

// recolour leaves each pixel's luma Y as it is, turns its chroma (I, Q) by a share
// hue of the circle, and multiplies it by saturation; 0 makes gray. Y, I and Q are
// those of NTSC.
func (p *picture) recolour(hue, saturation float64) {
	var m [3][3]int // of 16 bits behind the point
	sin, cos := math.Sincos(2 * math.Pi * hue)
	for out, to := range fromYIQ {
		for in := range m[out] {
			y, i, q := toYIQ[0][in], toYIQ[1][in], toYIQ[2][in]
			i, q = saturation*(cos*i-sin*q), saturation*(sin*i+cos*q)
			m[out][in] = int(math.Round(65536 * (to[0]*y + to[1]*i + to[2]*q)))
		}
	}
	for at := 0; at+2 < len(p.rgb); at += 3 {
		v := p.rgb[at : at+3 : at+3]
		red, green, blue := int(v[0]), int(v[1]), int(v[2])
		for c, w := range m {
			v[c] = byte(min(max(w[0]*red+w[1]*green+w[2]*blue+1<<15, 0)>>16, 255))
		}
	}
}

// toYIQ has the weights of red, green and blue, and fromYIQ is its inverse.
var (
	toYIQ   = [3][3]float64{{0.299, 0.587, 0.114}, {0.595716, -0.274453, -0.321263}, {0.211456, -0.522591, 0.311135}}
	fromYIQ = [3][3]float64{{1, 0.9563, 0.6210}, {1, -0.2721, -0.6474}, {1, -1.1070, 1.7046}}
)

// turned writes to p the square around x, y in from, as large as p, turned by angle in
// degrees, bilinear. Where the square leaves the picture, the picture's edge goes on.
func (p *picture) turned(from *picture, x, y, angle float64) {
	sin, cos := math.Sincos(angle * math.Pi / 180)
	half := float64(p.width) / 2
	for row := range p.height {
		for column := range p.width {
			right, down := float64(column)+0.5-half, float64(row)+0.5-half
			from.bilinear(p.rgb[3*(row*p.width+column):][:3], x+cos*right-sin*down-0.5, y+sin*right+cos*down-0.5)
		}
	}
}

// around is what a crop of side by side pixels, turned by angle in degrees, is made of: the
// crop and what lies beside it, in the same scale, as far as the picture goes. x and y are
// where the crop's middle lies in it.
func around(width, height int, crop view, side int, angle float64) (v view, x, y float64) {
	sin, cos := math.Sincos(angle * math.Pi / 180)
	reach := float64(side)/2*(math.Abs(sin)+math.Abs(cos)) + 1
	v.x, x = crop.x.around(width, crop.left, side, reach)
	v.y, y = crop.y.around(height, crop.top, side, reach)
	return v, x, y
}

// around widens the axis of a crop, whose samples begin at number first of in, to what
// lies reach outputs from its middle.
func (a axis) around(in, first, side int, reach float64) (wider axis, middle float64) {
	wider = axis{start: float64(first) + a.start, ratio: a.ratio, in: in, whole: in} // across first
	centre := float64(a.from) + float64(side)/2
	// outputs whose middles lie in the picture
	lowest := math.Ceil(-wider.start/a.ratio - 0.5)
	highest := math.Floor((float64(in)-wider.start)/a.ratio - 0.5)
	wider.from = int(max(lowest, math.Floor(centre-reach)))
	wider.out = max(1, int(min(highest, math.Ceil(centre+reach)))-wider.from+1)
	return wider, centre - float64(wider.from)
}

// bilinear mixes the four pixels around x, y, where whole numbers are the middles
// of pixels.
func (p *picture) bilinear(dst []byte, x, y float64) {
	x, y = min(max(x, 0), float64(p.width-1)), min(max(y, 0), float64(p.height-1))
	left, top := int(x), int(y)
	right, bottom := min(left+1, p.width-1), min(top+1, p.height-1)
	// products of two weights of 8 bits
	fx, fy := int(256*(x-float64(left))), int(256*(y-float64(top)))
	a, b := p.rgb[3*(top*p.width+left):][:3], p.rgb[3*(top*p.width+right):][:3]
	c, d := p.rgb[3*(bottom*p.width+left):][:3], p.rgb[3*(bottom*p.width+right):][:3]
	for i := range dst {
		upper, lower := int(a[i])*(256-fx)+int(b[i])*fx, int(c[i])*(256-fx)+int(d[i])*fx
		dst[i] = byte((upper*(256-fy) + lower*fy + 1<<15) >> 16)
	}
}

// toLevel rounds to 0..255.
func toLevel(v float64) byte { return byte(min(max(v+0.5, 0), 255)) }

// sentence is one sentence of text, chosen by a number in 0..1, or all of a text
// that has none. Sentences end at a semicolon, at a new line, and at . ! or ?
// before white space.
func sentence(text string, choice float64) string {
	n := 0
	for range sentences(text) {
		n++
	}
	number := int(choice * float64(n))
	for s := range sentences(text) {
		if number == 0 {
			return s
		}
		number--
	}
	return text
}

// sentences walks the parts of text that hold more than marks and white space.
func sentences(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for first, at := 0, 0; first < len(text); first = at {
			for at < len(text) {
				r, size := utf8.DecodeRuneInString(text[at:])
				at += size
				next, _ := utf8.DecodeRuneInString(text[at:])
				if r == ';' || r == '\n' || strings.ContainsRune(".!?", r) && unicode.IsSpace(next) {
					break
				}
			}
			s := strings.TrimSpace(strings.TrimSuffix(text[first:at], ";"))
			if strings.Trim(s, ".!? ") != "" && !yield(s) {
				return
			}
		}
	}
}
