package lists

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/internal/places"
)

// TestPicturesAreReadWhereTheyLie compares the pictures of each kind of list with the
// files that they were made of.
func TestPicturesAreReadWhereTheyLie(t *testing.T) {
	pictures := places.New(1<<20, places.Advice{})
	defer pictures.Close()
	for _, name := range []string{"web.tar", "hf-embedded.parquet", "hf-paths.parquet", "imagefolder", "beside"} {
		r, err := read(t, Options{}, filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for i := range r.rows {
			c := &r.rows[i]
			number := strings.Index("a red square on grey|two blue circles, one large|a green line über gold", c.Text)
			if number < 0 || c.PictureAt == "" { // a JPEG, or a second text of a picture
				continue
			}
			number = strings.Count("a red square on grey|two blue circles, one large|a green line über gold"[:number], "|")
			want, err := os.ReadFile(filepath.Join("testdata/pictures", string(rune('0'+number))+".png"))
			if err != nil {
				t.Fatal(err)
			}
			var body bytes.Buffer
			if err := pictures.Read(c.PictureAt, &body); err != nil || !bytes.Equal(body.Bytes(), want) {
				t.Errorf("%s: %q at %s is not picture %d: %v", name, c.Text, c.PictureAt, number, err)
			}
		}
	}
}

// TestPicturesThatAreGoneOrChanged does to the file what may happen to one between
// importing and fetching.
func TestPicturesThatAreGoneOrChanged(t *testing.T) {
	change := func(path string) error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		data[100] ^= 1
		return os.WriteFile(path, data, 0o666)
	}
	for _, tt := range []struct {
		name string
		do   func(path string) error
		max  int64
		want error
	}{
		{"as it was", func(string) error { return nil }, 1 << 20, nil},
		{"gone", os.Remove, 1 << 20, places.ErrGone},
		{"changed", change, 1 << 20, places.ErrChanged},
		{"shorter", func(path string) error { return os.Truncate(path, 1500) }, 1 << 20, places.ErrChanged},
		{"more than the limit", func(string) error { return nil }, 100, places.ErrTooLarge},
	} {
		for _, file := range []string{"web.tar", "hf-embedded.parquet", "beside/0.png"} {
			t.Run(tt.name+"/"+file, func(t *testing.T) {
				if file == "beside/0.png" && tt.name == "shorter" {
					t.Skip("it is shorter already")
				}
				data, err := os.ReadFile(filepath.Join("testdata", file))
				if err != nil {
					t.Fatal(err)
				}
				dir := t.TempDir()
				path := filepath.Join(dir, filepath.Base(file))
				list := path
				if strings.HasSuffix(file, ".png") {
					list = dir
					if err := os.WriteFile(filepath.Join(dir, "0.txt"), []byte("a cat"), 0o666); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.WriteFile(path, data, 0o666); err != nil {
					t.Fatal(err)
				}
				r, err := read(t, Options{}, list)
				if err != nil {
					t.Fatal(err)
				}
				if err := tt.do(path); err != nil {
					t.Fatal(err)
				}
				pictures := places.New(tt.max, places.Advice{})
				defer pictures.Close()
				var body bytes.Buffer
				if err := pictures.Read(r.rows[0].PictureAt, &body); !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			})
		}
	}
}
