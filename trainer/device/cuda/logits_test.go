//go:build cuda

package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/reference"
)

// losses are the results of both losses and of their gradients over n pairs.
func losses(t *testing.T, d device.Device, n, dim int) map[string][]float32 {
	t.Helper()
	random := rand.New(rand.NewPCG(17, uint64(n)))
	var live []device.Memory
	buffer := func(values ...float32) device.Buffer {
		m, err := d.Alloc(4 * len(values))
		if err != nil {
			t.Fatal(err)
		}
		live = append(live, m)
		b := device.Whole(m, device.F32)
		d.Write(b, values)
		return b
	}
	unit := func() device.Buffer {
		x := make([]float32, n*dim)
		for r := range n {
			var squares float64
			row := x[r*dim : (r+1)*dim]
			for i := range row {
				row[i] = float32(random.NormFloat64())
				squares += float64(row[i]) * float64(row[i])
			}
			for i := range row {
				row[i] /= float32(math.Sqrt(squares))
			}
		}
		return buffer(x...)
	}
	zeros := func(n int) device.Buffer { return buffer(make([]float32, n)...) }
	x, y, scale, bias := unit(), unit(), buffer(4.6), buffer(-3) // exp(4.6) is where CLIP stops
	results := map[string]device.Buffer{
		"loss": zeros(1), "lse": zeros(2 * n), "dx": zeros(n * dim), "dy": zeros(n * dim), "dscale": zeros(1),
		"siglip's loss": zeros(1), "siglip's dx": zeros(n * dim), "siglip's dy": zeros(n * dim), "siglip's dscale": zeros(1), "siglip's dbias": zeros(1),
	}
	r := func(name string) device.Buffer { return results[name] }
	d.Contrastive(r("loss"), r("lse"), x, y, scale, n, dim, 0.75)
	d.ContrastiveBackward(r("dx"), r("dy"), r("dscale"), r("lse"), x, y, scale, n, dim, 0.75)
	d.Siglip(r("siglip's loss"), x, y, scale, bias, n, dim)
	d.SiglipBackward(r("siglip's dx"), r("siglip's dy"), r("siglip's dscale"), r("siglip's dbias"), x, y, scale, bias, n, dim)
	got := map[string][]float32{}
	for name, b := range results {
		got[name] = make([]float32, b.Len)
		if err := d.Read(got[name], b); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range live {
		m.Free()
	}
	return got
}

// Bands of 128 rows give what the reference does with all logits at once.
func TestLossesGoBandByBand(t *testing.T) {
	for _, s := range [][2]int{{300, 65}, {256, 64}, {129, 8}} {
		t.Run(fmt.Sprintf("%dx%d", s[0], s[1]), func(t *testing.T) {
			d := open(t)
			d.band = 1
			truth := reference.New()
			got, want := losses(t, d, s[0], s[1]), losses(t, truth, s[0], s[1])
			for name := range want {
				var squares, worst float64
				for i := range want[name] {
					squares += float64(want[name][i]) * float64(want[name][i])
					worst = max(worst, math.Abs(float64(got[name][i])-float64(want[name][i])))
				}
				// The largest seen is 9e-6 of the root mean square.
				if e := worst / math.Sqrt(squares/float64(len(want[name]))); !(e < 2e-5) {
					t.Errorf("%s differs by %.2g of its root mean square", name, e)
				} else {
					t.Logf("%s: %.2g", name, e)
				}
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			truth.Close()
		})
	}
}

// The logits of 32,768 pairs are 4 GB: a band of them is all that is there.
func TestLossesNeverHoldAllLogits(t *testing.T) {
	for _, n := range []int{1024, 4096, 8192, 32768} {
		for _, columns := range []bool{false, true} {
			if _, room := planLogits(n, 512, bandBytes, columns); room > 72<<20 {
				t.Errorf("%d pairs, columns %v: %d MB of scratch, more than 72", n, columns, room>>20)
			}
		}
	}
}
