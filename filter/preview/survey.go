package preview

import (
	"fmt"
	"math/bits"
	"sort"

	"github.com/pairloom/pairloom/filter"
)

// MaxRules is how many rules a survey takes.
const MaxRules = 64

// Dropped is a set of rules, by their places in the list, that drop one record.
type Dropped uint64

// By tells whether rule i is one of them.
func (d Dropped) By(i int) bool { return d>>i&1 != 0 }

// Survey counts what each of some rules drops.
type Survey[T any] struct {
	rules  []filter.Rule[T]
	trials [][]Trial // by rule and limit

	Seen   int64    // records
	Passed int64    // by all rules
	Rules  []Counts // in the order of the rules
}

// Counts is what one rule drops.
type Counts struct {
	Alone   int64 // if it were the only rule
	InOrder int64 // after the rules before it: what the stage counts under its name
	Only    int64 // which no other rule drops: what would pass without it
}

// New returns a survey of rules, at most MaxRules.
func New[T any](rules []filter.Rule[T]) (*Survey[T], error) {
	if len(rules) > MaxRules {
		return nil, fmt.Errorf("preview: %d rules are more than the %d that can be told apart", len(rules), MaxRules)
	}
	s := &Survey[T]{rules: rules, Rules: make([]Counts, len(rules)), trials: make([][]Trial, len(rules))}
	for i, r := range rules {
		for _, l := range r.Limits {
			s.trials[i] = append(s.trials[i], newTrial(l))
		}
	}
	return s, nil
}

// See shows one record and returns the rules that drop it.
func (s *Survey[T]) See(record *T) Dropped {
	var dropped Dropped
	for i := range s.rules {
		if s.rules[i].Drop(record) {
			dropped |= 1 << i
			s.Rules[i].Alone++
		}
	}
	s.Seen++
	switch bits.OnesCount64(uint64(dropped)) {
	case 0:
		s.Passed++
	case 1:
		s.Rules[bits.TrailingZeros64(uint64(dropped))].Only++
		fallthrough
	default:
		s.Rules[bits.TrailingZeros64(uint64(dropped))].InOrder++
	}
	for i := range s.trials {
		if len(s.trials[i]) > 0 {
			s.try(i, record, dropped&^(1<<i) == 0)
		}
	}
	return dropped
}

// try counts a record for the limits of rule i; others says that all other rules let
// it pass.
func (s *Survey[T]) try(i int, record *T, others bool) {
	v, applies := s.rules[i].Value(record)
	for k := range s.trials[i] {
		t := &s.trials[i][k]
		if !applies {
			t.see(unmeasured, others)
			continue
		}
		passes := others
		for j := range s.trials[i] {
			passes = passes && (j == k || !s.trials[i][j].Limit.Drops(v))
		}
		t.see(t.place(v), passes)
	}
}

// Add adds what another survey of the same rules has seen.
func (s *Survey[T]) Add(o *Survey[T]) {
	s.Seen += o.Seen
	s.Passed += o.Passed
	for i := range s.Rules {
		s.Rules[i].Alone += o.Rules[i].Alone
		s.Rules[i].InOrder += o.Rules[i].InOrder
		s.Rules[i].Only += o.Rules[i].Only
		for k := range s.trials[i] {
			s.trials[i][k].add(&o.trials[i][k])
		}
	}
}

// Trials lists what other limits of rule i would let pass, one for each limit.
func (s *Survey[T]) Trials(i int) []Trial { return s.trials[i] }

// Trial counts what a limit lets pass at each threshold of a grid.
type Trial struct {
	Limit filter.Limit
	Grid  []float64 // ascending

	// Records by place. For a greatest value it is the number of thresholds that are
	// too small for the record; for a least value that of those that it reaches.
	all, others []int64
	seen, open  int64 // records in all, and of these those that all else lets pass
	free, freed int64 // of either, those of which the rule says nothing
}

// unmeasured is the place of a record of which the rule says nothing.
const unmeasured = -1

func newTrial(l filter.Limit) Trial {
	grid := Grid(l)
	return Trial{Limit: l, Grid: grid, all: make([]int64, len(grid)+1), others: make([]int64, len(grid)+1)}
}

// place is found by asking the limit itself.
func (t *Trial) place(v float64) int {
	l := t.Limit
	return sort.Search(len(t.Grid), func(i int) bool {
		l.At = t.Grid[i]
		return l.Drops(v) == l.Least
	})
}

func (t *Trial) see(place int, passes bool) {
	t.seen++
	if passes {
		t.open++
	}
	if place == unmeasured {
		t.free++
		if passes {
			t.freed++
		}
		return
	}
	t.all[place]++
	if passes {
		t.others[place]++
	}
}

func (t *Trial) add(o *Trial) {
	for i := range t.all {
		t.all[i] += o.all[i]
		t.others[i] += o.others[i]
	}
	t.seen, t.open = t.seen+o.seen, t.open+o.open
	t.free, t.freed = t.free+o.free, t.freed+o.freed
}

// Kept is how many records pass at a threshold.
type Kept struct {
	At     float64
	Alone  int64 // if this were the only limit
	Others int64 // with all other rules and limits as they are
}

// Kept lists what passes at no threshold, which is 0, and at each of the grid.
func (t *Trial) Kept() []Kept {
	list := []Kept{{0, t.seen, t.open}}
	alone, others := t.free, t.freed
	if t.Limit.Least {
		alone, others = t.seen, t.open
	}
	for i, at := range t.Grid {
		if t.Limit.Least { // those that reach so many thresholds and no more fall out
			alone, others = alone-t.all[i], others-t.others[i]
		} else {
			alone, others = alone+t.all[i], others+t.others[i]
		}
		list = append(list, Kept{at, alone, others})
	}
	return list
}
