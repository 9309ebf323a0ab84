package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"testing"
)

// The sizes are those of img2dataset's resizer for the same settings.
func TestModes(t *testing.T) {
	for _, tt := range []struct {
		mode         Mode
		always       bool
		w, h         int
		wantW, wantH int
	}{
		{No, false, 300, 200, 300, 200},
		{No, true, 300, 200, 300, 200},
		{KeepRatio, false, 300, 200, 150, 100},
		{KeepRatio, false, 90, 50, 90, 50},
		{KeepRatio, true, 90, 50, 180, 100},
		{KeepRatioLargest, false, 300, 200, 100, 67},
		{KeepRatioLargest, false, 90, 50, 90, 50},
		{KeepRatioLargest, true, 90, 50, 100, 56},
		{CenterCrop, false, 300, 200, 100, 100},
		{CenterCrop, false, 150, 90, 150, 90},
		{CenterCrop, true, 90, 50, 100, 100},
		{Border, false, 300, 200, 100, 100},
		{Border, false, 90, 50, 90, 50},
		{Border, true, 90, 50, 100, 100},
		{Border, false, 101, 1, 100, 100},
	} {
		res := convertWith(pngOf(t, scene(tt.w, tt.h)), func(r *request) { r.mode, r.always, r.size = tt.mode, tt.always, 100 })
		if res.Reason != "" || res.Width != tt.wantW || res.Height != tt.wantH {
			t.Errorf("%s, always %v: %dx%d became %dx%d (%s), want %dx%d", tt.mode, tt.always, tt.w, tt.h, res.Width, res.Height, res.Reason, tt.wantW, tt.wantH)
			continue
		}
		if c, err := jpeg.DecodeConfig(bytes.NewReader(res.Bytes)); err != nil || c.Width != res.Width || c.Height != res.Height {
			t.Errorf("%s: the JPEG has %dx%d (%v)", tt.mode, c.Width, c.Height, err)
		}
	}
}

// What lies where after a crop and in a border, also of a picture that is turned.
func TestModesKeepTheMiddle(t *testing.T) {
	// Red, green, blue thirds side by side.
	img := image.NewNRGBA(image.Rect(0, 0, 300, 100))
	third := []color.NRGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}}
	for y := range 100 {
		for x := range 300 {
			img.SetNRGBA(x, y, third[x/100])
		}
	}
	white := color.NRGBA{255, 255, 255, 255}
	for _, tt := range []struct {
		mode Mode
		turn byte
		at   map[image.Point]color.NRGBA // in percent of the sides
	}{
		{CenterCrop, 1, map[image.Point]color.NRGBA{{10, 50}: third[1], {90, 50}: third[1]}},
		{CenterCrop, 6, map[image.Point]color.NRGBA{{50, 10}: third[1], {50, 90}: third[1]}},
		{Border, 1, map[image.Point]color.NRGBA{{50, 10}: white, {50, 90}: white, {10, 50}: third[0], {90, 50}: third[2]}},
		{Border, 6, map[image.Point]color.NRGBA{{10, 50}: white, {90, 50}: white, {50, 10}: third[0], {50, 90}: third[2]}},
		{Border, 3, map[image.Point]color.NRGBA{{50, 10}: white, {10, 50}: third[2], {90, 50}: third[0]}},
		{Border, 2, map[image.Point]color.NRGBA{{10, 50}: third[2], {90, 50}: third[0]}},
		{Border, 8, map[image.Point]color.NRGBA{{50, 10}: third[2], {50, 90}: third[0]}},
	} {
		res := convertWith(withOrientation(jpegOf(t, img), tt.turn), func(r *request) { r.mode, r.size = tt.mode, 60 })
		out, err := jpeg.Decode(bytes.NewReader(res.Bytes))
		if err != nil {
			t.Fatal(err)
		}
		for p, want := range tt.at {
			r, g, b, _ := out.At(p.X*60/100, p.Y*60/100).RGBA()
			for _, d := range []int{int(r>>8) - int(want.R), int(g>>8) - int(want.G), int(b>>8) - int(want.B)} {
				if d < -40 || d > 40 {
					t.Errorf("%s, turn %d: at %v is %d %d %d, want %v", tt.mode, tt.turn, p, r>>8, g>>8, b>>8, want)
					break
				}
			}
		}
	}
}

func TestFormats(t *testing.T) {
	b := pngOf(t, scene(400, 300))
	p := newTestPool(t, 1, PoolOptions{Format: Original, SHA256: true, Size: 64})
	res := process(t, p, b)
	if !bytes.Equal(res.Bytes, b) || res.Format != "png" || res.Width != 400 || res.Height != 300 || len(res.SHA256) != 64 || res.Spread == 0 {
		t.Errorf("original: %d of %d bytes, %s, %dx%d, sha256 %q, spread %d", len(res.Bytes), len(b), res.Format, res.Width, res.Height, res.SHA256, res.Spread)
	}
	want := convertBytes(b)
	if res.PHash != want.PHash {
		t.Error("the hash depends on what is kept")
	}
	if res := process(t, p, b[:len(b)/2]); res.Reason != ReasonCorrupt || res.Bytes != nil {
		t.Errorf("half a picture: %q, %d bytes", res.Reason, len(res.Bytes))
	}
	if res := convertWith(b, func(r *request) { r.format = WebP }); res.Format != WebP || sniff(res.Bytes) != "webp" || res.Width != 341 {
		t.Errorf("webp: %+v", res)
	}
	if res := convertWith(b, func(r *request) { r.format = Nothing }); res.Format != "" || res.Bytes != nil || res.PHash != want.PHash {
		t.Errorf("nothing: %+v", res)
	}
}

func TestSpread(t *testing.T) {
	half := image.NewGray(image.Rect(0, 0, 40, 40))
	for i := range half.Pix {
		half.Pix[i] = uint8(100 + i%2*20) // deviates by 10
	}
	for _, tt := range []struct {
		name string
		img  image.Image
		want int
	}{{"flat", image.NewGray(image.Rect(0, 0, 40, 40)), 0}, {"two greys", half, 1000}} {
		if res := convertBytes(pngOf(t, tt.img)); res.Spread != tt.want {
			t.Errorf("%s: spread %d, want %d", tt.name, res.Spread, tt.want)
		}
	}
}
