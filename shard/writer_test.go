package shard

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"
)

// testInvalidText writes rows of which every text, one after another, is not
// UTF-8: it comes out with U+FFFD, and all others as they were.
func testInvalidText[T Record](t *testing.T) {
	texts := []struct{ given, kept string }{
		{"b\xE4r", "b\uFFFDr"}, {"\xFF\xFE", "\uFFFD"}, {"b\xC3", "b\uFFFD"}, {"\xED\xA0\x80x", "\uFFFDx"}, {"a\xC0\x80b\xFFc", "a\uFFFDb\uFFFDc"},
		{"\uFFFD", "\uFFFD"}, {"bär", "bär"}, {"", ""},
	}
	columns := layoutOf[T]().columns
	var rows, want []T
	for i, c := range columns {
		if c.kind != kindString {
			continue
		}
		for _, text := range texts {
			row := fill[T](i)
			*c.str(unsafe.Pointer(&row)) = text.given
			rows = append(rows, row)
			*c.str(unsafe.Pointer(&row)) = text.kept
			want = append(want, row)
		}
	}
	if len(rows) == 0 {
		t.Fatal("the record has no text")
	}
	folder := t.TempDir()
	w, err := CreatePart[T](folder, "p.arrow", testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := w.Write(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for row, err := range Rows[T](folder, []Part{part}) {
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(*row, want[i]) {
			t.Fatalf("row %d is\n%+v\nwant\n%+v", i, *row, want[i])
		}
		for _, c := range columns {
			if c.kind != kindString {
				continue
			}
			if s := *c.str(unsafe.Pointer(row)); !utf8.ValidString(s) {
				t.Errorf("column %s of row %d is %q", c.name, i, s)
			}
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%d rows, want %d", i, len(want))
	}
}

func TestTextsOfAllRecordsAreUTF8(t *testing.T) {
	t.Run("candidate", testInvalidText[Candidate])
	t.Run("matched", testInvalidText[Matched])
	t.Run("image", testInvalidText[Image])
	t.Run("selection", testInvalidText[Selection])
	t.Run("pair", testInvalidText[Pair])
}

// testWriteAllocations writes rows into a part whose buffers have grown.
func testWriteAllocations[T Record](t *testing.T) {
	w, err := CreatePart[T](t.TempDir(), "p.arrow", testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	batch := w.layout.batchRows
	row := fill[T](3)
	write := func() {
		if err := w.Write(&row); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 * batch {
		write()
	}
	if n := testing.AllocsPerRun(batch/2, write); n != 0 { // within a batch
		t.Errorf("%v allocations a row, want none", n)
	}
}

func TestWriteAllocatesNothing(t *testing.T) {
	t.Run("candidate", testWriteAllocations[Candidate])
	t.Run("matched", testWriteAllocations[Matched])
	t.Run("image", testWriteAllocations[Image])
	t.Run("selection", testWriteAllocations[Selection])
	t.Run("pair", testWriteAllocations[Pair])
}

// TestPartWithoutABatch has no row: it opens, holds its one sum, and reads as
// nothing by every way there is.
func TestPartWithoutABatch(t *testing.T) {
	folder := t.TempDir()
	part := writePart[Matched](t, folder, "p.arrow", 0)
	if part.Rows != 0 || len(part.Batches) != 1 {
		t.Errorf("the part is %+v, want no row and the sum of its end", part)
	}
	r, err := OpenPart[Matched](folder, part)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Len() != 0 || r.Batches() != 0 || r.Origin() != testOrigin {
		t.Errorf("%d rows, %d batches, %+v", r.Len(), r.Batches(), r.Origin())
	}
	for row, err := range Rows[Matched](folder, []Part{part, part}) {
		t.Errorf("row %+v, %v", row, err)
	}
	if err := part.Verify(folder); err != nil {
		t.Error(err)
	}
	if got, ok, err := Recover[Matched](folder, "p.arrow", testOrigin); !ok || err != nil || !reflect.DeepEqual(got, part) {
		t.Errorf("Recover = %+v, %v, %v", got, ok, err)
	}
	flip(t, filepath.Join(folder, "p.arrow"), func(size int) int { return size - 60 })
	if _, err := OpenPart[Matched](folder, part); err == nil {
		t.Error("a flipped bit of a part without a batch was not noticed")
	}
}

// TestBatchIsReused loads batches of several sizes into one Batch, forward and
// back, and compares each with the rows that Read gives.
func TestBatchIsReused(t *testing.T) {
	folder := t.TempDir()
	part := writePart[Matched](t, folder, "p.arrow", 2*4096+10)
	r, err := OpenPart[Matched](folder, part)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b Batch[Matched]
	defer b.Close()
	for _, i := range []int{2, 0, 1, 2, 2, 0} {
		if err := r.Load(i, &b); err != nil {
			t.Fatal(err)
		}
		want := 4096
		if i == 2 {
			want = 10
		}
		if b.Len() != want {
			t.Fatalf("batch %d has %d rows, want %d", i, b.Len(), want)
		}
		for j := 0; j < b.Len(); j += 97 {
			var got Matched
			b.Read(j, &got)
			if want := fill[Matched](i*4096 + j); !reflect.DeepEqual(got, want) {
				t.Fatalf("batch %d row %d is %+v, want %+v", i, j, got, want)
			}
		}
	}
	allocations := testing.AllocsPerRun(10, func() {
		if err := r.Load(0, &b); err != nil {
			t.Fatal(err)
		}
	})
	if allocations > 100 { // some for what a batch says of its buffers, and the decoder's under the race detector; none for a row
		t.Errorf("%v allocations for a batch of 4096 rows", allocations)
	}
}

// TestManifestsWordIsTaken compares parts with manifests that say otherwise.
func TestManifestsWordIsTaken(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "matched")
	part := writePart[Matched](t, folder, "p.arrow", 5000)
	for _, tt := range []struct {
		name string
		harm func(p *Part)
		want string
	}{
		{"another number of rows", func(p *Part) { p.Rows++ }, "it has 5000 rows, but the manifest says 5001"},
		{"another number of batches", func(p *Part) { p.Batches = p.Batches[1:] }, "it has 2 batches, but the manifest says 1"},
		{"another sum of the end", func(p *Part) { p.Batches[2] = p.Batches[0] }, "checksum of its end differs from the manifest"},
	} {
		p := part
		p.Batches = append([]string{}, part.Batches...)
		tt.harm(&p)
		if _, err := OpenPart[Matched](folder, p); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "run pairloom match") {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// FuzzLoad damages compressed and mapped parts: what opens gives rows or errors,
// by every way of reading, and never a panic.
func FuzzLoad(f *testing.F) {
	folder := f.TempDir()
	writePart[Selection](f, folder, "compressed.arrow", 300)
	writePart[Pair](f, folder, "mapped.arrow", 20)
	for _, name := range []string{"compressed.arrow", "mapped.arrow"} {
		seed, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
		for i := 8; i < len(seed); i += len(seed) / 40 {
			changed := bytes.Clone(seed)
			changed[i] ^= 0xFF
			f.Add(changed)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "p.arrow")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		readAll[Selection](path)
		readAll[Pair](path)
	})
}

// readAll reads what opens, and touches every byte of it.
func readAll[T Record](path string) {
	r, err := OpenFile[T](path)
	if err != nil {
		return
	}
	defer r.Close()
	var b Batch[T]
	defer b.Close()
	var row T
	var copied []byte
	for i := range r.Batches() {
		if r.Load(i, &b) != nil {
			continue
		}
		for j := range b.Len() {
			b.Read(j, &row)
			copied = AppendRow(copied[:0], &row)
		}
	}
	for i := range r.Len() {
		if r.Read(i, &row) == nil {
			copied = AppendRow(copied[:0], &row)
		}
	}
}
