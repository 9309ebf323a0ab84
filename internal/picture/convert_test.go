package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math/rand/v2"
	"strings"
	"testing"
)

func convertBytes(b []byte) Result {
	return convertWith(b, func(*request) {})
}

// convertWith changes the usual request first.
func convertWith(b []byte, change func(*request)) Result {
	r := &request{mode: KeepRatio, format: JPEG, size: 256, quality: 90, maxPixels: 50_000_000, original: b}
	change(r)
	return convert(r)
}

func TestConvertFormats(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts no goroutine")
	}
	img := scene(640, 480)
	grey := image.NewGray(img.Rect)
	deep := image.NewNRGBA64(img.Rect)
	for y := range 480 {
		for x := range 640 {
			grey.Set(x, y, img.At(x, y))
			deep.Set(x, y, img.At(x, y))
		}
	}
	want := hashOf(t, img)
	for _, tt := range []struct {
		name, format string
		b            []byte
		distance     int // most bits by which the hash may differ
	}{
		{"jpeg", "jpeg", jpegOf(t, img), 2},
		{"cmyk jpeg", "jpeg", written(t, "cmyk.jpg"), 2},
		{"png", "png", pngOf(t, img), 0},
		{"grey png", "png", pngOf(t, grey), 2},
		{"16-bit png", "png", pngOf(t, deep), 0},
		{"first frame of gif", "gif", gifOf(t, img), 8},
		{"webp", "webp", written(t, "scene.webp"), 2},
		{"tiff", "tiff", written(t, "scene.tiff"), 2},
		{"avif", "avif", written(t, "scene.avif"), 2},
		{"heic", "heic", written(t, "scene.heic"), 2},
		{"jpeg 2000", "jp2", written(t, "scene.jp2"), 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := convertBytes(tt.b)
			if res.Reason != "" {
				t.Fatalf("dropped: %s: %s", res.Reason, res.Detail)
			}
			if res.OriginalFormat != tt.format || res.OriginalWidth != 640 || res.OriginalHeight != 480 {
				t.Errorf("original is %s %dx%d", res.OriginalFormat, res.OriginalWidth, res.OriginalHeight)
			}
			if res.Width != 341 || res.Height != 256 {
				t.Errorf("resized to %dx%d, want 341x256", res.Width, res.Height)
			}
			out, err := jpeg.Decode(bytes.NewReader(res.Bytes))
			if err != nil {
				t.Fatal(err)
			}
			if out.Bounds().Dx() != res.Width || out.Bounds().Dy() != res.Height {
				t.Errorf("JPEG is %v, result says %dx%d", out.Bounds(), res.Width, res.Height)
			}
			if _, ok := out.(*image.YCbCr); !ok {
				t.Errorf("JPEG decodes to %T, want three channels", out)
			}
			if d := distance(res.PHash, want); d > tt.distance {
				t.Errorf("hash differs from the picture's in %d bits, want at most %d", d, tt.distance)
			}
			if again := convertBytes(tt.b); !bytes.Equal(again.Bytes, res.Bytes) || again.PHash != res.PHash {
				t.Error("the second run gives other bytes")
			}
		})
	}
}

// What a decoder only warns of costs nothing: the picture is that of the sound
// file, to the byte.
func TestConvertKeepsWhatDecodersWarnOf(t *testing.T) {
	small, large := withJFIF(jpegOf(t, scene(300, 300))), largeJPEG(t, scene(300, 200), 4)
	for _, tt := range []struct {
		name         string
		sound, worse []byte
	}{
		{"odd parameters of the scan", small, withoutScanParameters(t, small)},
		{"odd parameters of the scan, shrunk while decoded", large, withoutScanParameters(t, large)},
		{"padding between segments", small, withPadding(t, small)},
		{"padding and odd parameters", small, withPadding(t, withoutScanParameters(t, small))},
		{"bytes after the end", small, append(bytes.Clone(small), "more"...)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want, got := convertBytes(tt.sound), convertBytes(tt.worse)
			if got.Reason != "" || !bytes.Equal(got.Bytes, want.Bytes) || got.PHash != want.PHash {
				t.Errorf("reason %q (%s), %d bytes of JPEG; want the %d of the sound file", got.Reason, got.Detail, len(got.Bytes), len(want.Bytes))
			}
		})
	}
}

func TestConvertDrops(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts no goroutine")
	}
	img := scene(300, 300)
	noise := make([]byte, 4096)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	half := func(b []byte) []byte { return b[:len(b)/2] }
	for _, tt := range []struct {
		name string
		b    []byte
		want string
	}{
		{"0 bytes", nil, ReasonEmpty},
		{"1 byte", []byte{0xff}, ReasonFormatUnknown},
		{"random bytes", noise, ReasonFormatUnknown},
		{"web page", []byte("<!DOCTYPE html><html><body>Not found</body></html>"), ReasonFormatUnknown},
		{"svg", []byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>`), ReasonFormatRefused},
		{"pdf", []byte("%PDF-1.4\n1 0 obj\n<<>>\nendobj\n"), ReasonFormatRefused},
		{"bmp header alone", []byte("BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00"), ReasonCorrupt},
		{"half a bmp", half(written(t, "scene.bmp")), ReasonCorrupt},
		{"half an ico", half(written(t, "scene.ico")), ReasonCorrupt},
		{"half an avif", half(written(t, "scene.avif")), ReasonCorrupt},
		{"half a heic", half(written(t, "scene.heic")), ReasonCorrupt},
		{"half a jpeg 2000", half(written(t, "scene.jp2")), ReasonCorrupt},
		{"postscript", []byte("%!PS-Adobe-3.0\n"), ReasonFormatRefused},
		{"half a jpeg", half(jpegOf(t, img)), ReasonCorrupt},
		{"half a jpeg with odd parameters", half(withoutScanParameters(t, jpegOf(t, img))), ReasonCorrupt},
		{"half a jpeg with padding", half(withPadding(t, withJFIF(jpegOf(t, img)))), ReasonCorrupt},
		{"half a jpeg with an end", append(half(jpegOf(t, img)), 0xff, 0xd9), ReasonCorrupt},
		{"jpeg without its last rows", jpegOf(t, img)[:len(jpegOf(t, img))-20], ReasonCorrupt},
		{"half a png", half(pngOf(t, img)), ReasonCorrupt},
		{"half a gif", gifOf(t, img)[:2000], ReasonCorrupt},
		{"half a webp", half(written(t, "scene.webp")), ReasonCorrupt},
		{"half a tiff", half(written(t, "scene.tiff")), ReasonCorrupt},
		{"jpeg header alone", jpegOf(t, img)[:24], ReasonCorrupt},
		{"png header alone", pngOf(t, img)[:33], ReasonCorrupt},
		{"noise after jpeg header", append(jpegOf(t, img)[:200], noise...), ReasonCorrupt},
		{"header claims 65000x65000", lyingPNG(t, 65000, 65000), ReasonTooManyPixels},
		{"header claims 0x0", lyingPNG(t, 0, 0), ReasonCorrupt},
		{"header claims 60x60 over 8x8", lyingPNG(t, 60, 60), ReasonCorrupt},
		{"200 wide, 70000 high", blackPNG(t, 200, 70000), ReasonSideTooLong},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := convertBytes(tt.b)
			if res.Reason != tt.want {
				t.Errorf("reason %q (%s), want %q", res.Reason, res.Detail, tt.want)
			}
			if res.Detail == "" || bytes.ContainsAny([]byte(res.Detail), "\n\r") {
				t.Errorf("detail %q is not one line", res.Detail)
			}
			for _, library := range []string{"vips", "Vips", "libpng", "TIFF"} {
				if strings.Contains(res.Detail, library) {
					t.Errorf("detail %q is a library's, not a sentence for people", res.Detail)
				}
			}
			if len(res.Bytes) != 0 {
				t.Error("a dropped picture has bytes")
			}
		})
	}
}

func TestConvertNeverEnlarges(t *testing.T) {
	res := convertBytes(pngOf(t, scene(90, 40)))
	if res.Width != 90 || res.Height != 40 {
		t.Errorf("90x40 became %dx%d (%s)", res.Width, res.Height, res.Detail)
	}
}

func TestConvertPixelLimitIsExact(t *testing.T) {
	sound := withJFIF(jpegOf(t, scene(100, 50)))
	for name, b := range map[string][]byte{"png": pngOf(t, scene(100, 50)), "jpeg": sound, "jpeg with padding": withPadding(t, sound)} {
		for _, tt := range []struct {
			limit uint64
			want  string
		}{{5000, ""}, {4999, ReasonTooManyPixels}} {
			res := convertWith(b, func(r *request) { r.size, r.maxPixels = 32, tt.limit })
			if res.Reason != tt.want {
				t.Errorf("%s, limit %d: reason %q, want %q", name, tt.limit, res.Reason, tt.want)
			}
		}
	}
}

// A JPEG that is shrunk while it is decoded must look like one that is not.
func TestConvertLargeJPEG(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts no goroutine")
	}
	img := scene(600, 400)
	res := convertBytes(largeJPEG(t, img, 7))
	if res.Reason != "" || res.Height != 256 || res.Width != 384 {
		t.Fatalf("%q %s: %dx%d, want 384x256", res.Reason, res.Detail, res.Width, res.Height)
	}
	if d := distance(res.PHash, hashOf(t, img)); d > 2 {
		t.Errorf("hash differs in %d bits", d)
	}
}

func TestConvertTurns(t *testing.T) {
	// Left half red, right half blue; turn 6 means that the stored left edge is
	// the top, turn 3 that the picture stands on its head.
	img := image.NewNRGBA(image.Rect(0, 0, 400, 300))
	for y := range 300 {
		for x := range 400 {
			c := color.NRGBA{R: 255, A: 255}
			if x >= 200 {
				c = color.NRGBA{B: 255, A: 255}
			}
			img.SetNRGBA(x, y, c)
		}
	}
	for _, tt := range []struct {
		turn                 byte
		w, h                 int
		redX, redY           int // in 1/4 of the sides
		originalW, originalH int
	}{
		{1, 341, 256, 1, 2, 400, 300},
		{3, 341, 256, 3, 2, 400, 300},
		{6, 256, 341, 2, 1, 300, 400},
		{8, 256, 341, 2, 3, 300, 400},
	} {
		res := convertBytes(withOrientation(jpegOf(t, img), tt.turn))
		if res.Width != tt.w || res.Height != tt.h || res.OriginalWidth != tt.originalW || res.OriginalHeight != tt.originalH {
			t.Errorf("turn %d: %dx%d from %dx%d (%s)", tt.turn, res.Width, res.Height, res.OriginalWidth, res.OriginalHeight, res.Detail)
			continue
		}
		out, err := jpeg.Decode(bytes.NewReader(res.Bytes))
		if err != nil {
			t.Fatal(err)
		}
		if r, _, b, _ := out.At(tt.redX*tt.w/4, tt.redY*tt.h/4).RGBA(); r < 0xf000 || b > 0x1000 {
			t.Errorf("turn %d: red is not where it belongs", tt.turn)
		}
		if bytes.Contains(res.Bytes, []byte("Exif")) {
			t.Errorf("turn %d: metadata is still there", tt.turn)
		}
	}
}

func TestConvertGround(t *testing.T) {
	for _, tt := range []struct {
		name   string
		ink    color.NRGBA
		ground uint8
		lines  bool // black lines across the ink
	}{
		{"black on nothing", color.NRGBA{A: 255}, 255, false},
		{"white on nothing", color.NRGBA{255, 255, 255, 255}, 0, false},
		{"yellow on nothing", color.NRGBA{255, 255, 0, 255}, 0, false},
		{"red on nothing", color.NRGBA{220, 20, 20, 255}, 255, false},
		{"nothing at all", color.NRGBA{}, 255, false},
		{"white chart with margins", color.NRGBA{255, 255, 255, 255}, 255, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			img := image.NewNRGBA(image.Rect(0, 0, 300, 300))
			for y := 100; y < 200; y++ {
				for x := 100; x < 200; x++ {
					img.SetNRGBA(x, y, tt.ink)
					if tt.lines && y%40 == 0 {
						img.SetNRGBA(x, y, color.NRGBA{A: 255})
					}
				}
			}
			res := convertBytes(pngOf(t, img))
			if res.Reason != "" {
				t.Fatal(res.Reason, res.Detail)
			}
			out, err := jpeg.Decode(bytes.NewReader(res.Bytes))
			if err != nil {
				t.Fatal(err)
			}
			if r, _, _, _ := out.At(3, 3).RGBA(); uint8(r>>8) != tt.ground {
				t.Errorf("ground is %d, want %d", r>>8, tt.ground)
			}
		})
	}
}

// Browsers show a picture whose profile is broken, and so do we.
func TestConvertBrokenProfile(t *testing.T) {
	plain := jpegOf(t, scene(300, 300))
	want := convertBytes(plain)
	for _, profile := range []string{"", "not a profile at all", strings.Repeat("\x00", 200)} {
		seg := "ICC_PROFILE\x00\x01\x01" + profile
		b := append([]byte{0xff, 0xd8, 0xff, 0xe2, 0, byte(len(seg) + 2)}, seg...)
		res := convertBytes(append(b, plain[2:]...))
		if res.Reason != "" || res.PHash != want.PHash {
			t.Errorf("profile %.20q: %q (%s)", profile, res.Reason, res.Detail)
		}
		if bytes.Contains(res.Bytes, []byte("ICC_PROFILE")) {
			t.Errorf("profile %.20q is still there", profile)
		}
	}
}

// The hash is of the picture as it lies on its ground.
func TestHashIsOfTheGround(t *testing.T) {
	img := scene(120, 120)
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = uint8(i / 4 % 256)
	}
	res := convertWith(pngOf(t, img), func(r *request) { r.quality = 100 })
	out, err := jpeg.Decode(bytes.NewReader(res.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	flat := image.NewNRGBA(out.Bounds())
	draw.Draw(flat, flat.Rect, out, image.Point{}, draw.Src)
	if d := distance(hashOf(t, flat), res.PHash); d > 2 {
		t.Errorf("hash of the JPEG and of the flattened pixels differ in %d bits", d)
	}
}

func BenchmarkConvert(b *testing.B) {
	for _, bb := range []struct {
		name string
		data []byte
	}{
		{"format=jpeg/pixels=786432", jpegOf(b, scene(1024, 768))},
		{"format=png/pixels=786432", pngOf(b, scene(1024, 768))},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if res := convertBytes(bb.data); res.Reason != "" {
					b.Fatal(res.Reason, res.Detail)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "img/s")
		})
	}
}
