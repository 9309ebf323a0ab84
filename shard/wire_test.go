package shard

import (
	"reflect"
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
