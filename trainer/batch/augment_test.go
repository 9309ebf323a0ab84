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
	p := picture{width: 3, height: 2, rgb: []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}}
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
		p := picture{width: 2, height: 1, rgb: []byte{100, 100, 100, 200, 200, 200}}
		p.jitter(tt.brightness, tt.contrast)
		if p.rgb[0] != tt.want[0] || p.rgb[3] != tt.want[1] {
			t.Errorf("brightness %g, contrast %g: %v, want %v", tt.brightness, tt.contrast, p.rgb, tt.want)
		}
	}
}
