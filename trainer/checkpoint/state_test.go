package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// whole is a state of two segments with a value in each field.
func whole() State {
	data := []Trained{{Folder: ".", Generation: 2, Hash: "ab", Rows: 70, Weight: 1}}
	return State{
		Format: stateFormat, Settings: "{}", Data: "cd", Vocabulary: 600, Step: 30, Total: 40, Updates: 25, Skipped: 3, SkippedInRow: 1,
		Segments: []Segment{
			{Total: 24, Rate: 1e-3, Warmup: 4, Batch: 16, Pairs: 70, Data: data, Seen: File{100, "ef"}, Added: 70},
			{From: 24, Start: 24, Total: 40, Rate: 3e-4, Warmup: 4, Batch: 16, Pairs: 90, Epoch: 6, Data: data, Seen: File{90, "ef"}, Added: 20},
		},
		Outliers:    Outliers{Skipped: 2, InRow: 1, Norms: []float64{1.5, 2}, Limits: [2]float64{7, 8}},
		Undecodable: []int{3, 8}, LossFirst: []float64{2.75}, LossLast: []float64{1.5}, Scale: 2.66,
		Validation: Validation{30, 1.75}, Best: Validation{28, 1.5}, MetricsBytes: 1000, Seconds: 12.5, Flops: 1e9,
		Files: map[string]File{WeightsName: {400, "12"}},
	}
}

// TestStateHasAChecksum changes each byte of a state in turn, by one bit: none is
// accepted.
func TestStateHasAChecksum(t *testing.T) {
	text, err := whole().Encode()
	if err != nil {
		t.Fatal(err)
	}
	if s, err := parseState(text); err != nil || !reflect.DeepEqual(s, whole()) {
		t.Fatalf("%+v, %v", s, err)
	}
	for i := range text {
		for _, bit := range []byte{1, 2, 16} {
			changed := append([]byte(nil), text...)
			changed[i] ^= bit
			if _, err := parseState(changed); err == nil {
				t.Errorf("with %q in the place of %q it is accepted: %s", changed[i], text[i], changed[max(0, i-20):min(len(text), i+20)])
			}
		}
	}
}

// TestNumbersOfAState has states of format 2, which had no checksum, with a number that
// no run can have.
func TestNumbersOfAState(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(s *State)
		want   string // "" where it is accepted
	}{
		{"as it was", func(*State) {}, ""},
		{"a step below 0", func(s *State) { s.Step = -5 }, "step is -5, which must be from 0 to 40"},
		{"a step behind the end", func(s *State) { s.Step = 1e9 }, "step is 1000000000, which must be from 0 to 40"},
		{"a step before its segment", func(s *State) { s.Step, s.Updates, s.Validation, s.Best = 20, 15, Validation{}, Validation{} }, "it is at step 20 of 40, and its last segment goes from 24 to 40"},
		{"no end", func(s *State) { s.Total = -1 }, "total is -1"},
		{"another end than that of its segments", func(s *State) { s.Total = 50 }, "it is at step 30 of 50, and its last segment goes from 24 to 40"},
		{"more updates than steps", func(s *State) { s.Updates = 31 }, "updates is 31"},
		{"updates below 0", func(s *State) { s.Updates = -1 }, "updates is -1"},
		{"more skipped than steps", func(s *State) { s.Skipped = 6 }, "skipped is 6, which must be from 0 to 5"},
		{"more outliers than steps", func(s *State) { s.Outliers.Skipped = 3 }, "outliers.skipped is 3, which must be from 0 to 2"},
		{"a norm below 0", func(s *State) { s.Outliers.Norms[1] = -1 }, "outliers hold the norm -1"},
		{"more in a row than skipped", func(s *State) { s.SkippedInRow = 4 }, "skipped_in_row is 4"},
		{"a validation of later", func(s *State) { s.Validation.Step = 31 }, "validation.step is 31"},
		{"a best one of before", func(s *State) { s.Best.Step = -1 }, "best.step is -1"},
		{"metrics below 0", func(s *State) { s.MetricsBytes = -1 }, "metrics_bytes is -1"},
		{"a vocabulary below 0", func(s *State) { s.Vocabulary = -1 }, "vocabulary is -1"},
		{"time below 0", func(s *State) { s.Seconds = -1 }, "seconds is -1"},
		{"rows below 0", func(s *State) { s.Undecodable = []int{-1} }, "undecodable holds -1"},
		{"rows in disorder", func(s *State) { s.Undecodable = []int{8, 3} }, "undecodable holds 3"},
		{"a file elsewhere", func(s *State) { s.Files["../x"] = File{} }, `the name "../x" leads out`},
		{"a file of less than nothing", func(s *State) { s.Files[WeightsName] = File{-1, ""} }, "model.safetensors has -1 bytes"},
		{"a gap between segments", func(s *State) { s.Segments[1].From = 25 }, "segment 2: from is 25, which must be from 24 to 24"},
		{"a schedule of later", func(s *State) { s.Segments[1].Start = 25 }, "segment 2: start is 25"},
		{"no batch", func(s *State) { s.Segments[0].Batch = 0 }, "segment 1: batch is 0"},
		{"pairs below 0", func(s *State) { s.Segments[1].Pairs = -1 }, "segment 2: pairs is -1"},
		{"an epoch below 0", func(s *State) { s.Segments[1].Epoch = -1 }, "segment 2: epoch is -1"},
		{"a rate above 1", func(s *State) { s.Segments[1].Rate = 7 }, "segment 2: lr is 7"},
		{"no warm-up", func(s *State) { s.Segments[1].Warmup = -1 }, "segment 2: warmup is -1"},
		{"another number of datasets", func(s *State) { s.Segments[1].Data = nil }, "segment 2: it has 0 datasets, and the first has 1"},
		{"a dataset without weight", func(s *State) { s.Segments[0].Data = []Trained{{}} }, "weight 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := whole()
			s.Format = 2
			tt.change(&s)
			text, err := s.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parseState(text); tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestStateOfAnotherStep has a whole state in the folder of another step.
func TestStateOfAnotherStep(t *testing.T) {
	folder := t.TempDir()
	save(t, folder, 7, 1)
	if err := os.Rename(filepath.Join(folder, "step-00000007"), filepath.Join(folder, "step-00000009")); err != nil {
		t.Fatal(err)
	}
	var damaged *Damaged
	if c, err := Latest(folder); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "it is of step 7, which the folder's name is not") {
		t.Errorf("%v, %v", c, err)
	}
}

// FuzzState parses any text: what is accepted passes the checks, and is the same when it
// is written and read again.
func FuzzState(f *testing.F) {
	for _, format := range []int{1, 2, 3} {
		s := whole()
		s.Format = format
		text, err := s.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"format":1,"step":1e3,"total":10}`))
	f.Add([]byte(`{"format":3,"xxh64":""}`))
	f.Add([]byte(`{"format":2,"xxh64":"0000000000000000"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseState(text)
		if err != nil {
			return
		}
		if err := s.check(); err != nil {
			t.Errorf("accepted, and then: %v", err)
		}
		again, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseState(again); err != nil || !reflect.DeepEqual(back, s) {
			t.Errorf("%+v, then %+v, %v", s, back, err)
		}
	})
}
