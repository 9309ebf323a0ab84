package shard

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// writeDataset writes a finished folder of shards, one part for each of rows, and
// returns it. The rows of all parts are numbered on.
func writeDataset(t testing.TB, parts ...struct {
	name string
	rows int
}) (folder string, m *Manifest) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), ShardsFolder)
	m = &Manifest{Stage: "shard", Tally: NewTally("shard", "pairs", "pairs")}
	for _, p := range parts {
		m.Parts = append(m.Parts, writePart[Pair](t, folder, p.name, p.rows))
		for range p.rows {
			m.Tally.Keep()
		}
	}
	if err := WriteManifest(folder, m); err != nil {
		t.Fatal(err)
	}
	return folder, m
}

type namedRows = struct {
	name string
	rows int
}

func TestDatasetRows(t *testing.T) {
	folder, _ := writeDataset(t, namedRows{"heldout-00000.arrow", 3}, namedRows{"shard-00000.arrow", 300}, namedRows{"shard-00001.arrow", 0}, namedRows{"shard-00002.arrow", 2})
	d, err := OpenDataset(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		prefix  string
		columns []string
		want    []namedRows
	}{
		{"", nil, []namedRows{{"heldout-00000.arrow", 3}, {"shard-00000.arrow", 300}, {"shard-00002.arrow", 2}}},
		{Training, nil, []namedRows{{"shard-00000.arrow", 300}, {"shard-00002.arrow", 2}}},
		{HeldOut, []string{"pair_id", "query_ids"}, []namedRows{{"heldout-00000.arrow", 3}}},
		{"shard-00002.arrow", []string{"text"}, []namedRows{{"shard-00002.arrow", 2}}},
		{"shard-00001.arrow", nil, nil},
		{"none-", nil, nil},
	} {
		var got []namedRows
		for row, err := range d.Rows(tt.prefix, tt.columns...) {
			if err != nil {
				t.Fatal(err)
			}
			if row.Number == 0 {
				got = append(got, namedRows{row.Part, 0})
			}
			last := &got[len(got)-1]
			if row.Part != last.name || row.Number != last.rows {
				t.Fatalf("%q: row %d of %s comes after row %d of %s", tt.prefix, row.Number, row.Part, last.rows-1, last.name)
			}
			last.rows++
			whole := fill[Pair](row.Number)
			want := whole
			switch {
			case len(tt.columns) == 2:
				want = Pair{PairID: whole.PairID, QueryIDs: whole.QueryIDs}
			case len(tt.columns) == 1:
				want = Pair{Text: whole.Text}
			}
			if !reflect.DeepEqual(row.Pair, want) {
				t.Fatalf("%q: row %d of %s is\n%+v\nwant\n%+v", tt.prefix, row.Number, row.Part, row.Pair, want)
			}
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: rows of %v, want %v", tt.prefix, got, tt.want)
		}
		for range d.Rows(tt.prefix, tt.columns...) {
			break // an early end is allowed
		}
	}
}

// TestEmptyDataset has no part, or parts without a row.
func TestEmptyDataset(t *testing.T) {
	for _, parts := range [][]namedRows{nil, {{"shard-00000.arrow", 0}}} {
		folder, m := writeDataset(t, parts...)
		d, err := OpenDataset(folder)
		if err != nil {
			t.Fatal(err)
		}
		for row, err := range d.Rows("") {
			t.Errorf("%d parts: row %+v, %v", len(parts), row, err)
		}
		v, err := d.Open("")
		if err != nil {
			t.Fatal(err)
		}
		if v.Len() != 0 || len(d.Parts("")) != len(parts) || d.Len("") != m.Rows() {
			t.Errorf("%d parts: %d rows, %d parts, %d pairs", len(parts), v.Len(), len(d.Parts("")), d.Len(""))
		}
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestUnfinishedDatasetNamesItsCommand(t *testing.T) {
	if _, err := OpenDataset(t.TempDir()); !errors.Is(err, ErrUnfinished) || !strings.Contains(err.Error(), "run pairloom shard first") {
		t.Errorf("got %v", err)
	}
}

// TestViewNamesDamageOnceAndAlways reads a view of which the second batch of the
// second part is damaged: every row of that batch gives the same error, at each
// call, and every other row is there.
func TestViewNamesDamageOnceAndAlways(t *testing.T) {
	folder, m := writeDataset(t, namedRows{"shard-00000.arrow", 10}, namedRows{"shard-00001.arrow", 600})
	path := filepath.Join(folder, "shard-00001.arrow")
	r, err := OpenPart[Pair](folder, m.Parts[1])
	if err != nil {
		t.Fatal(err)
	}
	second := r.blocks[1]
	r.Close()
	flip(t, path, func(int) int { return int(second.offset+second.metaLength) + 64 })
	d, err := OpenDataset(folder)
	if err != nil {
		t.Fatal(err)
	}
	v, err := d.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if v.Len() != 610 {
		t.Fatalf("%d rows, want 610", v.Len())
	}
	want := "open part " + path + ": checksum of batch 1 differs from the manifest; delete it and run pairloom shard, which makes what is missing again"
	for range 2 {
		for i := range v.Len() {
			p, err := v.Pair(i)
			if damaged := i >= 10+256 && i < 10+512; damaged {
				if err == nil || err.Error() != want {
					t.Fatalf("row %d: error %v, want %s", i, err, want)
				}
				if !reflect.DeepEqual(p, Pair{}) {
					t.Fatalf("row %d: %+v beside an error", i, p)
				}
				continue
			}
			whole := fill[Pair](i)
			if i >= 10 {
				whole = fill[Pair](i - 10)
			}
			if err != nil || !reflect.DeepEqual(p, whole) {
				t.Fatalf("row %d: %+v, %v", i, p, err)
			}
		}
	}
}

// testFirstReads has many goroutines ask at once for rows of batches that none
// has read before.
func testFirstReads[T Record](t *testing.T) {
	folder := t.TempDir()
	rows := 2*layoutOf[T]().batchRows + 5
	part := writePart[T](t, folder, "p.arrow", rows)
	r, err := OpenPart[T](folder, part)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	start := make(chan struct{})
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			<-start
			var row T
			for i := g; i < rows; i += 97 {
				if err := r.Read(i, &row); err != nil {
					t.Error(err)
					return
				}
				if want := fill[T](i); !reflect.DeepEqual(row, want) {
					t.Errorf("row %d is %+v, want %+v", i, row, want)
					return
				}
			}
		})
	}
	close(start)
	all.Wait()
}

func TestConcurrentFirstReadsOfABatch(t *testing.T) {
	t.Run("compressed", testFirstReads[Selection])
	t.Run("mapped", testFirstReads[Pair])
}
