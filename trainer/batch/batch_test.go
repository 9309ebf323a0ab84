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
	"runtime"
	"slices"
	"strings"
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
		dst := make([]byte, 3*side*side)
		if err := Centre(dst, encode(t, uniform(size[0], size[1], color.RGBA{200, 100, 50, 255})), side); err != nil {
			t.Fatal(err)
		}
		for i, v := range dst {
			if want := []float64{200, 100, 50}[i%3]; math.Abs(float64(v)-want) > 2 {
				t.Fatalf("%v: pixel %d holds %d, want %g", size, i/3, v, want)
			}
		}
	}
	gray := image.NewGray(image.Rect(0, 0, 20, 20))
	if err := Centre(make([]byte, 3*side*side), encode(t, gray), side); err != nil {
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
	dst := make([]byte, 3*8*8)
	if err := Centre(dst, encode(t, m), 8); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{8*4 + 1, 8*4 + 4, 8*4 + 6} {
		if dst[3*at] < 242 {
			t.Errorf("pixel %d is %d, want white, 255", at, dst[3*at])
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
		if n := len(batches); n%3 > 0 { // whether one looks first or not, and once or until it is there
			for !l.Ready() && n%3 == 2 {
				runtime.Gosched()
			}
		}
		b, err := l.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			if !l.Ready() {
				t.Error("after the last batch there is something to wait for")
			}
			return batches, bad
		}
		batches = append(batches, fmt.Sprint(b.Number, b.Pictures, b.Captions))
		bad = append(bad, b.Undecodable...)
		l.Release(b)
	}
}

// TestLoader holds that batches are the same whatever the workers, the cache and the batch
// that a run begins with, for each kind of crop and pictures of all kinds.
func TestLoader(t *testing.T) {
	f := fakePairs(t, 4)
	for _, name := range []string{"420.jpg", "cut.jpg", "wide.jpg", "tower.jpg", "progressive444.jpg", "palette.png", "dot.jpg"} {
		f = append(f, shard.Pair{Text: name, Image: read(t, "made/"+name)})
	}
	f[3].Image = nil
	const nothing, cut = 3, 5
	crops := map[string]string{}
	for _, tt := range []struct {
		name string
		o    Options
	}{
		{"squares", Options{}},
		{"resized crops", Options{CropScale: 0.3, CropAspect: 0.75}},
		{"turned squares", Options{Rotate: 40}},
		{"turned crops", Options{CropScale: 0.3, CropAspect: 1, Rotate: 180}},
		{"all changes", Options{Flip: true, Jitter: 0.4, Saturation: 0.5, Hue: 0.1, Gray: 0.3, Sentence: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := tt.o
			o.Batch, o.Resolution, o.Context, o.Seed, o.Workers = 3, 8, 6, 2, 1
			want, bad := load(t, f, o, 0, 9)
			if len(want) != 9 {
				t.Fatalf("%d batches, want 9", len(want))
			}
			slices.Sort(bad)
			if bad = slices.Compact(bad); !slices.Equal(bad, []int{nothing, cut}) {
				t.Errorf("rows %v do not decode, want %d and %d", bad, nothing, cut)
			}
			for _, workers := range []int{1, 2, 8} {
				for _, cache := range []int64{0, 2000, 1 << 20} {
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
			if other := crops[want[0]]; other != "" {
				t.Errorf("the batches are those of %s", other)
			}
			crops[want[0]] = tt.name
		})
	}
}

// TestTrainingSeesWhatEvaluationSees: of a square picture the paper's crop is all, scaled
// once, as it is for evaluation.
func TestTrainingSeesWhatEvaluationSees(t *testing.T) {
	m := image.NewRGBA(image.Rect(0, 0, 90, 90))
	for i := range m.Pix {
		m.Pix[i] = uint8(i * i >> 3)
	}
	f := fake{{Text: "a", Image: encode(t, m)}}
	for _, cache := range []int64{0, 1 << 20} {
		l := newLoader(f, vocabulary(t), Options{Batch: 1, Resolution: 48, Context: 6, CacheBytes: cache}, 0, 1)
		b, err := l.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		want := make([]byte, 3*48*48)
		if err := Centre(want, f[0].Image, 48); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(b.Pictures, want) {
			t.Error("the pixels differ")
		}
		l.Close()
	}
}

// TestCacheLimit: what is kept stays within the limit, captions too.
func TestCacheLimit(t *testing.T) {
	f := fakePairs(t, 11)
	for _, limit := range []int64{0, 500, 4000, 1 << 20} {
		l := newLoader(f, vocabulary(t), Options{Batch: 3, Resolution: 8, Context: 6, Workers: 3, CacheBytes: limit}, 0, 9)
		for range 9 {
			b, err := l.Next(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			l.Release(b)
		}
		l.Close()
		var held int64
		for _, k := range l.cache.pictures {
			held += int64(len(k.rgb) + slack)
		}
		for _, tokens := range l.cache.captions {
			held += int64(4*len(tokens) + perCaption)
		}
		if held != l.cache.held || held > limit {
			t.Errorf("limit %d: %d bytes are kept, %d counted", limit, held, l.cache.held)
		}
		if limit == 1<<20 && (len(l.cache.pictures) != 11 || len(l.cache.captions) != 11) {
			t.Errorf("%d pictures and %d captions are kept, want all", len(l.cache.pictures), len(l.cache.captions))
		}
	}
}

// TestStrips: a strip enlarged to the short side would take gigabytes; only the square that
// is looked at is made, and nothing else kept.
func TestStrips(t *testing.T) {
	for _, size := range [][2]int{{20000, 2}, {2, 20000}, {1, 1}} {
		f := fake{{Text: "a", Image: encode(t, uniform(size[0], size[1], color.RGBA{200, 100, 50, 255}))}}
		for _, o := range []Options{{}, {CropScale: 0.5, CropAspect: 0.75}, {Rotate: 90}} {
			o.Batch, o.Resolution, o.Context, o.CacheBytes = 1, 224, 6, 1<<20
			l := newLoader(f, vocabulary(t), o, 0, 1)
			b, err := l.Next(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range b.Pictures {
				if want := []int{200, 100, 50}[i%3]; int(v) < want-2 || int(v) > want+2 {
					t.Fatalf("%v, %+v: byte %d is %d, want %d", size, o, i, v, want)
				}
			}
			l.Close()
		}
	}
}

// TestNoAllocation holds that a worker reuses its memory from picture to picture.
func TestNoAllocation(t *testing.T) {
	f := fake{}
	for _, name := range []string{"astronaut.jpg", "chelsea.jpg", "coffee.jpg", "gray.jpg"} {
		f = append(f, shard.Pair{Text: name, Image: read(t, name)})
	}
	for _, o := range []Options{{}, {CropScale: 0.5, CropAspect: 0.75}, {Rotate: 20}} {
		o.Batch, o.Resolution, o.Context = 4, 64, 6
		l := newLoader(f, vocabulary(t), o, 0, 0)
		w := worker{encoder: vocabulary(t).NewEncoder()}
		b := <-l.free
		number := int64(0)
		fill := func() {
			if err := l.fill(b, number%4, 0, &w); err != nil {
				t.Fatal(err)
			}
			number++
		}
		for range 4 {
			fill()
		}
		if n := testing.AllocsPerRun(20, fill); n != 0 {
			t.Errorf("%+v: %g allocations a batch", o, n)
		}
		w.decoder.close()
		l.Close()
	}
}

func TestLoaderStops(t *testing.T) {
	f := fakePairs(t, 6)
	l := newLoader(f, vocabulary(t), Options{Batch: 2, Resolution: 8, Context: 6, Workers: 3}, 0, 1000)
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
	const name = "cats/1.bmp"
	f := fake{{Text: "a", ImageURL: name}, {Text: "b", ImageURL: name, Image: []byte("GIF89a")}}
	l := newLoader(f, vocabulary(t), Options{Batch: 2, Resolution: 8, Context: 6}, 0, 1)
	defer l.Close()
	_, err := l.Next(context.Background())
	if why := fmt.Sprintf("%v: of %s: decode picture: ", ErrNoPicture, name); !errors.Is(err, ErrNoPicture) || !strings.HasPrefix(err.Error(), why) {
		t.Errorf("got %v, want %s", err, why)
	}
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
				o := Options{Batch: 64, Resolution: resolution, Context: 77, Workers: 1, CacheBytes: cache}
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
