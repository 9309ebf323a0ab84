package picture

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// scene paints something with low frequencies of its own: two waves and a disc.
func scene(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			u, v := float64(x)/float64(w), float64(y)/float64(h)
			c := color.NRGBA{A: 255}
			c.R = uint8(127 + 120*math.Sin(7*u+2*v))
			c.G = uint8(127 + 120*math.Cos(3*u-5*v))
			c.B = uint8(255 * u)
			if (u-.3)*(u-.3)+(v-.6)*(v-.6) < .04 {
				c.R, c.G, c.B = 250, 240, 20
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

func pngOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// gifOf has two frames, the second one flat.
func gifOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	pal := color.Palette{color.Black}
	for i := range 215 {
		pal = append(pal, color.NRGBA{uint8(i % 6 * 51), uint8(i / 6 % 6 * 51), uint8(i / 36 * 51), 255})
	}
	first := image.NewPaletted(img.Bounds(), pal)
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			first.Set(x, y, img.At(x, y))
		}
	}
	var b bytes.Buffer
	err := gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{first, image.NewPaletted(img.Bounds(), pal)}, Delay: []int{10, 10}})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// written is a picture of testdata: see pictures.py there.
func written(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Painted for testdata/pictures.py.
func TestScene(t *testing.T) {
	if path := os.Getenv("PAIRLOOM_SCENE"); path != "" {
		if err := os.WriteFile(path, pngOf(t, scene(640, 480)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// lyingPNG has a header that claims w x h over the pixels of a small picture.
func lyingPNG(t testing.TB, w, h uint32) []byte {
	b := pngOf(t, scene(8, 8))
	// signature 8, length 4, "IHDR" 4, then width and height.
	binary.BigEndian.PutUint32(b[16:], w)
	binary.BigEndian.PutUint32(b[20:], h)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

// withOrientation puts an EXIF segment with nothing but the turn into a JPEG.
func withOrientation(b []byte, turn byte) []byte {
	exif := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00")
	exif[len(exif)-7] = turn
	seg := []byte{0xff, 0xe1, 0, byte(len(exif) + 2)}
	out := append([]byte{}, b[:2]...)
	out = append(append(out, seg...), exif...)
	return append(out, b[2:]...)
}

// withJFIF puts the segment that most encoders write first into a JPEG.
func withJFIF(b []byte) []byte {
	out := append([]byte{}, b[:2]...)
	out = append(out, "\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"...)
	return append(out, b[2:]...)
}

// segment is the offset of a JPEG's first segment of a kind.
func segment(t testing.TB, b []byte, kind byte) int {
	t.Helper()
	at := bytes.Index(b, []byte{0xff, kind})
	if at < 0 {
		t.Fatalf("the JPEG has no segment %x", kind)
	}
	return at
}

// withoutScanParameters zeroes what a sequential JPEG says at the end of its
// scan's header: 00 3F 00, the range of coefficients (ITU-T T.81, B.2.3).
func withoutScanParameters(t testing.TB, b []byte) []byte {
	t.Helper()
	sos := segment(t, b, 0xda)
	end := sos + 2 + int(binary.BigEndian.Uint16(b[sos+2:]))
	if string(b[end-3:end]) != "\x00\x3f\x00" {
		t.Fatalf("the scan's parameters are % x", b[end-3:end])
	}
	out := bytes.Clone(b)
	clear(out[end-3 : end])
	return out
}

// withPadding puts three bytes before the first quantisation table.
func withPadding(t testing.TB, b []byte) []byte {
	t.Helper()
	dqt := segment(t, b, 0xdb)
	return append(append(bytes.Clone(b[:dqt]), 1, 2, 3), b[dqt:]...)
}

// largeJPEG is img enlarged by repeating pixels, which is faster than painting.
func largeJPEG(t testing.TB, img *image.NRGBA, factor int) []byte {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	large := image.NewNRGBA(image.Rect(0, 0, w*factor, h*factor))
	for y := range h * factor {
		row, from := large.Pix[y*large.Stride:], img.Pix[y/factor*img.Stride:]
		for x := range w * factor {
			copy(row[4*x:4*x+4], from[x/factor*4:])
		}
	}
	return jpegOf(t, large)
}

// blackPNG is 16-bit grey, which takes little room as a file.
func blackPNG(t testing.TB, w, h int) []byte {
	t.Helper()
	return pngOf(t, image.NewGray16(image.Rect(0, 0, w, h)))
}

// deepPNG has 16 bits in each of four channels: 8 bytes a pixel when decoded.
func deepPNG(t testing.TB, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, image.NewNRGBA64(image.Rect(0, 0, w, h))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
