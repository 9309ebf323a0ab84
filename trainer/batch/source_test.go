package batch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

// TestMixture counts the rows of all draws of many epochs.
func TestMixture(t *testing.T) {
	for _, shares := range [][]share{
		{{7, 7}}, {{10, 5}}, {{7, 3}, {5, 5}}, {{9, 18}, {4, 3}}, {{6, 9}, {11, 1}, {8, 8}}, {{3, 1}, {100, 37}},
	} {
		m := newMixture(shares, 5)
		var rows int
		for _, s := range shares {
			rows += s.rows
		}
		const epochs = 60
		total := make([]int, rows)
		for epoch := range epochs {
			counts := make([]int, rows)
			for position := range m.order.N {
				counts[m.at(epoch, position)]++
			}
			first := 0
			for _, s := range shares {
				sum := 0
				for _, n := range counts[first : first+s.rows] {
					if least := s.draws / s.rows; n < least || n > least+min(1, s.draws%s.rows) {
						t.Fatalf("%v: epoch %d draws a row %d times", shares, epoch, n)
					}
					sum += n
				}
				if sum != s.draws {
					t.Fatalf("%v: epoch %d draws %d of %d rows", shares, epoch, sum, s.draws)
				}
				first += s.rows
			}
			for row, n := range counts {
				total[row] += n
			}
		}
		first := 0
		for _, s := range shares {
			all := total[first : first+s.rows]
			if slices.Max(all)-slices.Min(all) > 1 {
				t.Errorf("%v: after %d epochs rows were drawn %d to %d times", shares, epochs, slices.Min(all), slices.Max(all))
			}
			first += s.rows
		}
	}
}

// TestMixtureOfOneIsAnOrder holds that weights changed nothing for those who
// have none: runs go on where they stopped.
func TestMixtureOfOneIsAnOrder(t *testing.T) {
	m := newMixture([]share{{100, 100}}, 3)
	for epoch := range 3 {
		for position := range 100 {
			if got, want := m.at(epoch, position), (Order{100, 3}).At(epoch, position); got != want {
				t.Fatalf("epoch %d, position %d: row %d, want %d", epoch, position, got, want)
			}
		}
	}
}

// writeShards makes a finished shard folder of pairs with the texts.
func writeShards(t testing.TB, folder string, texts ...string) {
	t.Helper()
	w, err := shard.CreatePart[shard.Pair](folder, "shard-00000.arrow", shard.Origin{Stage: "shard"})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		if err := w.Write(&shard.Pair{Text: text, Image: read(t, "gray.jpg")}); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	finish(t, folder, part)
}

// Training reads JPEG only, and says so before anything else is done.
func TestOtherFormatsAreRefused(t *testing.T) {
	folder := t.TempDir()
	w, err := shard.CreatePart[shard.Pair](folder, "shard-00000.arrow", shard.Origin{Stage: "shard"})
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"", "jpeg", "webp"} {
		if err := w.Write(&shard.Pair{Text: "a", Image: read(t, "gray.jpg"), Format: format}); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	finish(t, folder, part)
	if _, err := Open(folder, Training); err == nil || !strings.Contains(err.Error(), "a picture is webp") || !strings.Contains(err.Error(), "set fetch.format: jpeg") {
		t.Errorf("error %v", err)
	}
}

func finish(t testing.TB, folder string, parts ...shard.Part) {
	t.Helper()
	if err := shard.WriteManifest(folder, &shard.Manifest{Stage: "shard", Tally: shard.NewTally("shard", "pairs", "pairs"), Parts: parts}); err != nil {
		t.Fatal(err)
	}
}

func TestOpenAll(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	writeShards(t, a, "a0", "a1", "a2", "a3")
	writeShards(t, b, "b0", "b1", "b2")
	s, err := OpenAll([]Dataset{{Folder: a, Weight: 0.5}, {Folder: b, Weight: 2}}, Training)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Len() != 7 || s.Draws() != 8 {
		t.Errorf("%d rows, %d draws; want 7 and 8", s.Len(), s.Draws())
	}
	var all []string
	for text, err := range s.Texts() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if got := strings.Join(all, " "); got != "a0 a1 a2 a3 b0 b1 b2" {
		t.Errorf("texts are %s", got)
	}
	// Batch 0 is an epoch: two of a, b twice. Batch 1 has the other two.
	l := NewLoader(s, vocabulary(t), Options{Batch: 8, Resolution: 8, Context: 8, CropScale: 1}, 0, 2)
	defer l.Close()
	for range 2 {
		got, err := l.Next(t.Context())
		if err != nil || got.Captions.Len() != 8 {
			t.Fatalf("batch %v, %v", got, err)
		}
		l.Release(got)
	}

	one, err := Open(a, Training)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	dataset, err := shard.OpenDataset(a)
	if err != nil {
		t.Fatal(err)
	}
	if one.Hash() != dataset.Hash() || one.Draws() != 4 || one.Hash() == s.Hash() {
		t.Errorf("hash %s of one folder, %s of two, %s of the dataset", one.Hash(), s.Hash(), dataset.Hash())
	}
	for _, weight := range []float64{0, -1, 1e9} {
		if _, err := OpenAll([]Dataset{{Folder: a, Weight: weight}}, Training); err == nil || !strings.Contains(err.Error(), a) || !strings.Contains(err.Error(), "weight") {
			t.Errorf("weight %g: error %v", weight, err)
		}
	}
	if _, err := OpenAll([]Dataset{{Folder: a, Weight: 1}, {Folder: filepath.Join(a, "none"), Weight: 1}}, Training); err == nil || !strings.Contains(err.Error(), "pairloom shard") {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// TestMixedVersions opens a folder with a part as written by the first version
// beside one of today.
func TestMixedVersions(t *testing.T) {
	folder := t.TempDir()
	writeShards(t, folder, "today")
	manifest, err := shard.ReadManifest(folder)
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile("../../shard/testdata/pairs-v1.arrow")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "shard-00001.arrow"), old, 0o644); err != nil {
		t.Fatal(err)
	}
	finish(t, folder, manifest.Parts[0], shard.Part{Name: "shard-00001.arrow", Rows: 6, Bytes: int64(len(old))})
	s, err := Open(folder, Training)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	first, err := s.Pair(0)
	if err != nil {
		t.Fatal(err)
	}
	last, err := s.Pair(6)
	if err != nil {
		t.Fatal(err)
	}
	if s.Len() != 7 || first.Text != "today" || last.PairID == 0 {
		t.Errorf("%d rows, the first %q, the last %+v", s.Len(), first.Text, last)
	}
}

func TestBatchLargerThanTheData(t *testing.T) {
	f := fakePairs(t, 5)
	o := Options{Batch: 64, Resolution: 8, Context: 6, Seed: 2, CropScale: 0.8}
	got, _ := load(t, f, o, 0, 2)
	o.Batch = 5
	want, _ := load(t, f, o, 0, 2)
	if !slices.Equal(got, want) || len(got) != 2 {
		t.Error("a batch of 64 of 5 pairs is not a batch of 5")
	}
	l := newLoader(fake{}, vocabulary(t), o, 0, 1)
	defer l.Close()
	if _, err := l.Next(t.Context()); err == nil {
		t.Error("a dataset without a pair gave a batch")
	}
}

func TestEmptyCaption(t *testing.T) {
	f := fakePairs(t, 2)
	f[0].Text, f[1].Text = "", " \n&nbsp;\u3000"
	v := vocabulary(t)
	l := newLoader(f, v, Options{Batch: 2, Resolution: 8, Context: 6, CropScale: 1}, 0, 1)
	defer l.Close()
	b, err := l.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := []int32{v.Start(), v.End(), v.Start(), v.End()}; !slices.Equal(b.Captions.Tokens, want) || b.Captions.Len() != 2 {
		t.Errorf("two empty captions give %v, want %v", b.Captions.Tokens, want)
	}
	l.Release(b)
}
