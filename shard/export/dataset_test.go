package export

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/shard"
)

// png is a whole picture of one pixel, whose colour is a number: PNG stores it as it is.
func png(n int) []byte {
	b := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
		start := len(b)
		b = append(append(b, kind...), data...)
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[start:]))
	}
	chunk("IHDR", []byte{0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0})
	row := []byte{0, byte(n >> 16), byte(n >> 8), byte(n)}
	raw := append([]byte{0x78, 0x01, 1, 4, 0, 251, 255}, row...) // zlib, one stored block
	a, c := uint32(1), uint32(0)
	for _, x := range row {
		a = (a + uint32(x)) % 65521
		c = (c + a) % 65521
	}
	chunk("IDAT", binary.BigEndian.AppendUint32(raw, c<<16|a))
	chunk("IEND", nil)
	return b
}

// pairOf is pair n of all datasets of these tests.
func pairOf(n int) shard.Pair {
	text := fmt.Sprintf("pair \"%d\"\\ of a fox\tat the wall, naïve — 狐 %d", n, n*n)
	url := fmt.Sprintf("https://pictures.example/%d.png?a=1&b=<%d>", n, n)
	data := png(n)
	p := shard.Pair{
		PairID: shard.PairID(url, text), Text: text, Image: data, Width: 1, Height: 1, ImageURL: url,
		PageURL: fmt.Sprintf("https://page.example/%d", n/2), TextSource: "alt", Language: "de", License: "https://license.example/" + fmt.Sprint(n%2),
		Source: "live", CrawlTime: 1_700_000_000 + int64(n), OriginalFormat: "png", OriginalWidth: 2, OriginalHeight: 3,
		PictureHash: xxhash.Sum64(data), PHash: 1<<63 + uint64(n), Format: "png", Frames: 1, More: `{"key":"k"}`,
	}
	for i := range 1 + n%4 { // a pair of a dataset has a query
		p.QueryIDs = append(p.QueryIDs, uint32(n+i))
	}
	return p
}

// growing is a dataset that a test lets grow and shrink.
type growing struct {
	t      testing.TB
	folder string
	m      *shard.Manifest
	where  map[int]shard.Deletion // pair to its place
	live   map[string][]int       // by split, in order
}

func newDataset(t testing.TB) *growing {
	t.Helper()
	return &growing{
		t: t, folder: filepath.Join(t.TempDir(), shard.ShardsFolder), where: map[int]shard.Deletion{}, live: map[string][]int{},
		m: &shard.Manifest{Stage: "shard", Tally: shard.NewTally("shard", "pairs", "pairs")},
	}
}

// change is a generation: pairs first to last of each split come, in shards of so many
// rows, others go.
func (g *growing) change(perShard int, train, heldOut [2]int, remove ...int) *growing {
	g.t.Helper()
	number := len(g.m.Generations) + 1
	fail := func(err error) {
		if err != nil {
			g.t.Helper()
			g.t.Fatal(err)
		}
	}
	if len(remove) > 0 {
		w, err := shard.CreatePart[shard.Deletion](g.folder, shard.DeletionsName(number), shard.Origin{})
		fail(err)
		var list []shard.Deletion
		for _, n := range slices.Clone(remove) {
			list = append(list, g.where[n])
			for split := range g.live {
				g.live[split] = slices.DeleteFunc(g.live[split], func(k int) bool { return k == n })
			}
			delete(g.where, n)
		}
		slices.SortFunc(list, func(a, b shard.Deletion) int {
			return bytes.Compare(fmt.Appendf(nil, "%s %9d", a.Part, a.Row), fmt.Appendf(nil, "%s %9d", b.Part, b.Row))
		})
		for i := range list {
			fail(w.Write(&list[i]))
		}
		part, err := w.Close()
		fail(err)
		part.Generation = number
		g.m.Deletions = append(g.m.Deletions, part)
	}
	for _, side := range []struct {
		split  string
		prefix string
		pairs  [2]int
	}{{HeldOut, shard.HeldOut, heldOut}, {Train, shard.Training, train}} {
		for n := side.pairs[0]; n < side.pairs[1]; {
			name := fmt.Sprintf("%s%05d.arrow", side.prefix, len(g.m.Parts))
			w, err := shard.CreatePart[shard.Pair](g.folder, name, shard.Origin{})
			fail(err)
			for row := 0; row < perShard && n < side.pairs[1]; row, n = row+1, n+1 {
				p := pairOf(n)
				fail(w.Write(&p))
				g.where[n] = shard.Deletion{PairID: p.PairID, Part: name, Row: uint32(row), Reason: "removed"}
				g.live[side.split] = append(g.live[side.split], n)
				g.m.Tally.Keep()
			}
			part, err := w.Close()
			fail(err)
			part.Generation = number
			g.m.Parts = append(g.m.Parts, part)
		}
	}
	g.m.Generations = append(g.m.Generations, shard.Generation{Number: number})
	fail(shard.WriteManifest(g.folder, g.m))
	return g
}

func (g *growing) open() *shard.Dataset {
	g.t.Helper()
	d, err := shard.OpenDataset(g.folder)
	if err != nil {
		g.t.Fatal(err)
	}
	return d
}

// export exports the dataset, and fails the test where that fails.
func (g *growing) export(to string, o Options) *Outcome {
	g.t.Helper()
	out, err := (&Export{Dataset: g.open(), To: to, Options: o, Workers: 3}).Run(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	return out
}

// filesIn are the files below a folder with their content.
func filesIn(t testing.TB, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(folder, path)
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// sameFiles compares two exports.
func sameFiles(t testing.TB, what string, got, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if g, is := got[name]; !is {
			t.Errorf("%s: %s is not there", what, name)
		} else if g != want[name] {
			t.Errorf("%s: %s is another", what, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, is := want[name]; !is {
			t.Errorf("%s: %s should not be there", what, name)
		}
	}
}

// each are options of each format, with files of a few rows; of two formats in a short
// run, such as one with the race detector: the others go the same ways.
func each() (list []Options) {
	for _, format := range Formats {
		if !testing.Short() || format == WebDataset || format == Folder {
			list = append(list, Options{Format: format, Size: 4, Pictures: true})
		}
	}
	return list
}

// all are those of each and some more.
func all() []Options {
	if testing.Short() {
		return each()
	}
	return append(each(), Options{Format: Parquet, Size: 5, Columns: []string{"width"}}, Options{Format: WebDataset, Size: 3, Split: Train})
}
