package evaluate

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/batch"
)

// idx is a file in MNIST's format.
func idx(data []byte, shape ...int) string {
	head := []byte{0, 0, 8, byte(len(shape))}
	for _, n := range shape {
		head = binary.BigEndian.AppendUint32(head, uint32(n))
	}
	return string(head) + string(data)
}

func zip(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestOpenSet(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) { writeFile(t, filepath.Join(dir, name), text) }
	write("images", zip(t, idx([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 3, 2, 2)))
	write("classes", idx([]byte{2, 0, 2}, 3))
	write("two", idx([]byte{2, 0}, 2))
	write("short", idx([]byte{1, 2}, 3))
	write("flat", idx(make([]byte, 6), 3, 2, 1))
	ten := append(append([]byte{9}, bytes.Repeat([]byte{7}, 3072)...), append([]byte{3}, bytes.Repeat([]byte{8}, 3072)...)...)
	write("batch.bin", string(ten))
	write("hundred.bin", "\x05\x63"+strings.Repeat("\x09", 3072))
	write("wrong.bin", "\x0b"+strings.Repeat("\x09", 3072))
	write("cut.bin", strings.Repeat("\x09", 3000))
	write("folder/red_fox/a.jpg", "x")
	write("folder/red_fox/sub/b.jpg", "x")
	write("folder/bear/c.jpg", "x")
	write("folder/.hidden/d.jpg", "x")
	write("folder/bear/.e.jpg", "x")
	write("none/file.jpg", "x")
	write("names", "T-shirt\ntrouser\nbag\nboot\n")
	write("few", "T-shirt\n")
	write("marked", "\uFEFFT-shirt\r\n\r\ntrouser\r\nbag\r\n")
	write("latin", "T-shirt\ntrousers\nb\xE4g\n")
	write("map", "red fox\ta fox\nbear\ta bear\nwolf\ta wolf\n")
	write("half", "bear\ta bear\nwolf\ta wolf\n")
	if err := os.MkdirAll(filepath.Join(dir, "folder", "owl"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		spec, labels string
		want         string // classes and labels, or a part of the error after !
	}{
		{"mnist:images,classes", "", "202 0|1|2"},
		{"mnist:images,classes", "names", "202 T-shirt|trouser|bag|boot"},
		{"mnist:images,classes", "marked", "202 T-shirt|trouser|bag"},
		{"mnist:images,classes", "latin", "!latin: line 3 is not UTF-8"},
		{"mnist:images,classes", "few", "!has 1 lines, but mnist:images,classes has 3 classes"},
		{"mnist:images,two", "", "!has 3 pictures, "},
		{"mnist:images,short", "", "!has 10 bytes, but 11 by its header"},
		{"mnist:flat,classes", "", "!squares expected"},
		{"mnist:names,classes", "", "!is no idx file"},
		{"mnist:gone,classes", "", "!no such file"},
		{"cifar10:batch.bin,batch.bin", "", "9393 0|1|2|3|4|5|6|7|8|9"},
		{"cifar10:wrong.bin", "", "!record 0 has the class 11, the largest is 9"},
		{"cifar10:cut.bin", "", "!a multiple of 3073 expected"},
		{"folder:folder", "", "022 bear|owl|red fox"},
		{"folder:folder", "map", "!no line is of the class \"owl\""},
		{"folder:folder", "half", "!no line is of the class"},
		{"folder:none", "", "!it has no subfolder"},
	} {
		s, err := OpenSet(dir, tt.spec, Options{Labels: tt.labels})
		if want, bad := strings.CutPrefix(tt.want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s with %q: got %v, want %q in it", tt.spec, tt.labels, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.spec, err)
			continue
		}
		var got string
		for _, c := range s.Class {
			got += string(rune('0' + c))
		}
		if got += " " + strings.Join(s.Labels, "|"); got != tt.want || s.Pictures.Len() != len(s.Class) {
			t.Errorf("%s: got %s, want %s", tt.spec, got, tt.want)
		}
	}
	s, err := OpenSet(dir, "cifar100:hundred.bin", Options{})
	if err != nil || len(s.Labels) != 100 || !slices.Equal(s.Class, []int{99}) {
		t.Errorf("cifar100: %v, %v", s, err)
	}
	if err := os.Remove(filepath.Join(dir, "folder", "owl")); err != nil {
		t.Fatal(err)
	}
	s, err = OpenSet(dir, "folder:folder", Options{Labels: "map"})
	if err != nil || strings.Join(s.Labels, "|") != "a bear|a fox|a wolf" {
		t.Errorf("renamed: %v, %v", s, err)
	}
}

// FuzzIDX holds that what parses has as many values as its shape says.
func FuzzIDX(f *testing.F) {
	f.Add([]byte(idx([]byte{1, 2, 3, 4}, 1, 2, 2)))
	f.Add([]byte(idx(nil, 1<<31-1, 1<<31-1, 4)))
	f.Add([]byte{0x1f, 0x8b, 8})
	path := filepath.Join(f.TempDir(), "x")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		shape, values, err := readIDX(path, 3)
		if err == nil && shape[0]*shape[1]*shape[2] != len(values) {
			t.Errorf("shape %v, %d values", shape, len(values))
		}
	})
}

// TestPixelsScaleAsPillow holds two sizes against Pillow's BICUBIC resize of the
// same picture, to the bit.
func TestPixelsScaleAsPillow(t *testing.T) {
	const side = 8
	p := &pixels{side: side, planes: 1}
	for i := range side {
		for j := range side {
			p.data = append(p.data, byte((i*37+j*91+i*j*13)%256))
		}
	}
	for n, want := range map[int][]byte{5: pillow5, 13: pillow13} {
		dst := make([]byte, 3*n*n)
		if err := p.Centre(context.Background(), dst, 0, n); err != nil {
			t.Fatal(err)
		}
		for i, v := range dst {
			if level := want[i/3]; v != level {
				t.Errorf("size %d, plane %d, pixel %d is %d, want %d", n, i%3, i/3, v, level)
			}
		}
	}
}

// TestPixelsAgreeWithPictures holds a gray picture of an array against the same
// one in a file.
func TestPixelsAgreeWithPictures(t *testing.T) {
	const side = 40
	m := image.NewGray(image.Rect(0, 0, side, side))
	for i := range m.Pix {
		m.Pix[i] = byte(128 + 60*math.Sin(float64(i%side)/5) + 50*math.Cos(float64(i/side)/7))
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{24, 32, 64} {
		want, got := make([]byte, 3*n*n), make([]byte, 3*n*n)
		if err := batch.Centre(want, b.Bytes(), n); err != nil {
			t.Fatal(err)
		}
		if err := (&pixels{side, 1, m.Pix}).Centre(context.Background(), got, 0, n); err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if math.Abs(float64(want[i])-float64(got[i])) > 3 {
				t.Fatalf("size %d: value %d is %d, of the file %d", n, i, got[i], want[i])
			}
		}
	}
}

func TestFilePictures(t *testing.T) {
	dir := t.TempDir()
	paths := []string{writeFile(t, filepath.Join(dir, "text.jpg"), "text"), filepath.Join(dir, "gone.jpg"), writeFile(t, filepath.Join(dir, "odd.png"), "odd")}
	broken := errors.New("the pool is closed")
	p := &FilePictures{Paths: paths, Convert: func(_ context.Context, data []byte) ([]byte, string, string, error) {
		if string(data) == "odd" {
			return nil, "picture_odd", "it is odd", nil
		}
		return data, "", "", nil
	}}
	for i, want := range []string{Undecodable, Unreadable, "picture_odd"} {
		var bad *BadPicture
		if err := p.Centre(context.Background(), make([]byte, 3), i, 1); !errors.As(err, &bad) || bad.Reason != want || bad.Name != paths[i] {
			t.Errorf("picture %d: got %v, want %s", i, err, want)
		}
	}
	p.Convert = func(context.Context, []byte) ([]byte, string, string, error) { return nil, "", "", broken }
	var bad *BadPicture
	if err := p.Centre(context.Background(), make([]byte, 3), 0, 1); !errors.Is(err, broken) || errors.As(err, &bad) {
		t.Errorf("a fault that is not the picture's: %v", err)
	}
}

// Of Pillow 13.0.0: Image.fromarray(x).resize((n, n), Image.BICUBIC).
var (
	pillow5 = []byte{
		49, 161, 99, 123, 138,
		121, 149, 128, 101, 135,
		132, 146, 157, 175, 183,
		149, 151, 120, 129, 180,
		124, 107, 145, 120, 172,
	}
	pillow13 = []byte{
		0, 27, 91, 165, 144, 21, 40, 115, 202, 158, 28, 73, 123,
		9, 43, 112, 198, 181, 51, 86, 154, 145, 115, 84, 141, 184,
		30, 73, 147, 226, 214, 103, 146, 188, 73, 61, 144, 218, 255,
		52, 107, 174, 132, 115, 143, 112, 78, 99, 82, 47, 115, 168,
		74, 140, 210, 95, 76, 192, 116, 40, 156, 137, 22, 92, 156,
		96, 166, 247, 145, 131, 243, 178, 112, 224, 210, 108, 189, 251,
		129, 132, 139, 144, 148, 153, 169, 180, 173, 179, 196, 193, 185,
		161, 98, 30, 142, 166, 66, 130, 196, 114, 136, 231, 175, 122,
		183, 125, 67, 192, 227, 126, 79, 81, 161, 167, 122, 187, 230,
		215, 164, 102, 154, 191, 184, 109, 55, 129, 149, 127, 182, 218,
		231, 194, 129, 60, 85, 210, 189, 115, 48, 94, 210, 166, 120,
		88, 122, 168, 107, 76, 102, 157, 186, 119, 99, 128, 174, 197,
		0, 66, 191, 153, 84, 21, 123, 230, 181, 110, 59, 182, 255,
	}
)

// TestFolderLeavesOut holds that what archives and file managers leave in a folder
// is no class and no picture, at any depth, and is counted, as is what lies in no
// class.
func TestFolderLeavesOut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".photos") // a hidden folder that is asked for is read
	for _, name := range []string{
		"cat/a.jpg", "cat/sub/b.jpg", "dog/c.jpg",
		"__MACOSX/cat/._a.jpg", "__MACOSX/._cat", ".DS_Store", "cat/.DS_Store", "cat/Thumbs.db", "cat/thumbs.DB", "dog/Desktop.ini",
		".git/config", "dog/.thumbnails/c.jpg", "dog/__MACOSX/._c.jpg",
		"readme.txt", "d.jpg",
	} {
		writeFile(t, filepath.Join(dir, name), "x")
	}
	for _, spelling := range []string{dir, dir + "/", dir + "/cat/.."} {
		s, err := OpenSet("", "folder:"+spelling, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(s.Labels, s.Class, s.Left); got != "[cat dog] [0 0 1] map[no_class:2 system_file:10]" {
			t.Errorf("%s: %s", spelling, got)
		}
		var names []string
		for _, path := range s.Pictures.(*FilePictures).Paths {
			names = append(names, filepath.Base(path))
		}
		if fmt.Sprint(names) != "[a.jpg b.jpg c.jpg]" {
			t.Errorf("%s: pictures %v", spelling, names)
		}
	}
	t.Chdir(dir)
	if files, left, err := PictureFiles("."); err != nil || len(files) != 5 || left[SystemFile] != 10 {
		t.Errorf("%v, left %v, %v", files, left, err)
	}
}
