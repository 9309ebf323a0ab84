package still

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		file          string
		width, height int
		err           error
	}{
		{"cmyk.jpg", 640, 480, nil},
		{"animated.png", 160, 120, nil},
		{"scene.webp", 640, 480, nil},
		{"animated.webp", 0, 0, ErrFormat},
		{"scene.avif", 0, 0, ErrFormat},
		{"scene.tiff", 0, 0, ErrFormat},
	} {
		b, err := os.ReadFile(filepath.Join("../picture/testdata", tt.file))
		if err != nil {
			t.Fatal(err)
		}
		m, err := Decode(b)
		if !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, want %v", tt.file, err, tt.err)
		}
		if err == nil && (m.Bounds().Dx() != tt.width || m.Bounds().Dy() != tt.height) {
			t.Errorf("%s: %v", tt.file, m.Bounds())
		}
		if _, err := Decode(b[:min(len(b), 900)]); err == nil {
			t.Errorf("%s: the first 900 bytes decode", tt.file)
		}
	}
	if got := MediaType(""); got != "image/jpeg" {
		t.Errorf("of an old version: %s", got)
	}
}
