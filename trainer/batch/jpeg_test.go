package batch

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
)

// whole decodes all of a picture.
func whole(d *decoder, data []byte) (*picture, error) {
	width, height, err := d.open(data)
	if err != nil {
		return nil, err
	}
	p := &picture{}
	return p, d.decode(p, rectangle{0, 0, width, height})
}

// TestDecodePart holds that a part of a picture has the bits that the whole has there,
// whatever the resolution of its colours.
func TestDecodePart(t *testing.T) {
	names, err := filepath.Glob("testdata/made/*.jpg")
	if err != nil || len(names) < 15 {
		t.Fatalf("%d pictures: %v", len(names), err)
	}
	names = append(names, "testdata/astronaut.jpg", "testdata/coffee.jpg", "testdata/progressive.jpg", "testdata/gray.jpg")
	r := rand.New(rand.NewPCG(1, 2))
	var d decoder
	defer d.close()
	narrower := 0
	for _, name := range names {
		data := read(t, strings.TrimPrefix(name, "testdata/"))
		all, err := whole(&d, data)
		if err != nil {
			continue // the damaged ones
		}
		for range 60 {
			x, y := r.IntN(all.width), r.IntN(all.height)
			want := rectangle{x, y, 1 + r.IntN(all.width-x), 1 + r.IntN(all.height-y)}
			var part picture
			if _, _, err := d.open(data); err != nil {
				t.Fatal(err)
			}
			if err := d.decode(&part, want); err != nil {
				t.Fatalf("%s, %v: %v", name, want, err)
			}
			if part.width < all.width {
				narrower++
			}
			if part.x > x || part.x+part.width < x+want.width || part.y > y || part.y+part.height < y+want.height {
				t.Fatalf("%s: %v decoded for %v", name, part.rectangle, want)
			}
			for row := range want.height {
				a := part.rgb[3*((y+row-part.y)*part.width+x-part.x):][:3*want.width]
				if !bytes.Equal(a, all.rgb[3*((y+row)*all.width+x):][:3*want.width]) {
					t.Fatalf("%s: row %d of %v differs from the whole picture's", name, row, want)
				}
			}
		}
	}
	if narrower < 100 {
		t.Errorf("only %d parts were narrower than their picture", narrower)
	}
}

// TestCutIsOne: whether a picture is complete does not depend on what is cut out of it.
func TestCutIsOne(t *testing.T) {
	var d decoder
	defer d.close()
	for _, name := range []string{"made/cut.jpg", "made/short.jpg", "made/endless.jpg", "made/progressive_cut.jpg"} {
		data := read(t, name)
		for _, r := range []rectangle{{0, 0, 5, 5}, {40, 30, 20, 1}, {0, 0, 120, 88}} {
			if _, _, err := d.open(data); err != nil {
				t.Fatal(err)
			}
			if err := d.decode(new(picture), r); err == nil || !strings.Contains(err.Error(), "the data ends before the picture does") {
				t.Errorf("%s, %v: got %v", name, r, err)
			}
		}
	}
}

// TestRefused are pictures that are no good, by the reason that is told.
func TestRefused(t *testing.T) {
	header := func(width, height int) []byte {
		data := bytes.Clone(read(t, "made/420.jpg"))
		at := bytes.Index(data, []byte{0xFF, 0xC0})
		copy(data[at+5:], []byte{byte(height >> 8), byte(height), byte(width >> 8), byte(width)})
		return data
	}
	scans := bytes.Clone(read(t, "made/progressive420.jpg"))
	last := bytes.LastIndex(scans, []byte{0xFF, 0xDA})
	scans = append(scans[:len(scans)-2], bytes.Repeat(scans[last:len(scans)-2], 120)...)
	gray := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"), 0, 0, 0, 1, 0, 0, 0, 1, 16, 0, 0, 0, 0, 0, 0, 0, 0)
	var d decoder
	defer d.close()
	for _, tt := range []struct {
		name, want string
		data       []byte
	}{
		{"nothing", "not decoded here", nil},
		{"text", "not decoded here", []byte("a picture of a cat")},
		{"a JPEG's start", "ends before", []byte{0xFF, 0xD8, 0xFF}},
		{"larger than any", "out of range", header(65000, 65000)},
		{"no size", "", header(0, 0)},
		{"scans without end", "more than 100 scans", append(scans, 0xFF, 0xD9)},
		{"a gray PNG of 16 bits", "gray PNG of 16 bits", gray},
	} {
		if _, err := whole(&d, tt.data); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := whole(&d, read(t, "made/420.jpg")); err != nil {
		t.Errorf("after those: %v", err)
	}
}

// TestDamaged cuts and changes bytes of pictures of each kind: each gives an error or a
// picture of its size.
func TestDamaged(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	var d decoder
	defer d.close()
	for _, name := range []string{"420.jpg", "411.jpg", "progressive420.jpg", "restarts.jpg", "cmyk.jpg", "gray.jpg", "palette.png", "deep.png"} {
		data := read(t, "made/"+name)
		for range 150 {
			b := bytes.Clone(data)
			for range 1 + r.IntN(8) {
				b[r.IntN(len(b))] ^= 1 << r.IntN(8)
			}
			checkDecoder(t, &d, b[:len(b)-r.IntN(2)*r.IntN(len(b))], r.Uint64())
		}
	}
}

// checkDecoder decodes a part of what may be a picture.
func checkDecoder(t *testing.T, d *decoder, data []byte, choice uint64) {
	t.Helper()
	width, height, err := d.open(data)
	if err != nil || width*height > 1<<20 {
		return
	}
	r := rand.New(rand.NewPCG(choice, 0))
	want := rectangle{x: r.IntN(width), y: r.IntN(height)}
	want.width, want.height = 1+r.IntN(width-want.x), 1+r.IntN(height-want.y)
	var p picture
	if err := d.decode(&p, want); err != nil {
		return
	}
	if p.x > want.x || p.x+p.width < want.x+want.width || p.x+p.width > width || len(p.rgb) != 3*p.width*p.height {
		t.Fatalf("%v decoded for %v", p.rectangle, want)
	}
	if err := d.view(make([]byte, 3*7*7), centreOf(width, height, 7)); err == nil && isJPEG(data) {
		t.Fatal("a picture was decoded twice")
	}
}

// FuzzDecode holds that any bytes give a picture of sane size or an error.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"dot.jpg", "tall.jpg", "411.jpg", "progressive444.jpg", "cmyk.jpg", "rgb.jpg", "palette.png", "bits.png"} {
		f.Add(read(f, "made/"+name), uint64(1))
	}
	f.Add([]byte("\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"), uint64(2))
	f.Fuzz(func(t *testing.T, data []byte, choice uint64) {
		if len(data) > 1<<16 {
			return
		}
		var d decoder
		defer d.close()
		checkDecoder(t, &d, data, choice)
	})
}
