package dedup

import (
	"reflect"
	"testing"
)

// TestTapGivesBackWhatItTook walks the pairs twice, from memory and from disk.
func TestTapGivesBackWhatItTook(t *testing.T) {
	for _, memory := range []int{1 << 20, 1} {
		tap := NewTap(t.TempDir(), memory)
		defer tap.Close()
		var pairs []Pair
		for i := range uint64(500) {
			p := Pair{Place: i, PairID: ^i, ImageID: i * 3, PictureHash: i / 2, TextHash: i / 5, Preference: uint8(i % 3), HeldOut: i%2 == 1, Note: i << 32, Digest: i * 7, QueryIDs: []uint32{uint32(i), 7}, Text: []byte{byte(i), 1}}
			if err := tap.Add(&p); err != nil {
				t.Fatal(err)
			}
			pairs = append(pairs, p)
		}
		for range 2 {
			i := 0
			for v, err := range tap.Verdicts() {
				if err != nil {
					t.Fatal(err)
				}
				if v.Reason != "" || !reflect.DeepEqual(v.Pair, pairs[i]) {
					t.Fatalf("memory %d: pair %d came back as %+v", memory, i, v)
				}
				i++
			}
			if i != len(pairs) || tap.Len() != int64(len(pairs)) {
				t.Errorf("memory %d: %d of %d pairs came back", memory, i, len(pairs))
			}
		}
	}
}
