package batch

import (
	"bytes"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestCentreAgainstTorchvision holds that evaluation sees the pixels that torchvision
// makes, see testdata/pictures.py.
func TestCentreAgainstTorchvision(t *testing.T) {
	names, err := filepath.Glob("testdata/*.png")
	if err != nil || len(names) != 9 {
		t.Fatalf("%d golden pictures, 9 expected: %v", len(names), err)
	}
	for _, path := range names {
		golden, err := png.Decode(bytes.NewReader(read(t, filepath.Base(path))))
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(filepath.Base(path), ".")
		side := golden.Bounds().Dx()
		dst := make([]byte, 3*side*side)
		if err := Centre(dst, read(t, name+".jpg"), side); err != nil {
			t.Fatal(err)
		}
		different := 0
		for i, got := range dst {
			c := color.NRGBAModel.Convert(golden.At(i/3%side, i/3/side)).(color.NRGBA)
			if want := [3]uint8{c.R, c.G, c.B}[i%3]; got != want {
				different++
			}
		}
		if different > 0 {
			t.Errorf("%s: %d of %d values differ", path, different, len(dst))
		}
	}
}
