package batch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOrder(t *testing.T) {
	for _, n := range []int{1, 2, 3, 16, 17, 1000} {
		seen := map[string]bool{}
		for epoch := range 3 {
			var rows []int
			for position := range n {
				rows = append(rows, Order{n, 7}.At(epoch, position))
			}
			seen[fmt.Sprint(rows)] = true
			slices.Sort(rows)
			for i, row := range rows {
				if i != row {
					t.Fatalf("n=%d epoch=%d: sorted rows are %v", n, epoch, rows)
				}
			}
		}
		if n >= 16 && len(seen) != 3 {
			t.Errorf("n=%d: epochs repeat an order", n)
		}
	}
}

// TestOrderMixes expects neighbours to land far apart, a third of n on average.
func TestOrderMixes(t *testing.T) {
	const n = 4096
	var sum float64
	for i := range n - 1 {
		sum += math.Abs(float64(Order{n, 3}.At(0, i) - Order{n, 3}.At(0, i+1)))
	}
	if average := sum / (n - 1); average < 0.30*n || average > 0.37*n {
		t.Errorf("neighbours land %.0f rows apart on average, about %d expected", average, n/3)
	}
}

func encode(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func uniform(width, height int, c color.Color) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.Set(x, y, c)
		}
	}
	return m
}

func TestCentre(t *testing.T) {
	const side = 16
	for _, size := range [][2]int{{16, 16}, {64, 64}, {300, 40}, {7, 90}, {1, 1}} {
		dst := make([]float32, 3*side*side)
		if err := Centre(dst, encode(t, uniform(size[0], size[1], color.RGBA{200, 100, 50, 255})), side); err != nil {
			t.Fatal(err)
		}
		for c, level := range []float32{200, 100, 50} {
			want := (level/255 - mean[c]) / deviation[c]
			for _, v := range dst[c*side*side : (c+1)*side*side] {
				if math.Abs(float64(v-want)) > 0.03 {
					t.Fatalf("%v: plane %d holds %g, want %g", size, c, v, want)
				}
			}
		}
	}
	gray := image.NewGray(image.Rect(0, 0, 20, 20))
	if err := Centre(make([]float32, 3*side*side), encode(t, gray), side); err != nil {
		t.Error(err)
	}
}

// TestCentreTakesTheMiddle marks the middle third of a wide picture.
func TestCentreTakesTheMiddle(t *testing.T) {
	m := image.NewRGBA(image.Rect(0, 0, 96, 32))
	for y := range 32 {
		for x := range 96 {
			m.Set(x, y, color.RGBA{A: 255})
			if x >= 32 && x < 64 {
				m.Set(x, y, color.White)
			}
		}
	}
	dst := make([]float32, 3*8*8)
	if err := Centre(dst, encode(t, m), 8); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{8*4 + 1, 8*4 + 4, 8*4 + 6} {
		if white := (1 - mean[0]) / deviation[0]; math.Abs(float64(dst[at]-white)) > 0.2 {
			t.Errorf("pixel %d is %g, want white, %g", at, dst[at], white)
		}
	}
}

// TestResizeOfRamp holds that scaling keeps a ramp a ramp, at its ends too.
func TestResizeOfRamp(t *testing.T) {
	p := picture{64, 1, make([]byte, 3*64)}
	for x := range 64 {
		p.rgb[3*x], p.rgb[3*x+1], p.rgb[3*x+2] = byte(x*4), byte(x*4), byte(x*4)
	}
	var r resampler
	var q picture
	r.resize(&q, &p, 0, 0, 64, 1, 16, 1)
	for i := 2; i < 14; i++ {
		if want := 4*(float64(i)+0.5)*4 - 2; math.Abs(float64(q.rgb[3*i])-want) > 1.01 {
			t.Errorf("sample %d is %d, want %g", i, q.rgb[3*i], want)
		}
	}
}

type fake []shard.Pair

func (f fake) Len() int                        { return len(f) }
func (f fake) Pair(i int) (shard.Pair, error)  { return f[i], nil }
func (f fake) Facts(i int) (shard.Pair, error) { return f[i], nil }
func (f fake) Gone(int) bool                   { return false }
func (f fake) mix() []share                    { return []share{{len(f), len(f)}} }

func fakePairs(t testing.TB, n int) fake {
	var f fake
	for i := range n {
		m := uniform(20+i, 30, color.RGBA{uint8(i * 12), uint8(255 - i*12), 90, 255})
		f = append(f, shard.Pair{Text: fmt.Sprintf("picture number %d", i), Image: encode(t, m)})
	}
	return f
}

func vocabulary(t testing.TB) *token.Vocabulary {
	v, err := token.Train(func(yield func(string, error) bool) { yield("picture number picture number", nil) }, 600)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// load takes all batches and returns them as text.
func load(t testing.TB, f fake, o Options, first, last int64) ([]string, []int) {
	t.Helper()
	l := newLoader(f, vocabulary(t), o, first, last)
	defer l.Close()
	var batches []string
	var bad []int
	for {
		b, err := l.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			return batches, bad
		}
		batches = append(batches, fmt.Sprint(b.Number, b.Pictures, b.Captions))
		bad = append(bad, b.Undecodable...)
		l.Release(b)
	}
}

func TestLoader(t *testing.T) {
	f := fakePairs(t, 11)
	f[4].Image = f[4].Image[:30]
	f[5].Image = nil
	o := Options{Batch: 3, Resolution: 8, Context: 6, Seed: 2, CropScale: 0.8, Workers: 1}
	want, bad := load(t, f, o, 0, 9)
	if len(want) != 9 {
		t.Fatalf("%d batches, want 9", len(want))
	}
	slices.Sort(bad)
	if bad = slices.Compact(bad); !slices.Equal(bad, []int{4, 5}) {
		t.Errorf("rows %v do not decode, want 4 and 5", bad)
	}
	for _, workers := range []int{1, 2, 8} {
		for _, cache := range []int64{0, 1000, 1 << 20} {
			o.Workers, o.CacheBytes = workers, cache
			if got, _ := load(t, f, o, 0, 9); !slices.Equal(got, want) {
				t.Errorf("%d workers and %d bytes of cache change the batches", workers, cache)
			}
			if got, _ := load(t, f, o, 4, 9); !slices.Equal(got, want[4:]) {
				t.Errorf("%d workers and %d bytes of cache: starting at batch 4 changes the rest", workers, cache)
			}
		}
	}
	if want[0] == want[3] {
		t.Error("two epochs have equal batches")
	}
}

func TestLoaderStops(t *testing.T) {
	f := fakePairs(t, 6)
	l := newLoader(f, vocabulary(t), Options{Batch: 2, Resolution: 8, Context: 6, CropScale: 1, Workers: 3}, 0, 1000)
	if _, err := l.Next(context.Background()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 20 {
		if _, err := l.Next(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	l.Close()
}

func TestNothingDecodes(t *testing.T) {
	f := fake{{Text: "a"}, {Text: "b", Image: []byte("GIF89a")}}
	l := newLoader(f, vocabulary(t), Options{Batch: 2, Resolution: 8, Context: 6, CropScale: 1}, 0, 1)
	defer l.Close()
	if _, err := l.Next(context.Background()); !errors.Is(err, ErrNoPicture) {
		t.Errorf("got %v, want %v", err, ErrNoPicture)
	}
}

// FuzzDecode holds that any bytes give a picture of sane size or an error.
func FuzzDecode(f *testing.F) {
	f.Add(encode(f, uniform(5, 3, color.White)))
	f.Add(encode(f, image.NewGray(image.Rect(0, 0, 9, 2))))
	f.Add(encode(f, uniform(40, 33, color.RGBA{90, 10, 200, 255})))
	f.Add([]byte("\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		if c, err := jpeg.DecodeConfig(bytes.NewReader(data)); err == nil && c.Width*c.Height > 1<<20 {
			return
		}
		checkDecoders(t, data)
	})
}

// BenchmarkLoad times batches of real pictures of 256 pixels, at the resolutions
// of the models, with and without the cache.
func BenchmarkLoad(b *testing.B) {
	f := fake{}
	for i := range 64 {
		name := []string{"astronaut.jpg", "chelsea.jpg", "coffee.jpg"}[i%3]
		f = append(f, shard.Pair{Text: "picture number", Image: read(b, name)})
	}
	for _, resolution := range []int{64, 112, 224} {
		for _, cache := range []int64{0, 1 << 30} {
			b.Run(fmt.Sprintf("resolution=%d/cached=%v", resolution, cache > 0), func(b *testing.B) {
				o := Options{Batch: 64, Resolution: resolution, Context: 77, CropScale: 0.9, Workers: 1, CacheBytes: cache}
				l := newLoader(f, vocabulary(b), o, 0, 1<<40)
				defer l.Close()
				for b.Loop() {
					batch, err := l.Next(context.Background())
					if err != nil {
						b.Fatal(err)
					}
					l.Release(batch)
				}
				b.ReportMetric(64*float64(b.N)/b.Elapsed().Seconds(), "pairs/s/worker")
			})
		}
	}
}
