package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device/cpu"
	"github.com/pairloom/pairloom/trainer/evaluate"
	"github.com/pairloom/pairloom/trainer/token"
)

// model is vit-nano with weights drawn from seed.
func model(t testing.TB, seed int64) *evaluate.Embedder {
	t.Helper()
	folder := t.TempDir()
	c, err := clip.Preset("vit-nano")
	if err != nil {
		t.Fatal(err)
	}
	v, err := token.Train(func(yield func(string, error) bool) { yield("a red fox", nil) }, 530)
	if err != nil {
		t.Fatal(err)
	}
	d := cpu.Open(1)
	m := clip.New(c, v.Size())
	if err := m.Parameters.Allocate(d, false); err != nil {
		t.Fatal(err)
	}
	if err := m.Parameters.Draw(d, seed); err != nil {
		t.Fatal(err)
	}
	weights, err := m.Parameters.Read(d, m.Parameters.Data, "")
	if err != nil {
		t.Fatal(err)
	}
	m.Parameters.Free()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Save(folder, checkpoint.Content{State: checkpoint.State{Model: c, Vocabulary: v.Size(), Step: 1, Total: 1}, Weights: weights, Vocabulary: v.Encode()}, 1); err != nil {
		t.Fatal(err)
	}
	last, err := checkpoint.Latest(folder)
	if err != nil {
		t.Fatal(err)
	}
	e, err := evaluate.Open(last, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func pictureOf(t testing.TB, i int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 20, 24))
	for p := range m.Pix {
		m.Pix[p] = byte(p * (i + 3))
	}
	m.Set(i, i, color.White)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// writeShards makes parts of the given numbers of pairs; pair 3 does not decode.
func writeShards(t testing.TB, folder string, parts ...int) {
	t.Helper()
	tally := shard.NewTally("shard", "pairs", "pairs")
	m := &shard.Manifest{Stage: "shard", Tally: tally}
	n := 0
	for k, rows := range parts {
		w, err := shard.CreatePart[shard.Pair](folder, fmt.Sprintf("shard-%05d.arrow", k), shard.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		for range rows {
			p := shard.Pair{PairID: uint64(n), Text: fmt.Sprintf("text <%d>", n), PageURL: fmt.Sprintf("http://a/%d", n), Image: pictureOf(t, n)}
			if n == 3 {
				p.Image = p.Image[:30]
			}
			if err := w.Write(&p); err != nil {
				t.Fatal(err)
			}
			tally.Keep()
			n++
		}
		part, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		m.Parts = append(m.Parts, part)
	}
	if err := shard.WriteManifest(folder, m); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func vectors(t testing.TB, path string) (all []float32) {
	t.Helper()
	e, err := shard.OpenEmbeddings(path)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, b := range e.Batches {
		all = append(all, b.Vectors...)
	}
	return all
}

func TestShards(t *testing.T) {
	dir := t.TempDir()
	shards, out := filepath.Join(dir, "shards"), filepath.Join(dir, "out")
	writeShards(t, shards, 5, 4)
	e := model(t, 1)
	x := &Embedding{Model: e, Of: Pictures, Batch: 3}
	run := func() Made {
		t.Helper()
		m, err := x.Shards(context.Background(), shards, out)
		if err == nil {
			err = m.Tally.Check()
		}
		if err != nil || m.Tally.Dropped[evaluate.Undecodable] != 1 || len(m.Files) != 2 {
			t.Fatalf("%+v, %v", m.Tally, err)
		}
		return m
	}
	if m := run(); m.Again != 0 || m.Tally.Kept != 8 {
		t.Errorf("first: %+v", m)
	}
	first, second := filepath.Join(out, "shard-00000.arrow"), filepath.Join(out, "shard-00001.arrow")
	want := read(t, first)
	if m := run(); m.Again != 2 || m.Tally.Kept != 8 {
		t.Errorf("again: %+v", m)
	}
	// Stopped in the middle: what is there stays, and the bytes are the same.
	if err := os.Rename(first, first+".writing"); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(out, "notes.arrow")
	if err := os.WriteFile(foreign, []byte("not of ours"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := vectors(t, first+".writing")
	if m := run(); m.Again != 1 || read(t, first) != want {
		t.Errorf("resumed: %+v, same bytes %v", m, read(t, first) == want)
	}
	// Another batch: the same bytes.
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	x.Batch = 100
	if m := run(); m.Again != 1 {
		t.Errorf("another batch: %+v", m)
	}
	if read(t, first) != want {
		t.Error("another batch gives other bytes")
	}
	for i, v := range vectors(t, first) {
		if math.Abs(float64(v-before[i])) > 1e-6 {
			t.Fatalf("word %d is %g, with batches of 3 %g", i, v, before[i])
		}
	}
	// Another model makes all anew; a part that is no more goes, other files stay.
	x.Model = model(t, 2)
	if m := run(); m.Again != 0 || read(t, first) == want {
		t.Errorf("another model: %+v", m)
	}
	writeShards(t, shards, 9)
	if m, err := x.Shards(context.Background(), shards, out); err != nil || len(m.Files) != 1 {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := os.Stat(second); !os.IsNotExist(err) {
		t.Errorf("the file of a part that is gone: %v", err)
	}
	if read(t, foreign) == "" {
		t.Error("a foreign file is gone")
	}
	if _, err := x.Shards(context.Background(), dir, out); !errors.Is(err, shard.ErrUnfinished) {
		t.Errorf("no shards: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := x.Shards(ctx, shards, filepath.Join(dir, "none")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "none", "*")); len(names) != 0 {
		t.Errorf("a stopped run leaves %q", names)
	}
}

// TestSearchOwn finds each pair by its own text, writes the sheet, and notices
// that the shards have changed.
func TestSearchOwn(t *testing.T) {
	dir := t.TempDir()
	shards, out := filepath.Join(dir, "shards"), filepath.Join(dir, "out")
	writeShards(t, shards, 2, 3)
	e := model(t, 1)
	x := &Embedding{Model: e, Of: Texts, Batch: 4}
	if _, err := x.Shards(context.Background(), shards, out); err != nil {
		t.Fatal(err)
	}
	index, err := Open(e.Hash, out)
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	query, err := e.Texts(context.Background(), []string{"text <4>"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	hits, err := index.Top(context.Background(), query, 2, 1)
	if err != nil || len(hits) != 2 || hits[0].ID != 4 || hits[0].Score < 0.9999 {
		t.Fatalf("%+v, %v", hits, err)
	}
	found, err := Resolve(shards, hits)
	if err != nil || found[0].Text != "text <4>" || found[0].PageURL != "http://a/4" || found[0].File != "shard-00001.arrow" || found[0].Row != 2 || len(found[0].Picture) == 0 {
		t.Errorf("%+v, %v", found, err)
	}
	found[1].PageURL = "javascript:alert(1)"
	sheet := filepath.Join(dir, "sheet.html")
	if err := WriteSheet(sheet, `<script>"fox`, index.Len(), found); err != nil {
		t.Fatal(err)
	}
	page := read(t, sheet)
	for _, part := range []string{"&lt;script&gt;&#34;fox", "text &lt;4&gt;", `src="data:image/jpeg;base64,/9j/`, "The 2 nearest of 5", "default-src 'none'"} {
		if !strings.Contains(page, part) {
			t.Errorf("the sheet lacks %q", part)
		}
	}
	for _, part := range []string{"<script", `href="javascript:`, "<link", `src="http`} {
		if strings.Contains(page, part) {
			t.Errorf("the sheet has %q", part)
		}
	}
	writeShards(t, shards, 5)
	if _, err := Resolve(shards, hits); err == nil || !strings.Contains(err.Error(), "run pairloom embed texts again") {
		t.Errorf("changed shards: %v", err)
	}
}

// namesOf are the names of all rows.
func namesOf(x *Index) (names []string) {
	for _, f := range x.Files {
		for i := range f.Batches {
			for k := range f.Batches[i].IDs {
				names = append(names, f.Batches[i].Name(k))
			}
		}
	}
	return names
}

func TestFolderAndLines(t *testing.T) {
	dir := t.TempDir()
	e := model(t, 1)
	for name, data := range map[string][]byte{"p/b.jpg": pictureOf(t, 1), "p/sub/a.jpg": pictureOf(t, 2), "p/bad.jpg": []byte("text"),
		"p/.x": nil, "p/Thumbs.db": nil, "p/__MACOSX/._b.jpg": nil, "p/sub/b\xE4r.jpg": pictureOf(t, 3)} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var bad []string
	x := &Embedding{Model: e, Of: Pictures, Batch: 2, Bad: func(b *evaluate.BadPicture) { bad = append(bad, filepath.Base(b.Name)+" "+b.Reason) }}
	path := filepath.Join(dir, "p.arrow")
	m, err := x.Folder(context.Background(), filepath.Join(dir, "p"), path, nil)
	if err != nil || m.Tally.In != 7 || m.Tally.Kept != 3 || m.Tally.Dropped[evaluate.SystemFile] != 3 || m.Tally.Check() != nil || m.Renamed != 1 || fmt.Sprint(bad) != "[bad.jpg undecodable]" {
		t.Errorf("%+v, %v, bad %v", m.Tally, err, bad)
	}
	index, err := Open(e.Hash, path)
	if err != nil {
		t.Fatal(err)
	}
	v, err := e.Pictures(context.Background(), &evaluate.FilePictures{Paths: []string{filepath.Join(dir, "p/sub/a.jpg")}}, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	hits, err := index.Top(context.Background(), v.Rows, 1, 0)
	if err != nil || hits[0].Name != "sub/a.jpg" || hits[0].Row != 2 {
		t.Errorf("%+v, %v", hits, err)
	}
	if found, err := Resolve("none", hits); err != nil || found[0].Name != "sub/a.jpg" || found[0].File != filepath.Join(dir, "p") {
		t.Errorf("%+v, %v", found, err)
	}
	if names := namesOf(index); !slices.Equal(names, []string{"b.jpg", "sub/a.jpg", "sub/b\uFFFDr.jpg"}) {
		t.Errorf("names %q", names)
	}
	index.Close()
	if _, err := x.Folder(context.Background(), filepath.Join(dir, "gone"), path, nil); err == nil {
		t.Error("a folder that is not there has pictures")
	}

	lines := filepath.Join(dir, "lines.txt")
	if err := os.WriteFile(lines, []byte("\uFEFFone\r\n\n two \nb\xE4r\nthree"), 0o644); err != nil {
		t.Fatal(err)
	}
	x = &Embedding{Model: e, Of: Texts, Batch: 2}
	m, err = x.Lines(context.Background(), lines, path)
	if err != nil || m.Tally.Kept != 3 || m.Tally.Dropped[EmptyLine] != 1 || m.Tally.Dropped[NotUTF8] != 1 || m.Tally.Check() != nil {
		t.Errorf("%+v, %v", m.Tally, err)
	}
	if index, err = Open(e.Hash, path); err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	if names := namesOf(index); fmt.Sprint(index.Files[0].Batches[0].Rows) != "[0 2 4]" || !slices.Equal(names, []string{"one", "two", "three"}) {
		t.Errorf("rows %v, %q", index.Files[0].Batches[0].Rows, names)
	}
}

// deleteRows deletes rows of the first part by a second generation.
func deleteRows(t testing.TB, folder string, rows ...uint32) {
	t.Helper()
	m, err := shard.ReadManifest(folder)
	if err != nil {
		t.Fatal(err)
	}
	w, err := shard.CreatePart[shard.Deletion](folder, shard.DeletionsName(2), shard.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if err := w.Write(&shard.Deletion{PairID: uint64(row), Part: m.Parts[0].Name, Row: row, Reason: "removed"}); err != nil {
			t.Fatal(err)
		}
	}
	vector, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	vector.Generation = 2
	m.Deletions = []shard.Part{vector}
	m.Generations = []shard.Generation{{Number: 1, Added: m.Rows()}, {Number: 2, Deleted: vector.Rows}}
	if err := shard.WriteManifest(folder, m); err != nil {
		t.Fatal(err)
	}
}

// TestDeletedPairsAreNotFound deletes pairs after their vectors were made, and before:
// what is found is of pairs that are there, and each has its own text.
func TestDeletedPairsAreNotFound(t *testing.T) {
	dir := t.TempDir()
	shards := filepath.Join(dir, "shards")
	writeShards(t, shards, 6, 3)
	e := model(t, 1)
	x := &Embedding{Model: e, Of: Texts, Batch: 4}
	if _, err := x.Shards(t.Context(), shards, filepath.Join(dir, "before")); err != nil {
		t.Fatal(err)
	}
	deleteRows(t, shards, 1, 4)
	for folder, again := range map[string]int{"before": 2, "after": 0} {
		out := filepath.Join(dir, folder)
		m, err := x.Shards(t.Context(), shards, out)
		if err != nil || m.Again != again || m.Tally.Kept != 7 || m.Tally.In != 7 {
			t.Fatalf("vectors from %s: %+v, %+v, %v", folder, m, m.Tally, err)
		}
		index, err := Open(e.Hash, out)
		if err != nil {
			t.Fatal(err)
		}
		defer index.Close()
		dataset, err := shard.OpenDataset(shards)
		if err != nil {
			t.Fatal(err)
		}
		index.LeaveOut(dataset)
		for n := range 9 {
			vector, err := e.Texts(t.Context(), []string{fmt.Sprintf("text <%d>", n)}, 1)
			if err != nil {
				t.Fatal(err)
			}
			hits, err := index.Top(t.Context(), vector, 9, 2)
			if err != nil {
				t.Fatal(err)
			}
			found, err := Resolve(shards, hits)
			if err != nil || len(found) != 7 {
				t.Fatalf("vectors from %s: %d are found, want 7: %v", folder, len(found), err)
			}
			for i, f := range found {
				if f.Text == "text <1>" || f.Text == "text <4>" || f.Text != fmt.Sprintf("text <%d>", hits[i].ID) {
					t.Errorf("vectors from %s: pair %d is found with %q", folder, hits[i].ID, f.Text)
				}
			}
			if best := found[0].Text; n != 1 && n != 4 && best != fmt.Sprintf("text <%d>", n) {
				t.Errorf("vectors from %s: text <%d> finds %q first", folder, n, best)
			}
		}
	}
}
