package batch

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// TestGolden holds pictures of all kinds, and crops of them, against what Pillow and
// torchvision make of them, to the bit: see testdata/made/made.py.
func TestGolden(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(string(read(t, "made/golden.txt"))), "\n")
	if len(lines) < 250 {
		t.Fatalf("%d lines, 250 and more expected", len(lines))
	}
	var d decoder
	defer d.close()
	for _, line := range lines {
		f := strings.Fields(line)
		name, kind, want := f[0], f[1], f[len(f)-1]
		var n [5]int
		for i, text := range f[2 : len(f)-1] {
			if _, err := fmt.Sscan(text, &n[i]); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
		got, err := made(&d, read(t, filepath.Join("made", name)), kind, n)
		if err != nil && want != "refused" {
			t.Errorf("%s: %v", line, err)
		}
		if err == nil && got != want {
			t.Errorf("%s: got %s", line, got)
		}
	}
}

// made is the digits of a line of golden.txt.
func made(d *decoder, data []byte, kind string, n [5]int) (string, error) {
	width, height, err := d.open(data)
	if err != nil {
		return "", err
	}
	v := view{x: scaled(width, width, 0, width), y: scaled(height, height, 0, height)}
	switch kind {
	case "centre":
		v = centreOf(width, height, n[0])
	case "square":
		v = squareOf(width, height, n[2], n[0], n[1])
	case "crop":
		v = cropOf(rectangle{n[0], n[1], n[2], n[3]}, n[4])
	}
	rgb := make([]byte, 3*v.x.out*v.y.out)
	err = d.view(rgb, v)
	return fmt.Sprintf("%x", sha256.Sum256(rgb))[:16], err
}
