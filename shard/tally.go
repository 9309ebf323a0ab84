package shard

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Tally is the account of one stage: what came in, what was kept, and what was
// dropped for which reason. In = Kept + the sum of Dropped, always.
type Tally struct {
	Stage   string           `json:"stage"`
	Unit    string           `json:"unit"` // what In counts: pages, candidates, pictures, pairs
	In      int64            `json:"in"`
	Kept    int64            `json:"kept"`
	Dropped map[string]int64 `json:"dropped"`
	Out     int64            `json:"out"`      // rows written for the next stage
	OutUnit string           `json:"out_unit"` // what Out counts
}

// NewTally returns an empty account.
func NewTally(stage, unit, outUnit string) *Tally {
	return &Tally{Stage: stage, Unit: unit, OutUnit: outUnit, Dropped: map[string]int64{}}
}

// Keep counts one record in and kept.
func (t *Tally) Keep() { t.In++; t.Kept++ }

// Drop counts one record in and dropped for reason, which may point into the
// record's memory.
func (t *Tally) Drop(reason string) {
	t.In++
	t.Dropped[strings.Clone(reason)]++ // a map keeps the last of equal keys
}

// Add adds the counts of o.
func (t *Tally) Add(o *Tally) {
	t.In += o.In
	t.Kept += o.Kept
	t.Out += o.Out
	for reason, n := range o.Dropped {
		t.Dropped[reason] += n
	}
}

// DroppedTotal is the number of dropped records.
func (t *Tally) DroppedTotal() int64 {
	var n int64
	for _, d := range t.Dropped {
		n += d
	}
	return n
}

// Reasons lists the drop reasons, most frequent first, then by name.
func (t *Tally) Reasons() []string {
	return slices.SortedFunc(maps.Keys(t.Dropped), func(a, b string) int {
		if d := t.Dropped[b] - t.Dropped[a]; d != 0 {
			return int(max(-1, min(1, d)))
		}
		if a < b {
			return -1
		}
		return 1
	})
}

// Check returns an error when records vanished or appeared.
func (t *Tally) Check() error {
	if dropped := t.DroppedTotal(); t.In != t.Kept+dropped {
		return fmt.Errorf("%s: %d %s in, but %d kept + %d dropped: a record is unaccounted for; this is a bug in pairloom, please report it",
			t.Stage, t.In, t.Unit, t.Kept, dropped)
	}
	return nil
}
