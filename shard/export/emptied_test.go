package export

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEmptied holds that an export follows its dataset to the end: when the last pair is
// gone no byte of one is there, the export is whole, and grows again with the dataset.
func TestEmptied(t *testing.T) {
	for _, o := range append(all(), Options{Format: Parquet, Split: HeldOut}, Options{Format: Folder, Split: HeldOut}) {
		t.Run(o.name(), func(t *testing.T) {
			g := newDataset(t).change(7, [2]int{10, 16}, [2]int{0, 2})
			to := filepath.Join(t.TempDir(), "to")
			g.export(to, o)
			g.change(7, [2]int{}, [2]int{}, 10, 11, 12, 13, 14, 15, 0, 1)
			out := g.export(to, o)
			if out.Files != 0 || out.Bytes != 0 || out.Removed == 0 {
				t.Errorf("%+v", out)
			}
			small := map[string]bool{RecordName: true, "README.md": o.Format == HuggingFace, "dataset_dict.json": o.Format == Datasets}
			for name, content := range filesIn(t, to) {
				if !small[name] || strings.Contains(content, "example/") {
					t.Errorf("%s is there still", name)
				}
			}
			if card := filesIn(t, to)["README.md"]; strings.Contains(card, "data_files") {
				t.Errorf("the card names files:\n%s", card)
			}
			record, err := ReadRecord(t.Context(), to)
			if err != nil || !record.Finished {
				t.Errorf("the record is %+v, %v", record, err)
			}
			if rows := walked(t, to); len(rows) != 0 {
				t.Errorf("%d pairs are there still", len(rows))
			}
			if again := g.export(to, o); again.Written+again.Removed != 0 {
				t.Errorf("again: %+v", again)
			}
			g.change(7, [2]int{16, 20}, [2]int{2, 3})
			g.export(to, o)
			g.wantRows(to, o)
		})
	}
}

// TestNothingIsNotBegun holds that a first export of nothing leaves no folder behind.
func TestNothingIsNotBegun(t *testing.T) {
	g := newDataset(t).change(7, [2]int{10, 16}, [2]int{})
	to := filepath.Join(t.TempDir(), "to")
	_, err := (&Export{Dataset: g.open(), To: to, Options: Options{Format: Parquet, Split: HeldOut}}).Run(t.Context())
	var refused *RefusedError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "no pairs of the split held_out, and "+to+" holds no export") {
		t.Errorf("%v, want it refused", err)
	}
	if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is there: %v", err)
	}
}
