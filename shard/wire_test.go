package shard

import (
	"reflect"
	"slices"
	"testing"
)

func testWire[T Record](t *testing.T) {
	for i := range 50 {
		want := fill[T](i)
		wire := append(AppendRow(nil, &want), "rest"...)
		var got T
		rest, err := ReadRow(wire, &got)
		if err != nil || string(rest) != "rest" {
			t.Fatalf("row %d: rest %q, %v", i, rest, err)
		}
		// An empty list and no list are one on the wire.
		if a, b := AppendRow(nil, &got), AppendRow(nil, &want); !reflect.DeepEqual(a, b) {
			t.Fatalf("row %d:\n got %+v\nwant %+v", i, got, want)
		}
		for cut := range len(wire) - len("rest") {
			if _, err := ReadRow(wire[:cut], &got); err == nil {
				t.Fatalf("row %d cut to %d bytes gives no error", i, cut)
			}
		}
	}
}

func TestWire(t *testing.T) {
	t.Run("candidate", testWire[Candidate])
	t.Run("matched", testWire[Matched])
	t.Run("image", testWire[Image])
	t.Run("selection", testWire[Selection])
	t.Run("pair", testWire[Pair])
}

func testWriteWire[T Record](t *testing.T) {
	const rows = 600
	want := writePart[T](t, t.TempDir(), "p.arrow", rows)
	w, err := CreatePart[T](t.TempDir(), "p.arrow", testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		row := fill[T](i)
		if err := w.WriteWire(AppendRow(nil, &row)); err != nil {
			t.Fatal(err)
		}
	}
	row := fill[T](1)
	if err := w.WriteWire(AppendRow(nil, &row)[:3]); err == nil {
		t.Error("a row that is cut short gives no error")
	}
	w.Discard()
	if w, err = CreatePart[T](t.TempDir(), "p.arrow", testOrigin); err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		row := fill[T](i)
		if err := w.WriteWire(AppendRow(nil, &row)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := w.Close()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the part is %+v, %v; written by records it is %+v", got, err, want)
	}
}

func TestSpilledRowsAreWrittenAsTheyAre(t *testing.T) {
	t.Run("candidate", testWriteWire[Candidate])
	t.Run("matched", testWriteWire[Matched])
	t.Run("image", testWriteWire[Image])
	t.Run("selection", testWriteWire[Selection])
	t.Run("pair", testWriteWire[Pair])
}

func TestReadQueries(t *testing.T) {
	var ids []uint32
	for i := range 50 {
		want := fill[Matched](i)
		got, err := ReadQueries(AppendRow(nil, &want), ids)
		if err != nil || !slices.Equal(got, want.QueryIDs) {
			t.Errorf("row %d: %v, %v; want %v", i, got, err, want.QueryIDs)
		}
		ids = got
	}
}
