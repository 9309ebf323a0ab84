package export

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/shard"
)

// lay writes files below a folder.
func lay(t testing.TB, folder string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(content), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestForeignFiles lays files that no export wrote into an export, then lets the dataset
// change so that files are written anew, come and go: what is another's stays, byte for
// byte, or the run is refused and nothing is touched.
func TestForeignFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("TestGrowsAndShrinks runs the same goroutines")
	}
	picture := shard.FormatPairID(pairOf(17).PairID) + ".png" // of a pair that comes later
	for _, tt := range []struct {
		name, file string
		formats    []string
		then       Options // with --replace, where it has a format
		refused    bool
	}{
		{name: "notes in a subfolder", file: "train/00000/notes.txt", formats: Formats},
		{name: "notes in one that goes", file: "held_out/00000/notes.txt", formats: Formats},
		{name: "notes in the last, which grows", file: "train/00001/notes.txt", formats: Formats},
		{name: "notes that look half written", file: "train/00000/notes.txt" + atomicfile.Suffix, formats: Formats},
		{name: "a folder in a subfolder", file: "train/00000/sub/y.txt", formats: Formats},
		{name: "a folder of a number", file: "train/00000/1/y.txt", formats: Formats},
		{name: "hidden", file: "train/00000/.DS_Store", formats: Formats},
		{name: "where a subfolder comes", file: "train/00002/notes.txt", formats: Formats},
		{name: "a picture", file: "train/00000/me.jpg", formats: []string{Folder}, refused: true},
		{name: "a picture, another format", file: "train/00000/me.jpg", formats: []string{WebDataset, Parquet, HuggingFace, Datasets}},
		{name: "a picture of a pair's name", file: "train/00001/" + picture, formats: []string{Folder}, refused: true},
		{name: "a picture where another format comes", file: "train/00000/me.jpg", formats: []string{Folder}, then: Options{Format: Parquet, Size: 4}},
		{name: "a table where one comes", file: "train/00002.parquet", formats: []string{Parquet, WebDataset}, refused: true},
		{name: "a tar where one comes", file: "train/00002.tar", formats: []string{WebDataset}, refused: true},
		{name: "numbers where some come", file: "train/00002_stats.json", formats: []string{WebDataset}, refused: true},
		{name: "a card where one comes", file: "README.md", formats: []string{Parquet, Folder}, then: Options{Format: HuggingFace, Size: 4}, refused: true},
		{name: "a card", file: "README.md", formats: []string{Parquet, Folder}},
		{name: "where new files are kept", file: stage + "notes.txt", formats: Formats, refused: true},
		{name: "deeper there", file: stage + "train/00000/notes.txt", formats: Formats, refused: true},
	} {
		for _, format := range tt.formats {
			t.Run(tt.name+" "+format, func(t *testing.T) {
				g := newDataset(t).change(7, [2]int{10, 16}, [2]int{0, 2})
				to, o := filepath.Join(t.TempDir(), "to"), Options{Format: format, Size: 4}
				g.export(to, o)
				lay(t, to, map[string]string{tt.file: "mine"})
				before := filesIn(t, to)
				g.change(7, [2]int{16, 21}, [2]int{}, 11, 0, 1)
				if tt.then.Format != "" {
					o = tt.then
				}
				for range 2 {
					out, err := (&Export{Dataset: g.open(), To: to, Options: o, Replace: tt.then.Format != ""}).Run(t.Context())
					var refused *RefusedError
					switch {
					case tt.refused && (!errors.As(err, &refused) || !strings.Contains(err.Error(), tt.file+" among them; move them away")):
						t.Errorf("%v, want it refused for %s", err, tt.file)
					case tt.refused:
						sameFiles(t, "refused", filesIn(t, to), before)
					case err != nil:
						t.Fatal(err)
					case out.Others != 1:
						t.Errorf("%d files are told to be none of its own, want 1", out.Others)
					}
				}
				if got := filesIn(t, to)[tt.file]; got != "mine" {
					t.Errorf("%s holds %q", tt.file, got)
				}
				if !tt.refused {
					fresh := filepath.Join(t.TempDir(), "fresh")
					g.export(fresh, o)
					now := filesIn(t, to)
					delete(now, tt.file)
					sameFiles(t, "beside it", now, filesIn(t, fresh))
				}
			})
		}
	}
}

// TestForeignFileAtAnyMoment lets an export into subfolders, of which one holds notes, fail
// at each operation, then go on with a dataset that changed once more: the notes stay, and
// nothing of what was begun does.
func TestForeignFileAtAnyMoment(t *testing.T) {
	if testing.Short() {
		t.Skip("TestGrowsAndShrinks runs the same goroutines")
	}
	o := Options{Format: Folder, Size: 4}
	for n := int64(0); n < 60; n += 1 + n/8 {
		g := newDataset(t).change(7, [2]int{10, 16}, [2]int{0, 2})
		to := filepath.Join(t.TempDir(), "to")
		g.export(to, o)
		lay(t, to, map[string]string{"train/00000/notes.txt": "mine"})
		for _, change := range []func(){
			func() { g.change(7, [2]int{16, 19}, [2]int{}, 11, 0) },
			func() { g.change(7, [2]int{19, 20}, [2]int{}, 12, 16, 1) },
		} {
			change()
			e := &Export{Dataset: g.open(), To: to, Options: o, through: func(p place) place {
				f := &failing{place: p, err: os.ErrDeadlineExceeded}
				f.left.Store(n)
				return f
			}}
			if _, err := e.Run(t.Context()); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("operation %d: %v", n, err)
			}
		}
		g.export(to, o)
		fresh, now := filepath.Join(t.TempDir(), "fresh"), filesIn(t, to)
		if g.export(fresh, o); now["train/00000/notes.txt"] != "mine" {
			t.Errorf("operation %d: the notes did not stay", n)
		}
		delete(now, "train/00000/notes.txt")
		sameFiles(t, "after a fault", now, filesIn(t, fresh))
	}
}
