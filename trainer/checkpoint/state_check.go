package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// sealed is the text of state.json: the state, then the checksum of the whole text, in
// which sixteen zeros stand in its own place.
type sealed struct {
	*State
	Sum string `json:"xxh64,omitempty"`
}

const noSum = "0000000000000000"

// Encode is the text of state.json. States of a format before 3 have no checksum.
func (s State) Encode() ([]byte, error) {
	withSum := sealed{State: &s}
	if s.Format >= 3 {
		withSum.Sum = noSum
	}
	text, err := json.MarshalIndent(withSum, "", "  ")
	if err != nil {
		return nil, err
	}
	text = append(text, '\n')
	if withSum.Sum != "" {
		sum := fmt.Sprintf("%016x", xxhash.Sum64(text))
		copy(text[bytes.LastIndex(text, []byte(noSum)):], sum)
	}
	return text, nil
}

// parseState reads a text of Encode. What it accepts is a state that a run can go on
// from, as far as can be told without the run.
func parseState(text []byte) (s State, err error) {
	read := sealed{State: &s}
	if err := json.Unmarshal(text, &read); err != nil {
		return s, err
	}
	if s.Format < 1 || s.Format > stateFormat {
		return s, fmt.Errorf("its format is %d, but this pairloom reads 1 to %d", s.Format, stateFormat)
	}
	if s.Format >= 3 || read.Sum != "" {
		at := bytes.LastIndex(text, []byte(read.Sum))
		if len(read.Sum) != len(noSum) || at < 0 {
			return s, errors.New("its checksum is missing")
		}
		zeroed := slices.Clone(text)
		copy(zeroed[at:], noSum)
		if sum := fmt.Sprintf("%016x", xxhash.Sum64(zeroed)); sum != read.Sum {
			return s, fmt.Errorf("its checksum is %s, but it says %s", sum, read.Sum)
		}
	}
	return s, s.check()
}

// mostSteps and most are above what any run has of steps, and of epochs, pairs of a
// batch, tokens and the like.
const (
	mostSteps = 1 << 40
	most      = 1 << 31
)

// check holds the numbers of a state against one another.
func (s *State) check() error {
	type bounds struct {
		name                 string
		value, least, atMost int64
		ofWhat               string
	}
	within := func(list ...bounds) error {
		for _, b := range list {
			if b.value < b.least || b.value > b.atMost {
				return fmt.Errorf("%s%s is %d, which must be from %d to %d", b.ofWhat, b.name, b.value, b.least, b.atMost)
			}
		}
		return nil
	}
	if err := within(
		bounds{name: "total", value: s.Total, atMost: mostSteps},
		bounds{name: "step", value: s.Step, atMost: s.Total},
		bounds{name: "updates", value: s.Updates, atMost: s.Step},
		bounds{name: "skipped", value: s.Skipped, atMost: s.Step - s.Updates},
		bounds{name: "skipped_in_row", value: s.SkippedInRow, atMost: s.Skipped},
		bounds{name: "outliers.skipped", value: s.Outliers.Skipped, atMost: s.Step - s.Updates - s.Skipped},
		bounds{name: "outliers.in_row", value: s.Outliers.InRow, atMost: s.Outliers.Skipped},
		bounds{name: "vocabulary", value: int64(s.Vocabulary), atMost: most},
		bounds{name: "validation.step", value: s.Validation.Step, atMost: s.Step},
		bounds{name: "best.step", value: s.Best.Step, atMost: s.Step},
		bounds{name: "metrics_bytes", value: s.MetricsBytes, atMost: math.MaxInt64},
	); err != nil {
		return err
	}
	for name, value := range map[string]float64{"seconds": s.Seconds, "flops": s.Flops} {
		if value < 0 {
			return fmt.Errorf("%s is %g, which must not be below 0", name, value)
		}
	}
	for _, norm := range append(s.Outliers.Limits[:], s.Outliers.Norms...) {
		if norm < 0 {
			return fmt.Errorf("outliers hold the norm %g, which must not be below 0", norm)
		}
	}
	for i, row := range s.Undecodable {
		if row < 0 || i > 0 && row <= s.Undecodable[i-1] {
			return fmt.Errorf("undecodable holds %d, where rows from 0 in rising order are expected", row)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		if name != filepath.Base(name) {
			return fmt.Errorf("the name %q leads out of the folder", name)
		}
		if s.Files[name].Bytes < 0 {
			return fmt.Errorf("%s has %d bytes", name, s.Files[name].Bytes)
		}
	}
	for i, g := range s.Segments {
		of, before := fmt.Sprintf("segment %d: ", i+1), int64(0)
		if i > 0 {
			before = s.Segments[i-1].Total
		}
		if err := within(
			bounds{name: "from", value: g.From, least: before, atMost: before, ofWhat: of},
			bounds{name: "total", value: g.Total, least: g.From, atMost: s.Total, ofWhat: of},
			bounds{name: "start", value: g.Start, atMost: g.From, ofWhat: of},
			bounds{name: "warmup", value: int64(g.Warmup), atMost: most, ofWhat: of},
			bounds{name: "batch", value: int64(g.Batch), least: 1, atMost: most, ofWhat: of},
			bounds{name: "pairs", value: int64(g.Pairs), atMost: math.MaxInt64, ofWhat: of},
			bounds{name: "epoch", value: int64(g.Epoch), atMost: most, ofWhat: of},
			bounds{name: "added", value: g.Added, atMost: math.MaxInt64, ofWhat: of},
			bounds{name: "seen.bytes", value: g.Seen.Bytes, atMost: math.MaxInt64, ofWhat: of},
		); err != nil {
			return err
		}
		if g.Rate < 0 || g.Rate > 1 {
			return fmt.Errorf("%slr is %g, which must be from 0 to 1", of, g.Rate)
		}
		if len(g.Data) == 0 || len(g.Data) != len(s.Segments[0].Data) {
			return fmt.Errorf("%sit has %d datasets, and the first has %d", of, len(g.Data), len(s.Segments[0].Data))
		}
		for _, d := range g.Data {
			if d.Generation < 0 || d.Rows < 0 || !(d.Weight > 0) {
				return fmt.Errorf("%sof the dataset %q it has generation %d, %d rows and weight %g", of, d.Folder, d.Generation, d.Rows, d.Weight)
			}
		}
	}
	if n := len(s.Segments); n > 0 {
		if last := s.Segments[n-1]; last.Total != s.Total || s.Step < last.From {
			return fmt.Errorf("it is at step %d of %d, and its last segment goes from %d to %d", s.Step, s.Total, last.From, last.Total)
		}
	}
	return nil
}
