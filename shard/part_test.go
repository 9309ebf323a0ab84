package shard

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/cespare/xxhash/v2"
)

var testOrigin = Origin{Stage: "test", Settings: "s1", Input: "i1"}

// fill gives every field of row i a value of its own, some of them empty.
func fill[T any](i int) T {
	var row T
	var set func(v reflect.Value, salt int)
	set = func(v reflect.Value, salt int) {
		for f := range v.NumField() {
			salt := salt*31 + f
			switch field := v.Field(f); field.Kind() {
			case reflect.Struct:
				set(field, salt)
			case reflect.String:
				if salt%5 != 0 {
					field.SetString(strings.Repeat("é", salt%7) + fmt.Sprint(salt))
				}
			case reflect.Int32, reflect.Int64:
				field.SetInt(int64(salt) - 50)
			case reflect.Uint32, reflect.Uint64:
				field.SetUint(uint64(salt) * 7)
			case reflect.Slice:
				n := salt % 4
				field.Set(reflect.MakeSlice(field.Type(), n, n))
				for k := range n {
					field.Index(k).SetUint(uint64(salt+k) % 251)
				}
			}
		}
	}
	set(reflect.ValueOf(&row).Elem(), i+1)
	return row
}

func writePart[T Record](t testing.TB, folder, name string, rows int) Part {
	t.Helper()
	w, err := CreatePart[T](folder, name, testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		row := fill[T](i)
		if err := w.Write(&row); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return part
}

func testRoundTrip[T Record](t *testing.T) {
	for _, rows := range []int{0, 1, 256, 5000} {
		folder := t.TempDir()
		part := writePart[T](t, folder, "part-00000.arrow", rows)
		if part.Rows != int64(rows) {
			t.Fatalf("part has %d rows, want %d", part.Rows, rows)
		}
		if err := part.Verify(folder); err != nil {
			t.Fatal(err)
		}
		i := 0
		for row, err := range Rows[T](folder, []Part{part}) {
			if err != nil {
				t.Fatal(err)
			}
			if want := fill[T](i); !reflect.DeepEqual(*row, want) {
				t.Fatalf("row %d of %d:\n got %+v\nwant %+v", i, rows, *row, want)
			}
			i++
		}
		if i != rows {
			t.Fatalf("read %d rows, want %d", i, rows)
		}
		checkWithArrow[T](t, filepath.Join(folder, part.Name), rows)
	}
}

// checkWithArrow reads the part with arrow/go's own reader, which knows
// nothing of ours, and compares one text column.
func checkWithArrow[T Record](t *testing.T, path string, rows int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := ipc.NewFileReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	columns := layoutOf[T]().columns
	n := 0
	for b := range f.NumRecords() {
		rec, err := f.Record(b)
		if err != nil {
			t.Fatal(err)
		}
		for c, col := range columns {
			if col.kind != kindString {
				continue
			}
			for i := range int(rec.NumRows()) {
				row := fill[T](n + i)
				if got, want := rec.Column(c).(*array.String).Value(i), *col.str(unsafe.Pointer(&row)); got != want {
					t.Fatalf("arrow reads %s of row %d as %q, want %q", col.name, n+i, got, want)
				}
			}
		}
		n += int(rec.NumRows())
	}
	if n != rows {
		t.Fatalf("arrow reads %d rows, want %d", n, rows)
	}
}

func TestRoundTrip(t *testing.T) {
	t.Run("candidate", testRoundTrip[Candidate])
	t.Run("matched", testRoundTrip[Matched])
	t.Run("image", testRoundTrip[Image])
	t.Run("selection", testRoundTrip[Selection])
	t.Run("pair", testRoundTrip[Pair])
}

func TestSameRowsSameBytes(t *testing.T) {
	a := writePart[Matched](t, t.TempDir(), "p.arrow", 3000)
	b := writePart[Matched](t, t.TempDir(), "p.arrow", 3000)
	if !reflect.DeepEqual(a, b) {
		t.Errorf("two writings differ: %+v and %+v", a, b)
	}
}

func TestTruncatedPartIsNamedWithItsCure(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "matched")
	part := writePart[Matched](t, folder, "part-00007.arrow", 100)
	path := filepath.Join(folder, part.Name)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 5, 31, 32, 200, len(whole) / 2, len(whole) - 11, len(whole) - 1} {
		if err := os.WriteFile(path, whole[:size], 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := OpenFile[Matched](path)
		var damaged *DamagedPart
		if !errors.As(err, &damaged) {
			t.Fatalf("cut to %d bytes: error is %v, want a DamagedPart", size, err)
		}
		if msg := err.Error(); !strings.Contains(msg, path) || !strings.Contains(msg, "pairloom match") {
			t.Errorf("cut to %d bytes: message lacks path or cure: %s", size, msg)
		}
	}
}

// flip turns one bit of the file at path over.
func flip(t *testing.T, path string, at func(size int) int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[at(len(data))] ^= 4
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A flipped bit is found by who reads its batch, by name, and not by others.
func TestFlippedBitIsNamedByFileAndBatch(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "shards")
	part := writePart[Pair](t, folder, "shard-00012.arrow", 600) // three batches
	path := filepath.Join(folder, part.Name)
	r, err := OpenFile[Pair](path)
	if err != nil {
		t.Fatal(err)
	}
	second := r.blocks[1]
	r.Close()
	flip(t, path, func(int) int { return int(second.offset+second.metaLength) + 100 })
	want := "open part " + path + ": checksum of batch 1 differs from the manifest; delete it and run pairloom shard"
	if err := part.Verify(folder); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Verify: error is %v, want %s", err, want)
	}
	if r, err = OpenPart[Pair](folder, part); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var row Pair
	for i, damaged := range map[int]bool{0: false, 255: false, 256: true, 511: true, 512: false} {
		if err := r.Read(i, &row); damaged != (err != nil && strings.HasPrefix(err.Error(), want)) || !damaged && err != nil {
			t.Errorf("row %d: error is %v, damaged: %v", i, err, damaged)
		}
	}
	n := 0
	for _, err := range Rows[Pair](folder, []Part{part}) {
		if err != nil {
			if !strings.HasPrefix(err.Error(), want) {
				t.Error(err)
			}
			break
		}
		n++
	}
	if n != 256 {
		t.Errorf("%d rows came before the damage, want 256", n)
	}
}

func TestFlippedBitOfTheEndFailsToOpen(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "matched")
	part := writePart[Matched](t, folder, "part-00000.arrow", 50)
	flip(t, filepath.Join(folder, part.Name), func(size int) int { return size - 40 })
	var damaged *DamagedPart
	if _, err := OpenPart[Matched](folder, part); !errors.As(err, &damaged) {
		t.Errorf("error is %v, want a DamagedPart", err)
	}
	if err := part.Verify(folder); !errors.As(err, &damaged) {
		t.Errorf("Verify = %v, want a DamagedPart", err)
	}
}

func TestOnlySomeColumns(t *testing.T) {
	folder := t.TempDir()
	for _, part := range []Part{writePart[Image](t, folder, "a.arrow", 700)} {
		i := 0
		for row, err := range Rows[Image](folder, []Part{part}, "image_id", "status") {
			if err != nil {
				t.Fatal(err)
			}
			whole := fill[Image](i)
			if want := (Image{ImageID: whole.ImageID, Status: whole.Status}); !reflect.DeepEqual(*row, want) {
				t.Fatalf("row %d is %+v, want %+v", i, *row, want)
			}
			i++
		}
	}
}

func TestAnotherSchemaIsRefused(t *testing.T) {
	folder := t.TempDir()
	writePart[Candidate](t, folder, "p.arrow", 3)
	if _, err := OpenFile[Pair](filepath.Join(folder, "p.arrow")); err == nil || !strings.Contains(err.Error(), "columns") {
		t.Errorf("reading candidates as pairs: %v", err)
	}
}

func TestRecoverTrustsOnlyItsOwn(t *testing.T) {
	folder := t.TempDir()
	part := writePart[Matched](t, folder, "p.arrow", 10)
	got, ok, err := Recover[Matched](folder, "p.arrow", testOrigin)
	if err != nil || !ok || !reflect.DeepEqual(got, part) {
		t.Errorf("Recover = %+v, %v, %v; want the part as written", got, ok, err)
	}
	other := testOrigin
	other.Settings = "s2"
	if _, ok, _ := Recover[Matched](folder, "p.arrow", other); ok {
		t.Error("a part of other settings was recovered")
	}
	if _, ok, _ := Recover[Matched](folder, "q.arrow", testOrigin); ok {
		t.Error("a part that is not there was recovered")
	}
}

func TestDiscardLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	w, err := CreatePart[Candidate](folder, "p.arrow", testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	row := fill[Candidate](1)
	if err := w.Write(&row); err != nil {
		t.Fatal(err)
	}
	w.Discard()
	if left, _ := os.ReadDir(folder); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// FuzzOpenPart holds that no bytes make the reader panic or read outside the
// file: every row of what opens can be read.
func FuzzOpenPart(f *testing.F) {
	folder := f.TempDir()
	writePart[Matched](f, folder, "seed.arrow", 20)
	seed, err := os.ReadFile(filepath.Join(folder, "seed.arrow"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(seed[:len(seed)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "p.arrow")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := OpenFile[Matched](path)
		if err != nil {
			return
		}
		defer r.Close()
		var row Matched
		for i := range r.Len() {
			if r.Read(i, &row) != nil {
				continue
			}
			_ = strings.Clone(row.Text + row.PageURL)
		}
	})
}

// Buffers that do not get shorter are stored as they are. A walk over several parts
// must not keep them for memory of its own, since each part is unmapped behind it and
// the next one may be decompressed.
func TestRowsOfPartsThatDoNotCompress(t *testing.T) {
	folder := t.TempDir()
	id := func(part, i int) uint64 {
		if part%2 == 1 {
			return 7
		}
		return xxhash.Sum64String(fmt.Sprint(i))
	}
	var parts []Part
	for n := range 4 {
		w, err := CreatePart[Matched](folder, fmt.Sprintf("part-%05d.arrow", n), testOrigin)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3000 {
			if err := w.Write(&Matched{PairID: id(n, i), ImageID: id(n, -i), QueryIDs: []uint32{uint32(id(n, i))}, Candidate: Candidate{Text: fmt.Sprintf("%x", id(n, i))}}); err != nil {
				t.Fatal(err)
			}
		}
		part, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part)
	}
	for range 2 {
		i, part := 0, 0
		for row, err := range Rows[Matched](folder, parts) {
			if err != nil {
				t.Fatal(err)
			}
			if i == int(parts[part].Rows) {
				i, part = 0, part+1
			}
			if row.PairID != id(part, i) || row.ImageID != id(part, -i) || row.QueryIDs[0] != uint32(id(part, i)) || row.Text != fmt.Sprintf("%x", id(part, i)) {
				t.Fatalf("row %d of part %d is %+v", i, part, row)
			}
			i++
		}
	}
}

// A tally outlives the rows whose reasons it counts.
func TestTallyKeepsNoRow(t *testing.T) {
	tally := NewTally("fetch", "pictures", "pictures")
	memory := []byte("http_404")
	reason := unsafe.String(&memory[0], len(memory))
	tally.Drop(reason)
	tally.Drop(reason)
	copy(memory, "overwritten")
	if len(tally.Dropped) != 1 || tally.Dropped["http_404"] != 2 || tally.Reasons()[0] != "http_404" {
		t.Errorf("dropped is %v", tally.Dropped)
	}
}

// Who reads a part's columns without its pictures is told of damage in those
// columns, by batch, and not of damage in the pictures.
func TestFactsAreCheckedWithoutPictures(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "images")
	part := writePart[Image](t, folder, "part-00000.arrow", 600)
	if again, ok, err := Recover[Image](folder, part.Name, testOrigin); err != nil || !ok || !reflect.DeepEqual(again, part) {
		t.Fatalf("summed again the part is %+v, %v, %v; written it was %+v", again, ok, err, part)
	}
	path := filepath.Join(folder, part.Name)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		column string
		rows   int // before the damage
	}{
		{"image_id", 256}, {"image_url", 256}, {"original_width", 256}, {"picture_hash", 256}, {"image", 600},
	} {
		r, err := OpenFile[Image](path)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := r.mapped.batch(r.blocks[1])
		if err != nil {
			t.Fatal(err)
		}
		next := 0
		for _, f := range r.schema.fields {
			if f.name == tt.column {
				next += f.kind.buffers() - 1
				break
			}
			next += f.kind.buffers()
		}
		at := r.blocks[1].offset + r.blocks[1].metaLength + raw.buffers[next].offset + raw.buffers[next].length/2
		r.Close()
		flip(t, path, func(int) int { return int(at) })
		rows := 0
		for _, err = range Rows[Image](folder, []Part{part}, "image_id", "original_width") {
			if err != nil {
				break
			}
			rows++
		}
		if rows != tt.rows || (err != nil) != (rows < 600) || err != nil && !strings.Contains(err.Error(), "checksum of batch 1 differs") {
			t.Errorf("%s: %d rows, then %v; want %d", tt.column, rows, err, tt.rows)
		}
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
