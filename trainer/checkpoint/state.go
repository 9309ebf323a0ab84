package checkpoint

import "github.com/pairloom/pairloom/trainer/clip"

// stateFormat is the version of state.json.
//
//	1  first version
//	2  segments
//	3  a checksum of the state itself
//
// States from 1 on are read.
const stateFormat = 3

// State is what a run needs beside weights, moments and vocabulary to go on as
// if it had never stopped.
type State struct {
	Format int `json:"format"`

	Model      clip.Config `json:"model"`
	Vocabulary int         `json:"vocabulary"` // tokens
	Settings   string      `json:"settings"`   // the settings that shape the run, as text
	// Data stands for the pairs of the last segment; in format 1 it is the hash of the
	// shards' manifest.
	Data string `json:"data"`
	// Segments are the stretches of the training, each on the pairs of its time, oldest
	// first; none in format 1.
	Segments []Segment `json:"segments,omitempty"`
	// Init is the name of the file of weights that the run began with, relative
	// to the dataset's folder where it can be; "" for none.
	Init string `json:"init,omitempty"`

	Step    int64 `json:"step"` // steps taken
	Total   int64 `json:"total"`
	Updates int64 `json:"updates"` // steps that changed the weights
	// Skipped counts steps whose loss or gradient was not finite; SkippedInRow
	// those since the last one that was.
	Skipped      int64 `json:"skipped"`
	SkippedInRow int64 `json:"skipped_in_row"`

	// Outliers is what skip_outliers goes by; the zero value where it is off.
	Outliers Outliers `json:"outliers,omitzero"`

	Undecodable []int     `json:"undecodable"` // rows found so far, sorted
	LossFirst   []float64 `json:"loss_first"`  // of the first steps
	LossLast    []float64 `json:"loss_last"`   // of the last steps
	Scale       float64   `json:"scale"`       // logit scale

	// Validation is the last one, Best that with the least loss; step 0 for none.
	Validation Validation `json:"validation"`
	Best       Validation `json:"best"`

	MetricsBytes int64   `json:"metrics_bytes"` // length of metrics.jsonl
	Seconds      float64 `json:"seconds"`       // time spent in steps, by all runs

	// Flops counts the useful operations of all steps; 0 in checkpoints from
	// before they were counted.
	Flops float64 `json:"flops,omitempty"`

	Files map[string]File `json:"files"`
}

// sameRun tells whether both are of runs that end alike.
func (s State) sameRun(o State) bool {
	return s.Settings == o.Settings && s.Data == o.Data && s.Model == o.Model && s.Step == o.Step
}

// Outliers are the steps that were not taken since the norm of their gradient was far
// above that of others, and what the limit is made of.
type Outliers struct {
	Skipped int64      `json:"skipped"` // all so far
	InRow   int64      `json:"in_row"`  // those since the last step that was taken
	Norms   []float64  `json:"norms"`   // of the last steps that were taken
	Limits  [2]float64 `json:"limits"`  // of the next steps with an even and with an odd number; 0 for none
}

// Validation is the loss on the held-out pairs after a step.
type Validation struct {
	Step int64   `json:"step"`
	Loss float64 `json:"loss"`
}

// File is what state.json knows of a file beside it.
type File struct {
	Bytes int64  `json:"bytes"`
	XXH64 string `json:"xxh64"`
}
