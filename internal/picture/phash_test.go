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

// hashOf is the hash of pixels, by way of a PNG that nothing is lost in.
func hashOf(t testing.TB, img image.Image) uint64 {
	t.Helper()
	res := convertWith(pngOf(t, img), func(r *request) { r.format = Nothing })
	if res.Reason != "" {
		t.Fatalf("%s: %s", res.Reason, res.Detail)
	}
	return res.PHash
}

func TestPHashOfFlatPictures(t *testing.T) {
	for _, v := range []uint8{0, 1, 100, 255} {
		img := image.NewGray(image.Rect(0, 0, 77, 50))
		for i := range img.Pix {
			img.Pix[i] = v
		}
		want := uint64(1) << 63
		if v == 0 {
			want = 0
		}
		if h := hashOf(t, img); h != want {
			t.Errorf("flat %d: hash %016x, want %016x", v, h, want)
		}
	}
}

func TestPHashStaysUnderSmallChanges(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts no goroutine")
	}
	img := scene(640, 480)
	want := hashOf(t, img)
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
		if d := distance(hashOf(t, tt.img), want); d > tt.most {
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
	before := hashOf(t, img)
	for i := range img.Pix {
		if i%4 != 3 {
			img.Pix[i] += 100
		}
	}
	if d := distance(before, hashOf(t, img)); d > 1 {
		t.Errorf("%d bits differ", d)
	}
}

func FuzzPHash(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	f.Add([]byte("a picture of noise"))
	f.Add([]byte{255, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		grid := make([]uint8, gridSide*gridSide)
		for i := range grid {
			if len(data) > 0 {
				grid[i] = data[i%len(data)]
			}
		}
		// The median lies above at most half of the frequencies.
		if n := distance(phash(grid), 0); n > phashBits/2 {
			t.Fatalf("%d of %d frequencies lie above their median", n, phashBits)
		}
	})
}
