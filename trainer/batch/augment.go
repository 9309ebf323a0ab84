package batch

import (
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
