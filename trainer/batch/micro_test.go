package batch

import (
	"context"
	"slices"
	"testing"
)

// TestMicroBatches holds that a batch in parts, twice over, has the pairs of
// the batch as a whole.
func TestMicroBatches(t *testing.T) {
	f := fakePairs(t, 11)
	f[4].Image = nil
	o := Options{Batch: 5, Resolution: 8, Context: 6, Seed: 2, Workers: 2}
	pixels := 3 * o.Resolution * o.Resolution
	whole := newLoader(f, vocabulary(t), o, 1, 4)
	defer whole.Close()
	o.Micro, o.Passes = 2, 2
	parts := newLoader(f, vocabulary(t), o, 1, 4)
	defer parts.Close()
	next := func(l *Loader) *Batch {
		b, err := l.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for number := int64(1); number < 4; number++ {
		want := next(whole)
		for pass := range 2 {
			for first := 0; first < 5; first += 2 {
				got, n := next(parts), min(2, 5-first)
				tokens := want.Captions.Tokens[want.Captions.Offsets[first]:want.Captions.Offsets[first+n]]
				if got.Number != number || got.First != first || got.Captions.Len() != n ||
					!slices.Equal(got.Pictures, want.Pictures[first*pixels:(first+n)*pixels]) || !slices.Equal(got.Captions.Tokens, tokens) {
					t.Errorf("batch %d, pass %d, pair %d: the micro batch differs from the batch", number, pass, first)
				}
				parts.Release(got)
			}
		}
		whole.Release(want)
	}
	if b := next(parts); b != nil {
		t.Errorf("there is one more: %d", b.Number)
	}
}
