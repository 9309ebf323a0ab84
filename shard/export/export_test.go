package export

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

// name is one for a subtest.
func (o Options) name() string {
	return strings.TrimSuffix(fmt.Sprintf("%s %d %s%s", o.Format, o.Size, o.Split, strings.Join(o.Columns, ",")), " ")
}

// walked are the pairs that Walk finds, each once.
func walked(t testing.TB, to string) map[uint64]Row {
	t.Helper()
	rows, files := map[uint64]Row{}, map[string]bool{}
	for r, err := range Walk(t.Context(), to) {
		if err != nil {
			t.Fatal(err)
		}
		row := *r
		row.File, row.Number = "", 0
		if other, twice := rows[r.PairID]; twice && other != row {
			t.Errorf("%s says %+v, another file %+v", r.File, row, other)
		}
		place := fmt.Sprint(r.File, r.Number)
		if files[place] {
			t.Errorf("two rows are number %d of %s", r.Number, r.File)
		}
		rows[r.PairID], files[place] = row, true
	}
	return rows
}

// wantRows checks that an export has the live pairs of the splits, and no others.
func (g *growing) wantRows(to string, o Options) {
	g.t.Helper()
	rows := walked(g.t, to)
	total := 0
	for split, list := range g.live {
		if o.Split == All || o.Split == "" || o.Split == split {
			for _, n := range list {
				total++
				p := pairOf(n)
				want := Row{PairID: p.PairID, Text: p.Text, PageURL: p.PageURL, ImageURL: p.ImageURL, PictureHash: p.PictureHash, PHash: p.PHash, SHA256: p.SHA256}
				if rows[p.PairID] != want {
					g.t.Errorf("pair %d: the export has %+v, want %+v", n, rows[p.PairID], want)
				}
			}
		}
	}
	if len(rows) != total {
		g.t.Errorf("the export has %d pairs, want %d", len(rows), total)
	}
}

// TestGrowsAndShrinks exports a dataset of each format again and again while it changes:
// each time the files are those of a fresh export, bytes and names, what did not change
// was not written, and of pairs that left no byte is there.
func TestGrowsAndShrinks(t *testing.T) {
	for _, o := range all() {
		t.Run(o.name(), func(t *testing.T) {
			t.Parallel()
			g := newDataset(t)
			to := filepath.Join(t.TempDir(), "to")
			kept := 0
			for step, change := range []func(){
				func() { g.change(7, [2]int{108, 124}, [2]int{0, 5}) },
				func() { g.change(7, [2]int{124, 127}, [2]int{}) },                       // a few rows more
				func() { g.change(7, [2]int{}, [2]int{}, 109) },                          // one goes
				func() { g.change(7, [2]int{127, 134}, [2]int{5, 6}, 119, 2) },           // some come, some go
				func() { g.change(7, [2]int{}, [2]int{}, 112, 113, 114, 115) },           // a whole file of some
				func() { g.change(7, [2]int{134, 135}, [2]int{}, 0, 1, 3, 4, 5) },        // a whole split
				func() { g.change(7, [2]int{135, 136}, [2]int{6, 7}, g.live[Train]...) }, // all but the newest
			} {
				change()
				out := g.export(to, o)
				kept += out.Kept
				now := filesIn(t, to)
				g.wantRows(to, o)
				fresh := filepath.Join(t.TempDir(), "fresh")
				first := g.export(fresh, o)
				sameFiles(t, fmt.Sprintf("step %d", step), now, filesIn(t, fresh))
				if out.Files != first.Written || out.Written+out.Kept+out.Renamed != out.Files || out.Bytes != first.Bytes {
					t.Errorf("step %d: %+v, afresh %+v", step, out, first)
				}
				for name, content := range now {
					for n := range 136 {
						if _, live := g.where[n]; !live && strings.Contains(content, pairOf(n).ImageURL) {
							t.Errorf("step %d: %s still has pair %d", step, name, n)
						}
					}
				}
				if again := g.export(to, o); again.Written+again.Renamed+again.Removed != 0 || again.Kept != out.Files {
					t.Errorf("step %d, again: %+v", step, again)
				}
			}
			if kept < 10 {
				t.Errorf("only %d files were kept in all", kept)
			}
		})
	}
}

// TestNothingNew holds that a second run writes nothing, and the same bytes come of any
// number of workers.
func TestNothingNew(t *testing.T) {
	g := newDataset(t).change(10, [2]int{10, 30}, [2]int{0, 5})
	for _, o := range all() {
		t.Run(o.name(), func(t *testing.T) {
			to, other := filepath.Join(t.TempDir(), "to"), filepath.Join(t.TempDir(), "other")
			g.export(to, o)
			e := &Export{Dataset: g.open(), To: to, Options: o, Workers: 1, through: func(p place) place { return &readOnly{p, t} }}
			if out, err := e.Run(t.Context()); err != nil || out.Kept != out.Files {
				t.Errorf("again: %+v, %v", out, err)
			}
			e = &Export{Dataset: g.open(), To: other, Options: o, Workers: 1}
			if _, err := e.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			sameFiles(t, "one worker", filesIn(t, other), filesIn(t, to))
		})
	}
}

// TestCheck holds that damage in what is kept is found when it is asked for, by its size
// always.
func TestCheck(t *testing.T) {
	if testing.Short() {
		t.Skip("TestGrowsAndShrinks runs the same goroutines")
	}
	g := newDataset(t).change(10, [2]int{10, 15}, [2]int{0, 1})
	for _, o := range all() {
		t.Run(o.name(), func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "to")
			g.export(to, o)
			whole := filesIn(t, to)
			for name, content := range whole {
				if name == RecordName || strings.HasSuffix(name, ".png") {
					continue
				}
				flipped := []byte(content)
				flipped[len(flipped)/2] ^= 1
				for what, damaged := range map[string][]byte{"flipped": flipped, "cut": flipped[:len(flipped)-1]} {
					if err := os.WriteFile(filepath.Join(to, name), damaged, 0o666); err != nil {
						t.Fatal(err)
					}
					e := &Export{Dataset: g.open(), To: to, Options: o, Workers: 2, Check: what == "flipped"}
					if _, err := e.Run(t.Context()); err != nil {
						t.Fatal(err)
					}
					sameFiles(t, what+" "+name, filesIn(t, to), whole)
				}
			}
		})
	}
}

// TestRefused lists what a run does not begin with, and what it says.
func TestRefused(t *testing.T) {
	g := newDataset(t).change(10, [2]int{10, 30}, [2]int{})
	for _, tt := range []struct {
		name  string
		there map[string]string // files of the destination
		first Options           // exported there before
		to    string            // below it
		o     Options
		want  string
	}{
		{name: "something else", there: map[string]string{"notes.txt": "mine"}, o: Options{Format: Parquet}, want: "holds 1 files that no export wrote, notes.txt among them; name an empty or new place"},
		{name: "hidden files are no matter", there: map[string]string{".git/config": "", ".gitattributes": ""}, o: Options{Format: Parquet}},
		{name: "files beside an export stay", first: Options{Format: Parquet}, there: map[string]string{"LICENSE": "mine"}, o: Options{Format: Parquet}},
		{name: "that readers would take for a part of it", first: Options{Format: Parquet}, there: map[string]string{"train/mine.parquet": ""}, o: Options{Format: Parquet}, want: "train/mine.parquet among them; move them away"},
		{name: "another format", first: Options{Format: Folder}, o: Options{Format: Parquet}, want: "holds an export of the format folder with other options; name another place, or give --replace"},
		{name: "other options", first: Options{Format: Parquet}, o: Options{Format: Parquet, Size: 3}, want: "give --replace"},
		{name: "a file", there: map[string]string{"f": ""}, to: "f", o: Options{Format: Parquet}, want: "is a file; name a folder"},
		{name: "a damaged record", there: map[string]string{RecordName: "{"}, o: Options{Format: Parquet}, want: "is damaged"},
		{name: "a newer record", there: map[string]string{RecordName: `{"record_format":2,"new":1}`}, o: Options{Format: Parquet}, want: "update pairloom"},
		{name: "a record that leads out", there: map[string]string{RecordName: `{"record_format":1,"files":[{"name":"../f"}]}`}, o: Options{Format: Parquet}, want: `names the file "../f"`},
		{name: "an empty split", o: Options{Format: Parquet, Split: HeldOut}, want: "no pairs of the split held_out"},
		{name: "an unknown format", o: Options{Format: "zip"}, want: `format "zip" is none of webdataset, parquet`},
		{name: "an unknown column", o: Options{Format: Parquet, Columns: []string{"with"}}, want: `no column "with"; there are pair_id, text`},
		{name: "an odd size", o: Options{Format: Parquet, Size: -1}, want: "must be from 1 to 1,000,000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to := t.TempDir()
			if tt.first.Format != "" {
				g.export(to, tt.first)
			}
			for name, content := range tt.there {
				path := filepath.Join(to, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(content), 0o666)); err != nil {
					t.Fatal(err)
				}
			}
			before := filesIn(t, to)
			_, err := (&Export{Dataset: g.open(), To: filepath.Join(to, tt.to), Options: tt.o}).Run(t.Context())
			var refused *RefusedError
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v, want %s", err, tt.want)
			case tt.want != "":
				sameFiles(t, "refused", filesIn(t, to), before)
			}
			for name, content := range tt.there {
				if filesIn(t, to)[name] != content {
					t.Errorf("%s did not stay", name)
				}
			}
		})
	}
}

// TestReplace puts each format in the place of the one before it.
func TestReplace(t *testing.T) {
	if testing.Short() {
		t.Skip("TestGrowsAndShrinks runs the same goroutines")
	}
	g := newDataset(t).change(10, [2]int{10, 30}, [2]int{0, 4})
	to, last := filepath.Join(t.TempDir(), "to"), "nothing"
	for _, o := range slices.Concat(all(), all()[:1]) {
		if _, err := (&Export{Dataset: g.open(), To: to, Options: o, Replace: true, Workers: 2}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		fresh := filepath.Join(t.TempDir(), "fresh")
		g.export(fresh, o)
		sameFiles(t, last+" then "+o.name(), filesIn(t, to), filesIn(t, fresh))
		last = o.name()
	}
}

// TestLink exports through a link to a folder.
func TestLink(t *testing.T) {
	g := newDataset(t).change(10, [2]int{10, 30}, [2]int{0, 4})
	folder, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(folder, link); err != nil {
		t.Fatal(err)
	}
	o := Options{Format: Folder, Size: 5}
	g.export(link, o)
	g.wantRows(link, o)
	g.change(10, [2]int{}, [2]int{}, 12)
	if out := g.export(link, o); out.Written != 1 || out.Kept != 4 {
		t.Errorf("again: %+v", out)
	}
	g.wantRows(folder, o)
}

// TestInUse holds that two exports never write to one folder.
func TestInUse(t *testing.T) {
	g := newDataset(t).change(10, [2]int{10, 30}, [2]int{})
	to := t.TempDir()
	other, err := openPlace(t.Context(), to, true)
	if err != nil {
		t.Fatal(err)
	}
	_, err = (&Export{Dataset: g.open(), To: to, Options: Options{Format: Parquet}}).Run(t.Context())
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), to) {
		t.Errorf("beside another: %v", err)
	}
	other.close()
	g.export(to, Options{Format: Parquet})
}

// TestLayout lists the files of each format.
func TestLayout(t *testing.T) {
	g := newDataset(t).change(10, [2]int{10, 17}, [2]int{0, 1})
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{Format: WebDataset, Size: 4}, "held_out/00000.parquet held_out/00000.tar held_out/00000_stats.json train/00000.parquet train/00000.tar train/00000_stats.json train/00001.parquet train/00001.tar train/00001_stats.json"},
		{Options{Format: WebDataset, Split: Train}, "00000.parquet 00000.tar 00000_stats.json"},
		{Options{Format: Parquet, Split: Train, Size: 4}, "00000.parquet 00001.parquet"},
		{Options{Format: Folder, Size: 4}, "held_out/00000/PNG0 held_out/00000/metadata.jsonl train/00000/PNG10 train/00000/PNG11 train/00000/PNG12 train/00000/PNG13 train/00000/metadata.jsonl train/00001/PNG14 train/00001/PNG15 train/00001/PNG16 train/00001/metadata.jsonl"},
		{Options{Format: HuggingFace, Size: 4}, "README.md data/held_out-00000-of-00001.parquet data/train-00000-of-00002.parquet data/train-00001-of-00002.parquet"},
		{Options{Format: Datasets, Size: 4}, "dataset_dict.json held_out/data-00000-of-00001.arrow held_out/dataset_info.json held_out/state.json train/data-00000-of-00002.arrow train/data-00001-of-00002.arrow train/dataset_info.json train/state.json"},
	} {
		to := filepath.Join(t.TempDir(), "to")
		g.export(to, tt.o)
		var names []string
		for name := range filesIn(t, to) {
			for n := range 20 { // the names of pictures are those of their pairs
				name = strings.Replace(name, shard.FormatPairID(pairOf(n).PairID)+".png", fmt.Sprintf("PNG%d", n), 1)
			}
			if name != RecordName {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.o.name(), got, tt.want)
		}
	}
}

// TestKeysStay holds that a row's key does not change when others go.
func TestKeysStay(t *testing.T) {
	g := newDataset(t).change(10, [2]int{10, 40}, [2]int{})
	to := filepath.Join(t.TempDir(), "to")
	o := Options{Format: WebDataset, Size: 10, Split: Train}
	g.export(to, o)
	g.change(10, [2]int{}, [2]int{}, 11, 17, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29)
	g.export(to, o)
	files := filesIn(t, to)
	for n := 10; n < 40; n++ {
		key := fmt.Sprintf("%05d%d.png", n/10-1, n%10)
		_, live := g.where[n]
		if in := strings.Contains(files[fmt.Sprintf("%05d.tar", n/10-1)], key); in != live {
			t.Errorf("%s is there: %v, its pair: %v", key, in, live)
		}
	}
}

// TestCard holds the texts around the YAML that the export adds.
func TestCard(t *testing.T) {
	g := newDataset(t).change(10, [2]int{10, 17}, [2]int{})
	for _, tt := range []struct{ name, card, head, body string }{
		{"none", "", "", "# Pictures with their texts"},
		{"without YAML", "# Cats\n\ntext\n", "", "# Cats\n\ntext\n"},
		{"with YAML", "---\nlicense: other\nconfigs:\n- config_name: x\n  data_files: shards/*\ntags:\n- cats\ndataset_info:\n  features:\n  - name: y\n---\n# Cats\n", "license: other\ntags:\n- cats\n", "# Cats\n"},
		{"YAML that does not end", "---\nlicense: other\n", "", "---\nlicense: other\n"},
		{"lines of another system", "---\r\nlicense: other\r\n---\r\n# Cats\r\n", "license: other\n", "# Cats\n"},
	} {
		to := filepath.Join(t.TempDir(), "to")
		if _, err := (&Export{Dataset: g.open(), To: to, Options: Options{Format: HuggingFace}, Card: []byte(tt.card)}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := filesIn(t, to)["README.md"]
		want := "---\n" + tt.head + "configs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train-*\ndataset_info:\n"
		if !strings.HasPrefix(got, want) || !strings.Contains(got, "\n---\n\n"+tt.body) {
			t.Errorf("%s: the card is\n%s", tt.name, got)
		}
	}
}

// TestDamagedShard holds that damage ends an export with the shard's name.
func TestDamagedShard(t *testing.T) {
	g := newDataset(t).change(10, [2]int{10, 30}, [2]int{})
	name := filepath.Join(g.folder, g.m.Parts[1].Name)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(name, data, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = (&Export{Dataset: g.open(), To: t.TempDir(), Options: Options{Format: WebDataset}}).Run(t.Context())
	var damaged *shard.DamagedPart
	if !errors.As(err, &damaged) || damaged.Path != name {
		t.Errorf("%v, want a *DamagedPart of %s", err, name)
	}
}
