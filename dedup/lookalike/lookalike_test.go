package lookalike

import (
	"fmt"
	"image"
	"image/color"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestNearAgainstAllComparisons holds the index to be complete.
func TestNearAgainstAllComparisons(t *testing.T) {
	const seed, count = 4, 3000
	for _, distance := range []int{0, 3, 4, 8, 10, MaxDistance} {
		t.Run(fmt.Sprint("distance=", distance), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			hashes := []uint64{0, 1, 1 << 40, ^uint64(0)}
			for len(hashes) < count {
				h := r.Uint64()
				if len(hashes)%2 == 1 { // a near one
					h = hashes[r.IntN(len(hashes))]
					for range r.IntN(14) {
						h ^= 1 << r.IntN(64)
					}
				}
				hashes = append(hashes, h)
			}
			x := NewIndex(hashes, distance)
			found := 0
			for _, h := range hashes[:600] {
				var got, want []int
				x.Near(h, func(n, d int) bool {
					if d != bits.OnesCount64(h^hashes[n]) {
						t.Errorf("%x and %x are said to differ in %d bits", h, hashes[n], d)
					}
					got = append(got, n)
					return true
				})
				for n, other := range hashes {
					if !Flat(h) && !Flat(other) && bits.OnesCount64(h^other) <= distance {
						want = append(want, n)
					}
				}
				slices.Sort(got)
				if found += len(want); !slices.Equal(got, want) {
					t.Fatalf("seed %d: near %x are %v, want %v", seed, h, got, want)
				}
			}
			if found < 600 {
				t.Errorf("only %d hashes were near", found)
			}
		})
	}
}

// ramp is a picture that is told from its mirror image, with a spot.
func ramp(w, h int) *image.Gray {
	img := image.NewGray(image.Rect(10, 20, 10+w, 20+h))
	for y := range h {
		for x := range w {
			v := 200 * x / w
			if x > w/2 && y < h/3 {
				v = 255 - 250*y/h
			}
			img.SetGray(10+x, 20+y, color.Gray{uint8(v)})
		}
	}
	return img
}

func TestCorrelation(t *testing.T) {
	whole := Windows[0]
	a, b := ThumbOf(ramp(256, 192)), ThumbOf(ramp(120, 120))
	crop := ThumbOf(ramp(400, 400).SubImage(image.Rect(10+10, 20+10, 10+390, 20+390)))
	flat := ThumbOf(image.NewGray(image.Rect(0, 0, 9, 9)))
	for _, tt := range []struct {
		name        string
		a, b        Grid
		least, most float64
	}{
		{"itself", a.Grid(whole), a.Grid(whole), 1, 1.000001},
		{"another size and shape", a.Grid(whole), b.Grid(whole), 0.999, 1.000001},
		{"its mirror image", a.Grid(whole), a.Grid(Windows[1]), -1, 0.6},
		{"the mirror image of it mirrored", mirrored(a.Grid(whole)), a.Grid(Windows[1]), 1, 1.000001},
		{"a crop in its window", crop.Grid(whole), a.Grid(Windows[2]), 0.999, 1.000001},
		{"a flat picture", a.Grid(whole), flat.Grid(whole), 0, 0},
	} {
		if got := Correlation(&tt.a, &tt.b); got < tt.least || got > tt.most {
			t.Errorf("%s: %.5f, want %v to %v", tt.name, got, tt.least, tt.most)
		}
	}
}

func mirrored(g Grid) (out Grid) {
	for y := range GridSide {
		for x := range GridSide {
			out[y*GridSide+x] = g[y*GridSide+GridSide-1-x]
		}
	}
	return out
}
