package pipeline

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"testing"
)

// TestUprightLeavesPicturesAlone holds that a model gets the pixels of a file as they
// are stored, but where they are not as they are to be seen.
func TestUprightLeavesPicturesAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	fill := func(m interface {
		image.Image
		Set(x, y int, c color.Color)
	}, c color.Color) image.Image {
		for y := range m.Bounds().Dy() {
			for x := range m.Bounds().Dx() {
				m.Set(x, y, c)
			}
		}
		return m
	}
	r := image.Rect(0, 0, 600, 500) // its short side is above what Convert makes
	clear, solid := color.NRGBA{200, 10, 10, 128}, color.NRGBA{200, 10, 10, 255}
	pngOf := func(m image.Image) []byte {
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	var plain bytes.Buffer
	if err := jpeg.Encode(&plain, fill(image.NewRGBA(r), solid), nil); err != nil {
		t.Fatal(err)
	}
	opaque := pngOf(fill(image.NewNRGBA(r), solid))
	sixteen := pngOf(fill(image.NewNRGBA64(r), color.NRGBA64{200, 10, 10, 65535}))
	turned := func(by byte) []byte {
		tiff := []byte{'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, by, 0, 0, 0, 0, 0, 0, 0}
		segment := append([]byte("Exif\x00\x00"), tiff...)
		b := append([]byte{0xff, 0xd8, 0xff, 0xe1}, binary.BigEndian.AppendUint16(nil, uint16(2+len(segment)))...)
		return append(append(b, segment...), plain.Bytes()[2:]...)
	}
	tiff, err := os.ReadFile("../internal/picture/testdata/scene.tiff")
	if err != nil {
		t.Fatal(err)
	}
	webp, err := os.ReadFile("../internal/picture/testdata/scene.webp")
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPictureConverter(testPictureChild, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, tt := range []struct {
		name  string
		data  []byte
		alone bool
	}{
		{"JPEG", plain.Bytes(), true},
		{"JPEG said to be upright", turned(1), true},
		{"JPEG to be turned", turned(6), false},
		{"PNG", pngOf(fill(image.NewRGBA(r), solid)), true},
		{"PNG with alpha that hides nothing", opaque, true},
		{"transparent PNG", pngOf(fill(image.NewNRGBA(r), clear)), false},
		{"PNG of 16 bits a colour", sixteen, true},
		{"gray PNG", pngOf(fill(image.NewGray(r), solid)), true},
		{"gray PNG of 16 bits, which Pillow shows white", pngOf(fill(image.NewGray16(r), solid)), false},
		{"palette", pngOf(fill(image.NewPaletted(r, color.Palette{solid, color.Black}), solid)), true},
		{"palette with a transparent colour", pngOf(fill(image.NewPaletted(r, color.Palette{clear, color.Black}), clear)), false},
		{"WebP", webp, true},
		{"TIFF", tiff, false},
	} {
		shown, reason, detail, err := p.Upright(context.Background(), tt.data)
		if err != nil || reason != "" {
			t.Errorf("%s: %s, %s, %v", tt.name, reason, detail, err)
			continue
		}
		if bytes.Equal(shown, tt.data) != tt.alone {
			t.Errorf("%s: left alone is %v, want %v", tt.name, !tt.alone, tt.alone)
		}
	}
	if _, reason, _, err := p.Upright(context.Background(), []byte("no picture")); reason == "" || err != nil {
		t.Errorf("a text: %q, %v", reason, err)
	}
}
