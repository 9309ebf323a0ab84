package pipeline

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/internal/extsort"
)

// Pairs come in their order, each with its own content until the next one, whichever of
// them are asked for; and what is asked for ahead stays within bounds.
func TestUpcomingPairs(t *testing.T) {
	broken := errors.New("the disk is full of holes")
	for _, tt := range []struct {
		name   string
		pairs  int
		bytes  int              // of a picture
		asks   func(n int) bool // whether the step that takes pair n asks
		err    error            // behind the last pair
		ahead  int              // at most asked for and not yet taken
		unique int              // asked for in all, -1 for any number
	}{
		{"none", 0, 1, func(int) bool { return true }, nil, 0, 0},
		{"fewer than a window", 10, 1, func(int) bool { return true }, nil, 10, 10},
		{"many small ones", 5*askedRows + 3, 1, func(int) bool { return true }, nil, askedRows, 5*askedRows + 3},
		{"many large ones", 100, askedBytes / 4, func(int) bool { return true }, nil, 4, 100},
		{"one larger than all", 5, 2 * askedBytes, func(int) bool { return true }, nil, 1, 5},
		{"none is needed", 3000, 1, func(int) bool { return false }, nil, 0, 0},
		{"needed from some pair on", 3000, 1, func(n int) bool { return n >= 1000 }, nil, askedRows, 2000},
		{"needed up to some pair", 3000, 1, func(n int) bool { return n < 100 }, nil, askedRows, 99 + askedRows},
		{"needed now and then", 3000, 1, func(n int) bool { return n%700 < 100 }, nil, askedRows, -1},
		{"the sort ends early", 2000, 1, func(int) bool { return true }, broken, askedRows, 2000},
		{"the sort fails at once", 0, 1, func(int) bool { return true }, broken, 0, 0},
		{"the sort fails when nothing is asked", 5, 1, func(int) bool { return false }, broken, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var record extsort.Record // one for all, as a sorter's
			next, stop := iter.Pull2(func(yield func(extsort.Record, error) bool) {
				for n := range tt.pairs {
					record.Key = fmt.Appendf(record.Key[:0], "key %d", n)
					record.Value = binary.BigEndian.AppendUint32(record.Value[:0], uint32(n/7))
					record.Value = binary.BigEndian.AppendUint32(record.Value, uint32(n))
					record.Value = fmt.Appendf(append(record.Value, make([]byte, 16)...), "pair %d", n)
					if !yield(record, nil) {
						return
					}
				}
				if tt.err != nil {
					yield(extsort.Record{}, tt.err)
				}
			})
			defer stop()
			u := &upcoming{next: next}
			var asked []uint32
			ask := func(part, row uint32) int {
				if part != row/7 {
					t.Errorf("row %d is asked for in part %d", row, part)
				}
				asked = append(asked, row)
				return tt.bytes
			}
			for n := 0; ; n++ {
				var now func(part, row uint32) int
				if tt.asks(n) {
					now = ask
				}
				rec, err, more := u.take(now)
				if n == tt.pairs && tt.err != nil {
					if !errors.Is(err, tt.err) {
						t.Errorf("behind the last pair: %v, want %v", err, tt.err)
					}
					break
				}
				if n == tt.pairs {
					if more {
						t.Error("there is more than there was")
					}
					break
				}
				if err != nil || !more {
					t.Fatalf("pair %d: %v, %v", n, err, more)
				}
				if key, pair := string(rec.Key), string(readAdded(rec.Value).pair); key != fmt.Sprintf("key %d", n) || pair != fmt.Sprintf("pair %d", n) {
					t.Fatalf("pair %d: %q, %q", n, key, pair)
				}
				waiting := 0
				for _, row := range slices.Backward(asked) {
					if int(row) < n {
						break
					}
					waiting++
				}
				if waiting > tt.ahead {
					t.Fatalf("at pair %d there are %d asked for, want %d at most", n, waiting, tt.ahead)
				}
			}
			if tt.unique >= 0 && len(asked) != tt.unique {
				t.Errorf("%d are asked for, want %d", len(asked), tt.unique)
			}
			if !slices.IsSorted(asked) || len(slices.Compact(asked)) != len(asked) {
				t.Error("they are not asked for once each, in their order")
			}
		})
	}
}
