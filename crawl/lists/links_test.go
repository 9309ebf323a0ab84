package lists

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
)

// TestLinksOfFolders: a link that is named as the folder is followed; one in a folder
// to a picture beyond it is counted as a link.
func TestLinksOfFolders(t *testing.T) {
	beyond, folder := t.TempDir(), t.TempDir()
	picture, err := os.ReadFile(filepath.Join("testdata", "beside", "0.png"))
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string][]byte{
		filepath.Join(beyond, "p.png"): picture,
		filepath.Join(folder, "a.png"): picture, filepath.Join(folder, "a.txt"): []byte("a red square"),
		filepath.Join(folder, "l.txt"): []byte("a link to it"),
		filepath.Join(folder, "t.csv"): []byte("url,text\n"),
	} {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(beyond, "foldlink")
	for from, to := range map[string]string{filepath.Join(folder, "l.png"): filepath.Join(beyond, "p.png"), link: folder} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{folder, link} {
		r, err := read(t, Options{}, name)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.rows) != 1 || counts(r.dropped) != "link 1" {
			t.Errorf("%s: %d rows, dropped %q, want 1 and one link", name, len(r.rows), counts(r.dropped))
		}
	}
	mixed := t.TempDir()
	for _, name := range []string{"a.jsonl", "a.json", "a.txt", "a.feather", "00000_stats.json",
		"_pairloom-export.json", "dataset_dict.json", "train/dataset_info.json", "train/state.json"} {
		if err := errors.Join(os.MkdirAll(filepath.Join(mixed, "train"), 0o777), os.WriteFile(filepath.Join(mixed, name), []byte("{}\n"), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	sources, err := Sources([]string{mixed}, Options{})
	if err != nil || len(sources) != 1 || len(sources[0].Unread) != 3 {
		t.Errorf("%+v, %v; want one list, and three files among what is not read", sources, err)
	}
	sources, err = Sources([]string{folder}, Options{})
	if err != nil || len(sources) != 1 || len(sources[0].Unread) != 1 {
		t.Errorf("%+v, %v; want the table among what is not read", sources, err)
	}
}

// TestSeparators: what stands between fields is told by the first line, or named.
func TestSeparators(t *testing.T) {
	const address = "http://a.example/1.png"
	for _, tt := range []struct{ name, separator, text string }{
		{"comma", "", "url,text\n" + address + ",a; b | c\n"},
		{"semicolon", "", "url;text\n" + address + ";a, b | c\n"},
		{"bar", "", "url|text\n" + address + "|a, b; c\n"},
		{"quoted", "", "url;text\n" + address + ";\"a; b\"\n"},
		{"named", "|", address + "|a, b; c\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "l.csv")
			if err := os.WriteFile(path, []byte(tt.text), 0o666); err != nil {
				t.Fatal(err)
			}
			r, err := read(t, Options{Separator: tt.separator}, path)
			if err != nil || len(r.rows) != 1 || r.rows[0].ImageURL != address || r.rows[0].Text[0] != 'a' {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	for _, bad := range []string{";;", "\"", "\n", "é"} {
		if (Options{Separator: bad}).Validate() == nil {
			t.Errorf("the separator %q is taken", bad)
		}
	}
}

// TestArrowViews: the types that polars writes unasked are named, with what to do.
func TestArrowViews(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.arrow")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(arrow.NewSchema([]arrow.Field{{Name: "url", Type: arrow.BinaryTypes.StringView}, {Name: "text", Type: arrow.BinaryTypes.StringView}}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil && !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
	_, err = read(t, Options{}, path)
	for _, want := range []string{"a type that this version does not read (string_view)", "Parquet", "compat_level"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestColumnsInJSON: a table that pandas wrote column by column is no list of rows.
func TestColumnsInJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.json")
	if err := os.WriteFile(path, []byte(`{"url":{"0":"http://a.example/1.png","1":"http://a.example/2.png"},"text":{"0":"a cat","1":"a dog"}}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if r, err := read(t, Options{}, path); err == nil || !strings.Contains(err.Error(), "an array of objects is expected") {
		t.Errorf("%+v, %v", r, err)
	}
}
