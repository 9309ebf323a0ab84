package pipeline

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pairloom/pairloom/crawl/lists"
	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer"
	"github.com/pairloom/pairloom/trainer/backend"
	pairs "github.com/pairloom/pairloom/trainer/batch"
)

// pairsIn trains nothing: it is what a training on the entry would find, as
// "training held_out: reasons", or the error.
func pairsIn(dir, entry string) (indexes map[string]string, text string) {
	train := onData(dir, entry)
	indexes, accounts, err := train.indexSources(context.Background(), train.Options.Data, func() error { return nil })
	if err != nil {
		return nil, err.Error()
	}
	if len(accounts) == 0 {
		return nil, "no source"
	}
	return indexes, fmt.Sprintf("%d: %s", accounts[0].Training+accounts[0].HeldOut, ReasonsText(accounts[0].LeftOut))
}

// TestWhatSourcesMayHold says of each oddity what becomes of it: what is left out is
// counted by its reason, and what is no source at all is told with what to do.
func TestWhatSourcesMayHold(t *testing.T) {
	list := samplesOf(t, 4)
	two := members(list[:2])
	picture := string(list[2].jpeg)
	whole := tarOf(t, members(list)...)
	bare := func(s sample) sample { s.jpeg = nil; return s }
	empty := func(s sample) sample { s.jpeg = []byte{}; return s }
	silent := func(s sample) sample { s.caption = " "; return s }
	latin := func(s sample) sample { s.caption = "caf\xe9"; return s }
	long := strings.Repeat("folder/", 40) + "00009"
	meta := func(json string) []byte {
		return tarOf(t, append(two, member{name: "2.jpg", content: picture}, member{name: "2.json", content: json})...)
	}
	for _, tt := range []struct {
		name, file string
		data       []byte
		want       string // the whole text, or where it ends in ... its beginning
	}{
		{"whole", "a.tar", whole, "4: none"},
		{"a member without a caption", "a.tar", tarOf(t, append(two, member{name: "2.jpg", content: picture})...), "2: 1 no_text"},
		{"a member without a picture", "a.tar", tarOf(t, append(two, member{name: "2.txt", content: "a cat"})...), "2: 1 no_picture"},
		{"an empty caption", "a.tar", tarOf(t, members([]sample{list[0], silent(list[1])})...), "1: 1 no_text"},
		{"a caption that is not UTF-8", "a.tar", tarOf(t, members([]sample{list[0], latin(list[1])})...), "1: 1 bad_encoding"},
		{"a caption in JSON", "a.tar", meta(`{"caption": "a cat"}`), "3: none"},
		{"a JSON that says nothing", "a.tar", meta(`{"width": 3}`), "2: 1 no_text"},
		{"an address for a picture", "a.tar", tarOf(t, append(two, member{name: "2.json", content: `{"url": "https://a.example/1.jpg", "caption": "a cat"}`})...), "2: 1 not_here"},
		{"members of a key apart", "a.tar", tarOf(t, append(append([]member{two[0]}, two[2:]...), two[1])...), "1: 1 no_text, 1 repeated_key"},
		{"a key twice", "a.tar", tarOf(t, append(two, members(list[:1])...)...), "2: 1 repeated_key"},
		{"two pictures of a key", "a.tar", tarOf(t, append(two, member{name: "00001.png", content: picture})...), "2: 1 more_pictures"},
		{"a link", "a.tar", tarOf(t, append(two, member{name: "2.jpg", content: "/etc/passwd", kind: tar.TypeSymlink}, member{name: "2.txt", content: "a cat"})...), "2: 1 link, 1 no_picture"},
		{"a name that leads out", "a.tar", tarOf(t, append(two, member{name: "../2.jpg", content: picture})...), "2: 1 unsafe_name"},
		{"a long name", "a.tar", tarOf(t, append(two, member{name: long + ".jpg", content: picture}, member{name: long + ".txt", content: "a cat"})...), "3: none"},
		{"cut within a member", "a.tar", whole[:len(whole)-3000], "train.data: DIR/a.tar: its member \"00003.jpg\" claims 663 bytes from byte 8192 on, beyond its end: the tar is cut off; get it again"},
		{"cut between members", "a.tar", whole[:512+(len(list[0].jpeg)+511)/512*512], "train.data: DIR/a.tar: its end is missing: the tar is cut off; get it again"},
		{"no tar", "a.tar", []byte("no tar at all"), "train.data: DIR/a.tar: ..."},
		{"nothing in it", "a.tar", tarOf(t), "train.data: DIR/a.tar has no pair that can be trained on: left out are none"},
		{"nothing of use", "a.tar", tarOf(t, member{name: "2.jpg", content: picture}), "train.data: DIR/a.tar has no pair that can be trained on: left out are 1 no_text; a picture's caption is looked for in NAME.txt or NAME.json beside it (train.data_text names the key), in a folder also in metadata.csv, .jsonl or .parquet with the columns file_name and text"},
		{"nothing but addresses", "a.tar", tarOf(t, member{name: "2.json", content: `{"url": "https://a.example/1.jpg", "caption": "a cat"}`}), "train.data: DIR/a.tar has no pair that can be trained on: left out are 1 not_here; make a dataset of addresses with pairloom import and name its folder"},
		{"no byte", "a.tar", []byte{}, "train.data: DIR/a.tar: it is empty, and no tar; get it again"},
		{"no format that is known", "a.jpg", []byte("\xff\xd8\x00\n"), "train.data: DIR/a.jpg: its format is not known; training reads tars, Parquet and Arrow files, and folders"},
		{"no such file", "", nil, "train.data: stat DIR/a.tar: no such file or directory"},
		{"a list of addresses", "a.csv", []byte("url,text\nhttps://a.example/1.jpg,a cat\n"), "train.data: DIR/a.csv is a list of the format csv, which brings no pictures along; make a dataset of it with pairloom import and name its folder"},

		{"whole", "a.parquet", parquetOf(t, list), "4: none"},
		{"null pictures, packed", "a.parquet", parquetOf(t, []sample{list[0], bare(list[1]), bare(list[2]), list[3]}, packed...), "2: 2 no_picture"},
		{"null pictures", "a.parquet", parquetOf(t, []sample{list[0], bare(list[1]), bare(list[2]), list[3]}), "2: 2 no_picture"},
		{"an empty picture", "a.parquet", parquetOf(t, []sample{list[0], empty(list[1])}), "1: 1 missing_file"},
		{"an empty caption", "a.parquet", parquetOf(t, []sample{list[0], silent(list[1])}), "1: 1 no_text"},
		{"all pictures null", "a.parquet", parquetOf(t, []sample{bare(list[0])}), "train.data: DIR/a.parquet has no pair that can be trained on: left out are 1 no_picture"},
		{"cut", "a.parquet", parquetOf(t, list)[:2000], "train.data: DIR/a.parquet: it is no whole Parquet file: ..."},
		{"no column of captions", "a.parquet", tableOf(t, "image", "label"), "train.data: DIR/a.parquet: none of its columns has a name that data sets give to captions (text, caption, captions, ...); it has image, label; name the column in train.data_text"},
		{"no column of pictures", "a.parquet", tableOf(t, "blob", "text"), "train.data: DIR/a.parquet: none of its columns has a name that data sets give to pictures (image, img, picture, ...); it has blob, text; name the column in train.data_picture"},
		{"null pictures", "a.arrow", arrowOf(t, []sample{list[0], bare(list[1])}), "1: 1 no_picture"},
		{"cut", "a.arrow", arrowOf(t, list)[:3000], "train.data: DIR/a.arrow: ..."},
	} {
		t.Run(tt.file+"/"+tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := "a.tar"
			if tt.data != nil {
				file = tt.file
				writeFile(t, filepath.Join(dir, file), tt.data)
			}
			_, got := pairsIn(t.TempDir(), filepath.Join(dir, file))
			got = strings.ReplaceAll(got, dir, "DIR")
			if begin, open := strings.CutSuffix(tt.want, "..."); got != tt.want && !(open && strings.HasPrefix(got, begin)) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestNamesOfData says of each entry of train.data which files it stands for.
func TestNamesOfData(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"laion/00000.tar", "laion/00001.tar", "laion/00002.tar", "laion/00000.parquet", "laion/notes.txt", "other/00000.tar", "pictures/a.jpg", "pictures/deep/b.png", "a{b.tar", "cats/pairloom.yaml", "dogs/shards/x"} {
		writeFile(t, filepath.Join(root, name), nil)
	}
	if err := os.Mkdir(filepath.Join(root, "nothing"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ entry, want string }{
		{"laion/00001.tar", "tar 00001.tar"},
		{"laion/*.tar", "tar 00000.tar, tar 00001.tar, tar 00002.tar"},
		{"laion/{00001..00002}.tar", "tar 00001.tar, tar 00002.tar"},
		{"{laion,other}/00000.tar", "tar laion/00000.tar, tar other/00000.tar"},
		{"{other,laion}/*.tar", "tar other/00000.tar, tar laion/00000.tar, tar laion/00001.tar, tar laion/00002.tar"},
		{"*/00000.tar", "tar laion/00000.tar, tar other/00000.tar"},
		{"{laion/*,laion/00000}.tar", "tar laion/00000.tar, tar laion/00001.tar, tar laion/00002.tar"},
		{"laion", "tar 00000.tar, tar 00001.tar, tar 00002.tar"},
		{"pictures", "folder ."},
		{"pict*", "folder pictures"},
		{"a{b.tar", "tar a{b.tar"},
		{"cats", "train.data: ROOT/cats is a folder of pairloom without shards: run pairloom shard there first; pictures, tars or tables of your own belong in a folder without a pairloom.yaml"},
		{"dogs", "a dataset"},
		{"nowhere", "train.data: stat ROOT/nowhere: no such file or directory"},
		{"laion=half", "train.data: stat ROOT/laion=half: no such file or directory; a weight is a number after the last =, such as ../birds=0.5"},
		{"nothing", "train.data: ROOT/nothing has no pictures, tars or tables"},
		{"laion/{00002..00003}.tar", "train.data: stat ROOT/laion/00003.tar: no such file or directory"},
		{"laion/9*.tar", "train.data: pattern ROOT/laion/9*.tar: no file fits it"},
		{"laion/*.txt", "train.data: ROOT/laion/notes.txt is a list of the format txt, which brings no pictures along; make a dataset of it with pairloom import and name its folder"},
	} {
		s, err := sourceOf(filepath.Join(root, tt.entry), lists.Options{})
		got := "a dataset"
		if err != nil {
			got = strings.ReplaceAll(err.Error(), root, "ROOT")
		} else if s != nil {
			var files []string
			for _, f := range s.files {
				files = append(files, f.Format+" "+f.Label)
			}
			got = strings.Join(files, ", ")
		}
		if got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.entry, got, tt.want)
		}
	}
}

// TestWhatNoTrainingBeginsWith says how a training ends that has pairs and cannot be: what
// the configuration is to blame for before the pairs are looked for.
func TestWhatNoTrainingBeginsWith(t *testing.T) {
	list := samplesOf(t, 20)
	for i := range list {
		list[i].jpeg = []byte(fmt.Sprint("no picture ", i))
	}
	for _, tt := range []struct {
		name    string
		change  func(*trainer.Options)
		kind    error
		want    string
		indexed bool
	}{
		{"no picture that decodes", func(*trainer.Options) {}, ErrNothingKept, ": decode picture: a format that is not decoded here; look at the files that train.data names", true},
		{"a device that is not here", func(o *trainer.Options) { o.Device = "cuda:7" }, backend.ErrNoCUDA, "train.device: open device cuda:7: ", false},
	} {
		folder, dir := t.TempDir(), t.TempDir()
		train := onData(dir, sourceKinds["tars"](t, folder, list))
		tt.change(&train.Options)
		_, err := train.Run(context.Background(), func(int64, int64) {})
		if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v\nwant one that says %s", tt.name, err, tt.want)
		}
		if indexed := exists(filepath.Join(dir, shard.IndexesFolder)); indexed != tt.indexed {
			t.Errorf("%s: the source was read: %v", tt.name, indexed)
		}
	}
}

// stopAt trains up to a step.
func stopAt(t *testing.T, dir, entry string, step int64) {
	t.Helper()
	train := onData(dir, entry)
	train.Options.StopAt = step
	runTrain(t, train)
}

// TestSourcesThatChange changes a source under a training that is not complete: it is
// named with what changed, nothing is lost, and when the source is put back training ends
// as if nothing had been.
func TestSourcesThatChange(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	list, want := fifty(t)
	other := slices.Clone(list)
	other[20].caption = "something else"
	later := time.Now().Add(time.Hour)
	rewrite := func(kind string, list []sample) func(t *testing.T, folder string) {
		return func(t *testing.T, folder string) {
			sourceKinds[kind](t, folder, list)
			for _, name := range []string{"01.tar", "0.parquet", "00020.txt"} { // a clock may be slower than this test
				os.Chtimes(filepath.Join(folder, name), later, later)
			}
		}
	}
	remove := func(name string) func(t *testing.T, folder string) {
		return func(t *testing.T, folder string) {
			if err := os.Remove(filepath.Join(folder, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name, kind, entry string
		change            func(t *testing.T, folder string)
		want              string // "" where training goes on
	}{
		{"written again with the same pairs", "tars", "", rewrite("tars", list), ""},
		{"another caption", "tars", "", rewrite("tars", other), "DIR/01.tar has 16 pairs as before, and not the same"},
		{"a tar is gone", "tars", "*.tar", remove("02.tar"), "DIR/02.tar (16 pairs) is gone"},
		{"a tar is new", "tars", "*.tar", func(t *testing.T, folder string) {
			writeFile(t, filepath.Join(folder, "04.tar"), tarOf(t, members(samplesOf(t, 3))...))
		}, "DIR/04.tar (3 pairs) is new"},
		{"a pair less", "tars", "", func(t *testing.T, folder string) {
			writeFile(t, filepath.Join(folder, "00.tar"), tarOf(t, members(list[:15])...))
		}, "DIR/00.tar had 16 pairs and has 15"},
		{"another caption", "parquet", "", rewrite("parquet", other), "DIR/0.parquet has 25 pairs as before, and not the same"},
		{"another caption", "folder", "", rewrite("folder", other), "DIR has 50 pairs as before, and not the same"},
		{"a picture is gone", "folder", "", remove("00049.jpg"), "DIR had 50 pairs and has 49"},
		{"a note is new", "folder", "", func(t *testing.T, folder string) { writeFile(t, filepath.Join(folder, "README"), nil) }, ""},
	} {
		t.Run(tt.kind+"/"+tt.name, func(t *testing.T) {
			folder, dir := t.TempDir(), t.TempDir()
			entry := sourceKinds[tt.kind](t, folder, list)
			if tt.entry != "" {
				entry = filepath.Join(folder, tt.entry)
			}
			stopAt(t, dir, entry, 5)
			tt.change(t, folder)
			if tt.want != "" {
				for range 2 { // the second time it is known what the first found
					_, err := onData(dir, entry).Run(context.Background(), func(int64, int64) {})
					var configuration *ConfigurationError
					want := entry + " has changed since: " + strings.ReplaceAll(tt.want, "DIR", folder) + "; put it back as it was and training goes on at step 5 of 12"
					if !errors.As(err, &configuration) || !errors.Is(err, trainer.ErrForeign) || !strings.Contains(err.Error(), want) {
						t.Fatalf("error %v\nwant one that says %s", err, want)
					}
				}
				if err := os.RemoveAll(folder); err != nil {
					t.Fatal(err)
				}
				sourceKinds[tt.kind](t, folder, list)
			}
			if runTrain(t, onData(dir, entry)); trained(t, dir) != want {
				t.Error("the training ends otherwise than one that was left alone")
			}
		})
	}
}

// TestReplaceAndExtendOnSources: what changed may be trained on by --replace; and a
// training that is complete goes on with a source that grew as with shards that did.
func TestReplaceAndExtendOnSources(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	list := samplesOf(t, 50)
	folder, dir := t.TempDir(), t.TempDir()
	sourceKinds["tars"](t, folder, list[:32])
	entry := filepath.Join(folder, "*.tar")
	stopAt(t, dir, entry, 3)
	sourceKinds["tars"](t, folder, list[:48])
	train := onData(dir, entry)
	train.Options.Replace = true
	if r := runTrain(t, train); r.Steps != 12 || r.Resumed != 0 || r.Sources[0].Training != 48 {
		t.Errorf("with --replace: %+v", r)
	}
	sourceKinds["tars"](t, folder, list)
	train = onData(dir, entry)
	train.Options.ExtendShare = 0.1
	if r := runTrain(t, train); r.Steps != 12 || r.Added != 2 || !strings.Contains(r.Note, "2 new training pairs since") {
		t.Errorf("grown by two pairs: %d steps, %d added, %s", r.Steps, r.Added, r.Note)
	}
	train.Options.ExtendShare = 0.01
	if r := runTrain(t, train); r.Steps <= 12 || r.Segments != 2 || r.Added != 2 {
		t.Errorf("extended: %d steps, %d segments, %d added, %s", r.Steps, r.Segments, r.Added, r.Note)
	}
}

// TestPicturesThatMove changes a picture behind the back of an index, with the file's
// length and both ends as they were: whoever reads it is told the file and the place.
func TestPicturesThatMove(t *testing.T) {
	list := samplesOf(t, 50)
	noise := rand.New(rand.NewSource(4))
	for i := range list { // so that the change lies behind what a fingerprint is of
		more := make([]byte, 8<<10)
		noise.Read(more)
		list[i].jpeg = append(list[i].jpeg, more...)
	}
	for kind, where := range map[string]string{"tars": "00.tar, bytes ", "parquet": "0.parquet, bytes ", "arrow": "data.arrow, bytes "} {
		t.Run(kind, func(t *testing.T) {
			folder := t.TempDir()
			entry := sourceKinds[kind](t, folder, list)
			indexes, _ := pairsIn(t.TempDir(), entry)
			path := filepath.Join(folder, where[:strings.Index(where, ",")])
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			data[len(data)/2] ^= 1
			writeFile(t, path, data)
			source, err := pairs.Open(indexes[entry], pairs.Training)
			if err != nil {
				t.Fatal(err)
			}
			defer source.Close()
			var faults []string
			for i := range source.Len() {
				if _, err := source.Pair(i); err != nil {
					faults = append(faults, err.Error())
				}
			}
			if len(faults) != 1 || !strings.Contains(faults[0], filepath.Join(folder, where)) || !strings.Contains(faults[0], "put it back as it was") {
				t.Errorf("%d faults: %s", len(faults), strings.Join(faults, "\n"))
			}
		})
	}
}

// FuzzTarIndex indexes any bytes as a tar: every pair of the index is one whose picture
// can be read where the index says, and the account is whole.
func FuzzTarIndex(f *testing.F) {
	list := samplesOf(f, 3)
	f.Add(tarOf(f, members(list)...))
	f.Add(tarOf(f, append(members(list[:1]), member{name: strings.Repeat("long/", 50) + "a.jpg", content: "x"})...))
	f.Add(tarOf(f, member{name: "a.jpg", content: "a"}, member{name: "a.json", content: `{"caption":"b"}`}, member{name: "a.jpg", content: "b", kind: tar.TypeLink}))
	f.Add([]byte("no tar"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 64<<10 {
			return
		}
		folder := t.TempDir()
		writeFile(t, filepath.Join(folder, "a.tar"), data)
		s, err := sourceOf(filepath.Join(folder, "a.tar"), lists.Options{})
		if err != nil {
			return
		}
		x := &indexer{source: s, folder: filepath.Join(folder, "index"), share: 0.5, workers: 1, refused: refusal.New(nil), begins: func() {}}
		m, _, err := x.make(context.Background(), func(int64) {})
		if err != nil {
			return
		}
		if err := x.accept(m); err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, side := range []string{shard.Training, shard.HeldOut} {
			source, err := pairs.Open(x.folder, side)
			if err != nil {
				t.Fatal(err)
			}
			for i := range source.Len() {
				if _, err := source.Pair(i); err != nil {
					t.Error(err)
				}
				found++
			}
			source.Close()
		}
		if int64(found) != m.Tally.Kept {
			t.Errorf("%d pairs, %d kept", found, m.Tally.Kept)
		}
	})
}

// TestIndexIsMadeOnce: a file that has its size and time is not read again, not even by a
// run after one that was killed before the index was whole; one that was touched is.
func TestIndexIsMadeOnce(t *testing.T) {
	folder, dir := t.TempDir(), t.TempDir()
	sourceKinds["tars"](t, folder, samplesOf(t, 20))
	path, entry := filepath.Join(folder, "00.tar"), filepath.Join(folder, "*.tar")
	indexes, want := pairsIn(dir, entry)
	if want != "20: none" {
		t.Fatal(want)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, make([]byte, info.Size()))
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	for _, left := range []string{"", "shard-00000.arrow", "shard-00000.arrow.writing"} {
		if left != "" {
			writeFile(t, filepath.Join(indexes[entry], left), []byte("half"))
		}
		if err := os.Remove(filepath.Join(indexes[entry], shard.ManifestName)); err != nil {
			t.Fatal(err)
		}
		if _, got := pairsIn(dir, entry); got != want {
			t.Errorf("with %q left: %s", left, got)
		}
		if _, err := os.Stat(filepath.Join(indexes[entry], left)); left != "" && err == nil {
			t.Errorf("%s is still there", left)
		}
	}
	later := info.ModTime().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	if _, got := pairsIn(dir, entry); got != "4: none" {
		t.Errorf("touched, and empty by now: %s", got)
	}
}
