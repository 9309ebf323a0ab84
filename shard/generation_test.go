package shard

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestDatasetIsAPlainList holds the readers of a dataset of three generations against
// a list that is kept beside it.
func TestDatasetIsAPlainList(t *testing.T) {
	type pair struct {
		part string
		row  int
	}
	folder := filepath.Join(t.TempDir(), ShardsFolder)
	m := &Manifest{Stage: "shard", Tally: NewTally("shard", "pairs", "pairs")}
	random := rand.New(rand.NewPCG(1, 2))
	var now []pair
	var then [][]pair // after each generation
	var hashes []string
	for generation, rows := range [][]int{1: {300, 40}, 2: {7}, 3: {}} {
		if generation == 0 {
			continue
		}
		w, err := CreatePart[Deletion](folder, DeletionsName(generation), Origin{Stage: "shard"})
		if err != nil {
			t.Fatal(err)
		}
		var left []pair
		for _, p := range now {
			if random.IntN(3) > 0 {
				left = append(left, p)
				continue
			}
			if err := w.Write(&Deletion{PairID: fill[Pair](p.row).PairID, Part: p.part, Row: uint32(p.row), Reason: "removed"}); err != nil {
				t.Fatal(err)
			}
		}
		vector, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		vector.Generation = generation
		m.Deletions = append(m.Deletions, vector)
		now = left
		for i, n := range rows {
			part := writePart[Pair](t, folder, Training+strings.Repeat("0", 4)+string(rune('0'+generation*2+i))+".arrow", n)
			part.Generation = generation
			m.Parts = append(m.Parts, part)
			for row := range n {
				now = append(now, pair{part.Name, row})
			}
		}
		m.Generations = append(m.Generations, Generation{Number: generation, Deleted: vector.Rows})
		if err := WriteManifest(folder, m); err != nil {
			t.Fatal(err)
		}
		then = append(then, slices.Clone(now))
		d, err := OpenDataset(folder)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, d.Hash())
	}
	d, err := OpenDataset(folder)
	if err != nil {
		t.Fatal(err)
	}
	if d.Generation() != 3 {
		t.Errorf("generation %d, want 3", d.Generation())
	}
	for generation, want := range then {
		at := d.At(generation + 1)
		if at.Hash() != hashes[generation] {
			t.Errorf("generation %d: hash %s, but it was %s then", generation+1, at.Hash(), hashes[generation])
		}
		v, err := at.Open("")
		if err != nil {
			t.Fatal(err)
		}
		if v.Len() != len(want) {
			t.Fatalf("generation %d: %d pairs, want %d", generation+1, v.Len(), len(want))
		}
		var kept []pair // those of then that are there today
		for i, p := range want {
			got, err := v.Pair(i)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, fill[Pair](p.row)) {
				t.Fatalf("generation %d: pair %d is not row %d of %s", generation+1, i, p.row, p.part)
			}
			if gone := !slices.Contains(now, p); v.Gone(i) != gone || d.Deleted(p.part, p.row) != gone {
				t.Fatalf("generation %d: pair %d: gone %v, want %v", generation+1, i, v.Gone(i), gone)
			} else if !gone {
				kept = append(kept, p)
			}
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		var rows []pair
		for row, err := range at.Rows("", "pair_id") {
			if err != nil {
				t.Fatal(err)
			}
			if row.PairID != fill[Pair](row.Number).PairID {
				t.Fatalf("row %d of %s has another row's id", row.Number, row.Part)
			}
			rows = append(rows, pair{row.Part, row.Number})
		}
		if !reflect.DeepEqual(rows, kept) {
			t.Fatalf("generation %d: Rows gives %d pairs, want %d", generation+1, len(rows), len(kept))
		}
	}
	if d.Len("") != int64(len(now)) {
		t.Errorf("Len is %d, want %d", d.Len(""), len(now))
	}
}

func TestDeletionsOfNoRowAreDamage(t *testing.T) {
	folder, m := writeDataset(t, namedRows{"shard-00000.arrow", 3})
	w, err := CreatePart[Deletion](folder, DeletionsName(2), Origin{Stage: "shard"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(&Deletion{Part: "shard-00000.arrow", Row: 3}); err != nil {
		t.Fatal(err)
	}
	vector, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	m.Deletions = []Part{vector}
	if err := WriteManifest(folder, m); err != nil {
		t.Fatal(err)
	}
	var damaged *DamagedPart
	if _, err := OpenDataset(folder); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "it deletes row 3 of shard-00000.arrow") {
		t.Errorf("got %v", err)
	}
}

func TestHeldOutPictureTakesItsShare(t *testing.T) {
	for _, share := range []float64{0, 0.02, 0.5, 1} {
		held := 0
		for hash := range uint64(100_000) {
			if HeldOutPicture(7, share, hash*0x9e3779b97f4a7c15) {
				held++
			}
		}
		if got := float64(held) / 100_000; got < share-0.005 || got > share+0.005 {
			t.Errorf("share %v: %v are held out", share, got)
		}
	}
	if HeldOutPicture(1, 0.5, 3) == HeldOutPicture(2, 0.5, 3) && HeldOutPicture(1, 0.5, 4) == HeldOutPicture(2, 0.5, 4) && HeldOutPicture(1, 0.5, 5) == HeldOutPicture(2, 0.5, 5) {
		t.Error("the seed changes nothing")
	}
}
