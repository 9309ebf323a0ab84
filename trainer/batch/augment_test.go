package batch

import (
	"bytes"
	"slices"
	"testing"
)

func TestSentence(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"", []string{""}},
		{"a dog, a cat", []string{"a dog, a cat"}},
		{"One. Two 3.5 m wide! Three", []string{"One.", "Two 3.5 m wide!", "Three"}},
		{"a; b\nc;\n . d", []string{"a", "b", "c", "d"}},
		{"...", []string{"..."}},
	} {
		var got []string
		for i := range len(tt.want) {
			got = append(got, sentence(tt.text, (float64(i)+0.5)/float64(len(tt.want))))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q has the sentences %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestFlip(t *testing.T) {
	p := picture{rectangle{0, 0, 3, 2}, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}}
	p.flip()
	if want := []byte{7, 8, 9, 4, 5, 6, 1, 2, 3, 16, 17, 18, 13, 14, 15, 10, 11, 12}; !bytes.Equal(p.rgb, want) {
		t.Errorf("got %v, want %v", p.rgb, want)
	}
}

// TestJitter compares with levels computed by hand: grays of 100 and 200 at
// brightness 1.2 are 120 and 240, whose mean is 180.
func TestJitter(t *testing.T) {
	for _, tt := range []struct {
		brightness, contrast float64
		want                 [2]byte
	}{{1, 1, [2]byte{100, 200}}, {1.2, 1, [2]byte{120, 240}}, {1.2, 0.5, [2]byte{150, 210}}, {1.2, 1.4, [2]byte{96, 255}}, {0, 1, [2]byte{0, 0}}} {
		p := picture{rectangle{0, 0, 2, 1}, []byte{100, 100, 100, 200, 200, 200}}
		p.jitter(tt.brightness, tt.contrast)
		if p.rgb[0] != tt.want[0] || p.rgb[3] != tt.want[1] {
			t.Errorf("brightness %g, contrast %g: %v, want %v", tt.brightness, tt.contrast, p.rgb, tt.want)
		}
	}
}

// TestRecolour holds colours against values computed by hand. Pure gray has no
// chroma to change.
func TestRecolour(t *testing.T) {
	for _, tt := range []struct {
		name            string
		hue, saturation float64
		from, want      [3]byte
	}{
		{"as it was", 0, 1, [3]byte{200, 100, 50}, [3]byte{200, 100, 50}},
		{"gray of red", 0, 0, [3]byte{255, 0, 0}, [3]byte{76, 76, 76}},
		{"gray of green", 0, 0, [3]byte{0, 255, 0}, [3]byte{150, 150, 150}},
		{"half the chroma", 0, 0.5, [3]byte{200, 100, 50}, [3]byte{162, 112, 87}},
		{"a full turn", 1, 1, [3]byte{200, 100, 50}, [3]byte{200, 100, 50}},
		{"half a turn", 0.5, 1, [3]byte{140, 120, 110}, [3]byte{109, 129, 139}},
		{"half a turn, twice the chroma, clipped", 0.5, 2, [3]byte{255, 0, 0}, [3]byte{0, 229, 229}},
		{"gray has no chroma", 0.3, 2, [3]byte{90, 90, 90}, [3]byte{90, 90, 90}},
	} {
		p := picture{rectangle{0, 0, 1, 1}, slices.Clone(tt.from[:])}
		p.recolour(tt.hue, tt.saturation)
		for c, v := range p.rgb {
			if d := int(v) - int(tt.want[c]); d < -1 || d > 1 {
				t.Errorf("%s: %v becomes %v, want %v", tt.name, tt.from, p.rgb, tt.want)
				break
			}
		}
	}
}

func TestTurned(t *testing.T) {
	from := picture{rectangle{0, 0, 4, 3}, make([]byte, 36)}
	for i := range from.rgb {
		from.rgb[i] = byte(7 * i)
	}
	at := func(p *picture, x, y int) []byte { return p.rgb[3*(y*p.width+x):][:3] }
	for _, tt := range []struct {
		name    string
		x, y, a float64
		side    int
		source  func(x, y int) (int, int)
	}{
		{"as it was", 1.5, 1.5, 0, 3, func(x, y int) (int, int) { return x, y }},
		{"on the right", 2.5, 1.5, 0, 3, func(x, y int) (int, int) { return x + 1, y }},
		{"a quarter turn", 1.5, 1.5, 90, 3, func(x, y int) (int, int) { return 2 - y, x }},
		{"half a turn", 2.5, 1.5, 180, 3, func(x, y int) (int, int) { return 3 - x, 2 - y }},
		{"beyond the edge", -2.5, 1.5, 0, 3, func(x, y int) (int, int) { return 0, y }},
	} {
		var got picture
		got.take(rectangle{0, 0, tt.side, tt.side})
		got.turned(&from, tt.x, tt.y, tt.a)
		for y := range tt.side {
			for x := range tt.side {
				sx, sy := tt.source(x, y)
				for c, v := range at(&got, x, y) {
					if d := int(v) - int(at(&from, sx, sy)[c]); d < -1 || d > 1 {
						t.Errorf("%s: pixel %d,%d is %v, want that of %d,%d, %v", tt.name, x, y, at(&got, x, y), sx, sy, at(&from, sx, sy))
						break
					}
				}
			}
		}
	}
}

// TestBilinear meets a pixel's middle, halves and quarters.
func TestBilinear(t *testing.T) {
	p := picture{rectangle{0, 0, 2, 2}, []byte{0, 0, 0, 100, 100, 100, 40, 40, 40, 200, 200, 200}}
	for _, tt := range []struct {
		x, y float64
		want byte
	}{{0, 0, 0}, {1, 1, 200}, {0.5, 0, 50}, {0, 0.5, 20}, {0.5, 0.5, 85}, {0.25, 0, 25}, {-3, 9, 40}} {
		got := make([]byte, 3)
		if p.bilinear(got, tt.x, tt.y); got[0] != tt.want || got[2] != tt.want {
			t.Errorf("at %g, %g: %v, want %d", tt.x, tt.y, got, tt.want)
		}
	}
}
