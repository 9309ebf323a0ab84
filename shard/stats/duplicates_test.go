package stats

import (
	"errors"
	"image/color"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// someDuplicates are clusters of three sizes, and pairs dropped for two evaluation sets;
// the picture of one does not decode, and names mean harm.
func someDuplicates(t testing.TB) Duplicates {
	d := Duplicates{
		NearPictures: &NearPictures{4, []ClusterSize{{2, 2, 1210}, {3, 4, 77}, {9, 16, 2}}},
		Overlap: &Overlap{
			Sets:    []OverlapSet{{"sets/flickr30k", 1000, 5000, 3, 12}, {"sets/<b>\"evil\"</b>.parquet", 200, 0, 1, 0}},
			LeftOut: Names{{"picture_format_unknown", 2}, {"picture_corrupt", 1}},
		},
	}
	for i, like := range []string{"sets/flickr30k/36979.jpg", `sets/<b>"evil"</b>.parquet row 3`, "sets/flickr30k/65567.jpg", "sets/flickr30k/1.jpg"} {
		p := OverlapPair{PairID: "00000000000000" + string(rune('a'+i)) + "0", Like: like, Distance: 10 - 3*i, Correlation: 0.91 + 0.025*float64(i)}
		if i < 3 {
			p.Ours = NewThumb(jpegOf(t, 200, 150+20*i, color.NRGBA{R: uint8(70 * i)}), "jpeg", 200, 150)
		} else {
			p.Ours = NewThumb([]byte("damaged"), "jpeg", 200, 150)
		}
		p.Theirs = NewThumb(jpegOf(t, 64, 64, color.NRGBA{R: uint8(70 * i)}), "jpeg", 64, 64)
		d.Overlap.Shown = append(d.Overlap.Shown, p)
	}
	return d
}

// TestDuplicatesComeBack holds that what is written is what is read, pictures too.
func TestDuplicatesComeBack(t *testing.T) {
	for name, d := range map[string]Duplicates{
		"both": someDuplicates(t), "neither": {},
		"nothing found": {&NearPictures{4, []ClusterSize{}}, &Overlap{[]OverlapSet{{Set: "exam"}}, Names{}, []OverlapPair{}}},
	} {
		folder := t.TempDir()
		if err := WriteDuplicates(folder, &d); err != nil {
			t.Fatal(err)
		}
		got, err := ReadDuplicates(folder)
		if err != nil || !reflect.DeepEqual(got, &d) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, d)
		}
	}
}

func TestDamagedDuplicatesAreNamed(t *testing.T) {
	folder := t.TempDir()
	if _, err := ReadDuplicates(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("where there is none: %v", err)
	}
	path := filepath.Join(folder, DuplicatesName)
	for name, text := range map[string]string{
		"cut off": `{"near_pictures": {`, "empty": "", "a pair without its pictures": `{"evaluation_overlap": {"shown": [{"pair_id": "7"}]}}`,
		"pictures of nothing": `{"thumbnails": [[{}, {}]]}`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadDuplicates(folder); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "run pairloom curate") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
