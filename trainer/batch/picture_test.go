package batch

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
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

// TestCentreAgainstTorchvision compares with the pixels that torchvision makes,
// see testdata/pictures.py. Our decoder computes what libjpeg does, but for
// colours stored at half the resolution: libjpeg smooths them, we repeat them.
// Progressive files go through image/jpeg, whose transform rounds otherwise.
func TestCentreAgainstTorchvision(t *testing.T) {
	most := map[string]int{"astronaut": 0, "chelsea": 0, "gray": 0, "coffee": 7, "progressive": 2} // measured
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
		dst := make([]float32, 3*side*side)
		if err := Centre(dst, read(t, name+".jpg"), side); err != nil {
			t.Fatal(err)
		}
		worst, sum := 0, 0
		for y := range side {
			for x := range side {
				c := color.NRGBAModel.Convert(golden.At(x, y)).(color.NRGBA)
				for plane, want := range []uint8{c.R, c.G, c.B} {
					v := dst[(plane*side+y)*side+x]
					got := int((v*deviation[plane]+mean[plane])*255 + 0.5)
					worst, sum = max(worst, got-int(want), int(want)-got), sum+max(got-int(want), int(want)-got)
				}
			}
		}
		t.Logf("%s: at most %d/255, %.3f/255 on average", path, worst, float64(sum)/float64(3*side*side))
		if worst > most[name] {
			t.Errorf("%s: differs by %d/255, %d allowed", path, worst, most[name])
		}
	}
}

// TestDecodeAgainstImageJPEG compares whole pictures. The transforms round
// differently, by one level of brightness or colour.
func TestDecodeAgainstImageJPEG(t *testing.T) {
	for name, most := range map[string]int{"astronaut": 3, "chelsea": 3, "coffee": 3, "gray": 1} {
		data := read(t, name+".jpg")
		m, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		var d jpegDecoder
		var p picture
		if !d.decode(&p, data, 0) {
			t.Fatalf("%s: left to image/jpeg", name)
		}
		if worst := worstPixel(&p, m); worst > most {
			t.Errorf("%s: differs from image/jpeg by %d/255", name, worst)
		}
		for _, short := range []int{100, 40, 30} {
			if !d.decode(&p, data, short) {
				t.Fatalf("%s: left to image/jpeg", name)
			}
			if s := min(p.width, p.height); s < short || s >= 2*short {
				t.Errorf("%s: for %d pixels it decodes %d by %d", name, short, p.width, p.height)
			}
		}
	}
	var d jpegDecoder
	if d.decode(new(picture), read(t, "progressive.jpg"), 0) {
		t.Error("a progressive file was taken for a baseline one")
	}
}

func worstPixel(p *picture, m image.Image) (worst int) {
	for y := range p.height {
		for x := range p.width {
			r, g, b, _ := m.At(x, y).RGBA()
			for c, want := range []uint32{r, g, b} {
				difference := int(p.rgb[3*(y*p.width+x)+c]) - int(want>>8)
				worst = max(worst, difference, -difference)
			}
		}
	}
	return worst
}

// TestScaledDecode holds that scaling in the decoder gives nearly what averaging
// the full picture gives.
func TestScaledDecode(t *testing.T) {
	for _, name := range []string{"astronaut", "chelsea", "coffee", "gray"} {
		data := read(t, name+".jpg")
		var d jpegDecoder
		var full, small picture
		d.decode(&full, data, 0)
		for _, shrink := range []int{2, 4, 8} {
			if !d.decode(&small, data, 256/shrink) || small.height != (full.height+shrink-1)/shrink {
				t.Fatalf("%s: %d rows at a scale of 1/%d", name, small.height, shrink)
			}
			var off float64
			n := 0
			for y := range full.height / shrink {
				for x := range full.width / shrink {
					for c := range 3 {
						sum := 0
						for i := range shrink * shrink {
							sum += int(full.rgb[3*((y*shrink+i/shrink)*full.width+x*shrink+i%shrink)+c])
						}
						difference := float64(small.rgb[3*(y*small.width+x)+c]) - float64(sum)/float64(shrink*shrink)
						off, n = off+max(difference, -difference), n+1
					}
				}
			}
			if off /= float64(n); off > 3.5 {
				t.Errorf("%s at 1/%d: %.2f levels from the average of the pixels", name, shrink, off)
			}
		}
	}
}

// TestNoAllocation holds that a worker reuses its memory from picture to picture.
func TestNoAllocation(t *testing.T) {
	var d decoder
	var cut picture
	dst := make([]float32, 3*64*64)
	pictures := [][]byte{read(t, "astronaut.jpg"), read(t, "chelsea.jpg"), read(t, "coffee.jpg"), read(t, "gray.jpg")}
	all := func() {
		for _, data := range pictures {
			p, err := d.shrunk(data, 72)
			if err != nil {
				t.Fatal(err)
			}
			d.resampler.random(&cut, p, 64, 0.9, 0.5, 0.5, 0.5)
			cut.normalise(dst, 0, 0, 64)
		}
	}
	all()
	if n := testing.AllocsPerRun(20, all); n != 0 {
		t.Errorf("%g allocations for %d pictures", n, len(pictures))
	}
}

// checkDecoders holds, for any bytes, that what jpegDecoder takes image/jpeg
// takes too, at the same size, and that scaling changes nothing of that.
func checkDecoders(t *testing.T, data []byte) {
	var d decoder
	m, fault := jpeg.Decode(bytes.NewReader(data))
	for _, short := range []int{0, 1, 16} {
		p, width, height, err := d.decode(data, short)
		if (err == nil) != (fault == nil) && !errors.Is(err, errSize) {
			t.Fatalf("image/jpeg says %v, we say %v", fault, err)
		}
		if err == nil && (width != m.Bounds().Dx() || height != m.Bounds().Dy() || len(p.rgb) != 3*p.width*p.height) {
			t.Errorf("%d bytes for %d by %d pixels of a file of %d by %d", len(p.rgb), p.width, p.height, width, height)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	data := read(b, "astronaut.jpg")
	for _, tt := range []struct {
		name  string
		short int
	}{{"1", 0}, {"2", 100}, {"4", 50}} {
		b.Run("shrink="+tt.name, func(b *testing.B) {
			var d jpegDecoder
			var p picture
			b.ReportAllocs()
			for b.Loop() {
				if !d.decode(&p, data, tt.short) {
					b.Fatal("left to image/jpeg")
				}
			}
		})
	}
	b.Run("image/jpeg", func(b *testing.B) {
		for b.Loop() {
			if _, err := jpeg.Decode(bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
