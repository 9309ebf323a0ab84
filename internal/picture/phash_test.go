package picture

import (
	"image"
	"image/color"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// distance is the number of bits in which two hashes differ.
func distance(a, b uint64) int { return bits.OnesCount64(a ^ b) }

func TestPHashOfFlatPictures(t *testing.T) {
	for _, v := range []uint8{0, 1, 100, 255} {
		img := image.NewNRGBA(image.Rect(0, 0, 77, 50))
		for i := range img.Pix {
			img.Pix[i] = v
		}
		want := uint64(1)
		if v == 0 {
			want = 0
		}
		if h := phash(img); h != want {
			t.Errorf("flat %d: hash %016x, want %d", v, h, want)
		}
	}
	if h := phash(image.NewNRGBA(image.Rectangle{})); h != 0 {
		t.Errorf("no pixels: hash %016x", h)
	}
}

func TestPHashStaysUnderSmallChanges(t *testing.T) {
	img := scene(640, 480)
	want := phash(img)
	rng := rand.New(rand.NewPCG(3, 4))
	noisy := scene(640, 480)
	for i := range noisy.Pix {
		if i%4 != 3 {
			noisy.Pix[i] = uint8(max(0, min(255, int(noisy.Pix[i])+rng.IntN(17)-8)))
		}
	}
	for _, tt := range []struct {
		name string
		img  *image.NRGBA
		most int
	}{
		{"noise", noisy, 4},
		{"smaller", scene(301, 222), 4},
		{"other ratio", scene(300, 300), 4},
	} {
		if d := distance(phash(tt.img), want); d > tt.most {
			t.Errorf("%s: %d bits differ, want at most %d", tt.name, d, tt.most)
		}
	}
}

// A brightness change moves the mean alone, so at most its own bit.
func TestPHashIgnoresBrightness(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	rng := rand.New(rand.NewPCG(5, 6))
	for y := range 64 {
		for x := range 64 {
			v := uint8(rng.IntN(100))
			img.SetNRGBA(x, y, color.NRGBA{v, v, v, 255})
		}
	}
	before := phash(img)
	for i := range img.Pix {
		if i%4 != 3 {
			img.Pix[i] += 100
		}
	}
	if d := distance(before, phash(img)); d > 1 {
		t.Errorf("%d bits differ", d)
	}
}

func FuzzPHash(f *testing.F) {
	f.Add(uint16(1), uint16(1), []byte{1, 2, 3})
	f.Add(uint16(33), uint16(7), []byte("a picture of noise"))
	f.Add(uint16(256), uint16(341), []byte{255, 0})
	f.Fuzz(func(t *testing.T, w, h uint16, data []byte) {
		w, h = w%300, h%300
		img := image.NewNRGBA(image.Rect(0, 0, int(w), int(h)))
		for i := range img.Pix {
			img.Pix[i] = 255
			if i%4 != 3 && len(data) > 0 {
				img.Pix[i] = data[i%len(data)]
			}
		}
		a := phash(img)
		if b := phash(img); a != b {
			t.Fatalf("two hashes of one picture: %016x, %016x", a, b)
		}
		// The median lies above at most half of the 63 frequencies.
		if n := distance(a>>1, 0); n > 31 {
			t.Fatalf("%d of 63 frequencies lie above their median", n)
		}
		if ground, opaque := groundOf(img); !opaque || ground != 255 {
			t.Fatalf("an opaque picture got ground %d", ground)
		}
	})
}
