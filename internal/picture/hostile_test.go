package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// damaged are n variants of a file, by a fixed seed: cut off, with flipped bits, with a
// run of bytes written over, or with a piece left out.
func damaged(b []byte, n int) [][]byte {
	rng := rand.New(rand.NewPCG(uint64(len(b)), 7))
	var out [][]byte
	for i := range n {
		v := bytes.Clone(b)
		at := rng.IntN(len(v))
		switch i % 4 {
		case 0:
			v = v[:at]
		case 1:
			for range 1 + rng.IntN(8) {
				v[rng.IntN(len(v))] ^= 1 << rng.IntN(8)
			}
		case 2:
			for j := at; j < min(len(v), at+1+rng.IntN(16)); j++ {
				v[j] = byte(rng.Uint32())
			}
		case 3:
			v = append(v[:at], v[min(len(v), at+1+rng.IntN(64)):]...)
		}
		out = append(out, v)
	}
	return out
}

// Each variant has a picture or a reason, and the process is there for the next one.
func TestDamagedPictures(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts no goroutine")
	}
	small := scene(60, 44)
	files := map[string][]byte{"jpeg": withJFIF(jpegOf(t, small)), "png": pngOf(t, small), "gif": gifOf(t, small)}
	for _, name := range []string{"animated.png", "animated.webp", "cmyk.jpg", "dib.ico", "palette.bmp", "scene.avif", "scene.bmp", "scene.heic", "scene.ico", "scene.jp2", "scene.tiff", "scene.webp"} {
		files[name] = written(t, name)
	}
	for name, b := range files {
		reasons := map[string]int{}
		for i, v := range damaged(b, 24) {
			res := convertWith(v, func(r *request) { r.size, r.maxPixels = 32, 1_000_000 })
			reasons[res.Reason]++
			if (res.Reason == "") != (len(res.Bytes) > 0) {
				t.Errorf("%s, variant %d: reason %q and %d bytes", name, i, res.Reason, len(res.Bytes))
			}
		}
		delete(reasons, "")
		for reason := range reasons {
			switch reason {
			case ReasonEmpty, ReasonFormatUnknown, ReasonFormatRefused, ReasonTooManyPixels, ReasonSideTooLong, ReasonCorrupt, ReasonTooMuchMemory:
			default:
				t.Errorf("%s: reason %q", name, reason)
			}
		}
	}
}

// goRoot is where the sources of Go lie.
func goRoot(t *testing.T) string {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skipf("go env GOROOT: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// Go's own suite of odd PNGs.
func TestGoPNGSuite(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts no goroutine")
	}
	folder := filepath.Join(goRoot(t), "src/image/png/testdata")
	paths, _ := filepath.Glob(filepath.Join(folder, "pngsuite/*.png"))
	more, _ := filepath.Glob(filepath.Join(folder, "*.png"))
	paths = append(paths, more...)
	if len(paths) == 0 {
		t.Skipf("Go's sources are not in %s", folder)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		want := ""
		switch {
		case name == "invalid-noend.png", name == "invalid-trunc.png", name == "invalid-zlib.png", // the pixels are all there
			name == "invalid-palette.png": // those without a colour are black
		case strings.HasPrefix(name, "invalid-"):
			want = ReasonCorrupt
		}
		if res := convertBytes(b); res.Reason != want {
			t.Errorf("%s: reason %q (%s), want %q", name, res.Reason, res.Detail, want)
		}
	}
}

// pngChunk is a chunk with its sum.
func pngChunk(name string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(append(b, name...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

func TestHostilePictures(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts no goroutine")
	}
	sound := pngOf(t, scene(40, 30))
	bomb := append(bytes.Clone(sound[:33]), pngChunk("iCCP", append([]byte("a\x00\x00"), bytes.Repeat([]byte{0x78}, 5000)...))...)
	for _, tt := range []struct {
		name string
		b    []byte
		want string
	}{
		{"svg with entities", []byte(`<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "&#120;"><!ENTITY b SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg">&b;</svg>`), ReasonFormatRefused},
		{"svg with a script", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), ReasonFormatRefused},
		{"svg that says it is a gif", []byte(`GIF89a<svg xmlns="http://www.w3.org/2000/svg"/>`), ReasonCorrupt},
		{"picture and archive in one", append(bytes.Clone(sound), "PK\x03\x04 and so on"...), ""},
		{"picture with a page behind", append(jpegOf(t, scene(40, 30)), "<html><script>"...), ""},
		{"page with a picture's first bytes", []byte("\xff\xd8\xff<html><body>"), ReasonCorrupt},
		{"profile that does not inflate", append(bomb, sound[33:]...), ""},
		{"49 megapixels in a few bytes", lyingPNG(t, 7000, 7000), ReasonCorrupt},
		{"film in the container of AVIF", []byte("\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isomiso2"), ReasonFormatUnknown},
		{"2.4 GB in a header", lyingPNG(t, 25000, 25000), ReasonTooManyPixels},
	} {
		if res := convertBytes(tt.b); res.Reason != tt.want {
			t.Errorf("%s: reason %q (%s), want %q", tt.name, res.Reason, res.Detail, tt.want)
		}
	}
}

// An animation of many frames costs its first.
func TestAnimationBombs(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts no goroutine")
	}
	anim := gifOf(t, scene(60, 40))
	frame := bytes.LastIndexByte(anim[:len(anim)-1], 0x2c)
	many := bytes.Clone(anim[:len(anim)-1])
	second := anim[bytes.LastIndex(anim, []byte{0x21, 0xf9}) : len(anim)-1]
	for range 5000 {
		many = append(many, second...)
	}
	many = append(many, 0x3b)
	if frame < 0 || len(second) < 10 {
		t.Fatal("the GIF has no second frame")
	}
	for _, tt := range []struct {
		name   string
		b      []byte
		frames int
	}{
		{"gif", many, 5002},
		{"webp", written(t, "animated.webp"), 3},
		{"png", written(t, "animated.png"), 3},
		{"still", pngOf(t, scene(9, 9)), 1},
	} {
		if res := convertBytes(tt.b); res.Reason != "" || res.Frames != tt.frames {
			t.Errorf("%s: reason %q, %d frames, want %d", tt.name, res.Reason, res.Frames, tt.frames)
		}
	}
}

// Nothing stays open, in the parent or in the files' folder.
func TestNothingLeaks(t *testing.T) {
	open := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(list)
	}
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	before := open()
	p, err := NewPool([]string{os.Args[0]}, 2, PoolOptions{Timeout: ample, PicturesPerChild: 3, Env: []string{asChild + "=1"}})
	if err != nil {
		t.Fatal(err)
	}
	rounds := 30
	if testing.Short() {
		rounds = 8
	}
	for i := range rounds {
		process(t, p, pngOf(t, scene(20+i, 20)))
		process(t, p, []byte(fmt.Sprintf("GIF89a broken %d", i)))
	}
	p.Close()
	if now := open(); now > before {
		t.Errorf("%d descriptors are open, %d before", now, before)
	}
	if left, _ := os.ReadDir(temporary); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
