package evaluate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pairloom/pairloom/internal/cells"

	_ "image/png"
)

// toJPEG is a Convert of Go's decoders.
func toJPEG(_ context.Context, data []byte) ([]byte, string, string, error) {
	m, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, "picture_odd", err.Error(), nil
	}
	var b bytes.Buffer
	err = jpeg.Encode(&b, m, &jpeg.Options{Quality: 100})
	return b.Bytes(), "", "", err
}

func TestOpenParquet(t *testing.T) {
	dir := t.TempDir()
	whole, err := os.ReadFile("testdata/parquet/set.parquet")
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return "testdata/parquet/" + name + ".parquet" }
	cut := writeFile(t, filepath.Join(dir, "cut"), string(whole[:len(whole)-9]))
	for _, tt := range []struct {
		files, labels string
		want          string // classes and labels, or a part of the error after !
	}{
		{at("set"), "", "01221001 red|green|blue"},
		{at("set") + "," + at("more"), "", "0122100121 red|green|blue"},
		{at("more") + "," + at("set"), "fox\nbear\nowl", "2101221001 fox|bear|owl"},
		{at("texts"), "", "010 blue|red"},
		{at("few"), "", "010 blue|red"},
		{at("texts") + "," + at("green"), "", "0201 blue|green|red"},
		{at("texts"), "red\ta red square\nblue\ta blue one", "010 a blue one|a red square"},
		{at("numbers"), "", "202 0|1|2"},
		{at("set") + "," + at("other"), "", `!other.parquet: its class 1 is "lime", that of `},
		{at("numbers") + "," + at("set"), "", "!set.parquet: it names 3 classes, "},
		{at("set") + "," + at("texts"), "", "!one has labels that are numbers, the other texts"},
		{at("range"), "", "!range.parquet: row 1 has the label 3, 0 to 2 expected"},
		{at("null"), "", "!null.parquet: row 1 has no label"},
		{at("column"), "", "!it has no column image or img, only picture, label"},
		{at("path"), "", "!its column img is of the type INT64, binary expected"},
		{at("float"), "", "!its column label is of the type DOUBLE, an integer or a string expected"},
		{at("gone"), "", "!no such file"},
		{cut, "", "!cut: it is no whole Parquet file"},
		{writeFile(t, filepath.Join(dir, "text"), "text"), "", "!text: it is no whole Parquet file"},
		{writeFile(t, filepath.Join(dir, "empty"), ""), "", "!empty: it is no whole Parquet file"},
		{at("set"), "fox\nbear", "!has 2 lines, but "},
	} {
		o := Options{}
		if tt.labels != "" {
			o.Labels = writeFile(t, filepath.Join(dir, "labels"), tt.labels)
		}
		s, err := OpenSet("", "parquet:"+tt.files, o)
		if want, bad := strings.CutPrefix(tt.want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q in it", tt.files, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.files, err)
			continue
		}
		got := strings.Trim(strings.ReplaceAll(fmt.Sprint(s.Class), " ", ""), "[]") + " " + strings.Join(s.Labels, "|")
		if got != tt.want || s.Pictures.Len() != len(s.Class) {
			t.Errorf("%s: got %s, want %s", tt.files, got, tt.want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// colour is the mean of each plane of picture i, 0 to 255.
func colour(t testing.TB, p Pictures, i int) (rgb [3]float64, err error) {
	const side = 8
	dst := make([]byte, 3*side*side)
	if err = p.Centre(context.Background(), dst, i, side); err != nil {
		return rgb, err
	}
	for j, v := range dst {
		rgb[j%3] += float64(v) / (side * side)
	}
	return rgb, nil
}

// TestParquetPictures reads pictures in any order, from several goroutines.
func TestParquetPictures(t *testing.T) {
	s, err := OpenSet("testdata/parquet", "parquet:set.parquet,more.parquet", Options{Convert: toJPEG})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := s.Pictures.Len()
	look := func(i int) {
		rgb, err := colour(t, s.Pictures, i)
		if i == 4 {
			var bad *BadPicture
			if !errors.As(err, &bad) || bad.Reason != NoPicture || !strings.HasSuffix(bad.Name, "set.parquet row 4") {
				t.Errorf("a row without picture: %v", err)
			}
			return
		}
		if err != nil {
			t.Error(err)
		}
		for c, v := range rgb {
			want := float64(5 * i)
			if c == s.Class[i] {
				want += 180
			}
			if math.Abs(v-want) > 3 {
				t.Errorf("plane %d of row %d is %.1f, want %g", c, i, v, want)
			}
		}
	}
	for i := range n {
		look(i)
	}
	p := s.Pictures.(*parquetPictures)
	p.reader = cells.Reader{}     // as far away as before the first
	for i := n - 1; i >= 0; i-- { // each goes back
		look(i)
	}
	var wait sync.WaitGroup
	for seed := range uint64(4) {
		wait.Go(func() {
			for _, i := range rand.New(rand.NewPCG(seed, 0)).Perm(n) {
				look(i)
			}
		})
	}
	wait.Wait()
}

// TestParquetCodecs reads the same forty pictures from every codec, from
// dictionaries and pages of version 1, and from pages of version 2 with nulls.
func TestParquetCodecs(t *testing.T) {
	for _, codec := range []string{"none", "snappy", "gzip", "brotli", "zstd", "lz4"} {
		for version, without := range map[string][]int{"1": nil, "2": {7, 8, 39}} {
			t.Run(codec+version, func(t *testing.T) {
				s, err := OpenSet("testdata/parquet", "parquet:"+codec+version+".parquet", Options{Convert: toJPEG})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if len(s.Class) != 40 || s.Pictures.Len() != 40 {
					t.Fatalf("%d classes, %d pictures, want 40", len(s.Class), s.Pictures.Len())
				}
				for i, class := range s.Class {
					if class != i%3 {
						t.Errorf("row %d has the class %d, want %d", i, class, i%3)
					}
					rgb, err := colour(t, s.Pictures, i)
					var bad *BadPicture
					if slices.Contains(without, i) {
						if !errors.As(err, &bad) || bad.Reason != NoPicture {
							t.Errorf("row %d without a picture: %v", i, err)
						}
						continue
					}
					if err != nil {
						t.Fatal(err)
					}
					for plane, v := range rgb {
						want := float64(5 * (i % 12))
						if plane == class {
							want += 180
						}
						if math.Abs(v-want) > 3 {
							t.Errorf("plane %d of row %d is %.1f, want %g", plane, i, v, want)
						}
					}
				}
			})
		}
	}
}

// TestParquetRecent holds that what is kept of pictures has a bound, and that
// what it lost is found again.
func TestParquetRecent(t *testing.T) {
	s, err := OpenSet("testdata/parquet", "parquet:set.parquet", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := s.Pictures.(*parquetPictures)
	first, err := p.row(0)
	if err != nil {
		t.Fatal(err)
	}
	p.held += recentBytes
	if _, err := p.row(1); err != nil || p.first != 1 || len(p.recent) != 1 {
		t.Errorf("rows %d to %d are kept, %v", p.first, p.first+len(p.recent), err)
	}
	if again, err := p.row(0); err != nil || !bytes.Equal(again.data, first.data) {
		t.Errorf("row 0 was %d bytes, and is %d, %v", len(first.data), len(again.data), err)
	}
}

// TestParquetDamage changes each byte of a file, and cuts it at every fifth. No
// damage is worse than an error.
func TestParquetDamage(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts no goroutine")
	}
	for _, name := range []string{"set", "more", "texts", "few"} {
		whole, err := os.ReadFile("testdata/parquet/" + name + ".parquet")
		if err != nil {
			t.Fatal(err)
		}
		// The file is changed in its place: to write it anew each time would wait for
		// the disk.
		path := writeFile(t, filepath.Join(t.TempDir(), "x"), string(whole))
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		faulty := func() bool {
			s, err := OpenSet("", "parquet:"+path, Options{})
			if err != nil {
				return true
			}
			defer s.Close()
			p := s.Pictures.(*parquetPictures)
			for i := range p.Len() {
				if _, err := p.row(i); err != nil {
					return true
				}
			}
			return false
		}
		faults := 0
		for i, b := range whole {
			if _, err := file.WriteAt([]byte{^b}, int64(i)); err != nil {
				t.Fatal(err)
			}
			if faulty() {
				faults++
			}
			if _, err := file.WriteAt([]byte{b}, int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		if faults < 300 { // most bytes are statistics
			t.Errorf("%s: of %d changes, only %d are faults", name, len(whole), faults)
		}
		if faulty() {
			t.Errorf("%s: whole again, it is a fault", name)
		}
		for i := (len(whole) - 1) / 5 * 5; i >= 0; i -= 5 {
			if err := file.Truncate(int64(i)); err != nil {
				t.Fatal(err)
			}
			if !faulty() {
				t.Errorf("%s: cut at byte %d, it is none", name, i)
			}
		}
	}
}

// FuzzParquet holds that each row of what opens has one of the labels. Its inputs
// are long: with -fuzzminimizetime 1x it tries new ones instead of shortening them.
func FuzzParquet(f *testing.F) {
	for _, name := range []string{"set", "more", "texts", "numbers", "none2", "snappy1", "brotli2", "lz42", "few"} {
		data, err := os.ReadFile("testdata/parquet/" + name + ".parquet")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	path := filepath.Join(f.TempDir(), "x")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := OpenSet("", "parquet:"+path, Options{})
		if err != nil {
			return
		}
		defer s.Close()
		for i, class := range s.Class {
			if class < 0 || class >= len(s.Labels) {
				t.Errorf("row %d has the class %d of %d", i, class, len(s.Labels))
			}
		}
		p := s.Pictures.(*parquetPictures)
		for i := range min(p.Len(), 100) {
			if _, err := p.row(i); err != nil {
				return
			}
		}
	})
}
