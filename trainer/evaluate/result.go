package evaluate

import "github.com/pairloom/pairloom/shard"

// Reasons for which a held-out pair is left out.
const (
	Undecodable = "undecodable"
	OverLimit   = "over_max_pairs"
)

// Class is a label of the zero-shot test and the query that stands for it.
type Class struct {
	Label   string
	QueryID uint32
}

// SchemaVersion is that of eval.json, whose fields shard/docs/eval.md describes.
const SchemaVersion = 1

// Result is what Run writes to eval.json.
type Result struct {
	SchemaVersion int          `json:"schema_version"` // 0 in files of older versions
	Tally         *shard.Tally `json:"tally"`
	Model         string       `json:"model"`
	ModelHash     string       `json:"model_hash"`
	Checkpoint    string       `json:"checkpoint"`              // its folder in checkpoints
	Weights       string       `json:"weights"`                 // as the options name them
	File          string       `json:"weights_xxh64,omitempty"` // of a file that the options name
	Step          int64        `json:"step"`                    // 0 for initial weights
	Pairs         int          `json:"pairs"`                   // embedded
	Seen          *Seen        `json:"seen,omitempty"`          // which held-out pairs it was trained on

	ImageToText Retrieval `json:"image_to_text"`
	TextToImage Retrieval `json:"text_to_image"`
	ZeroShot    *ZeroShot `json:"zero_shot,omitempty"` // nil when no class has a pair

	Sets       []SetResult `json:"sets,omitempty"`       // those that sets names
	Probe      *Probe      `json:"probe,omitempty"`      // where probe_train is set
	Robustness *Robustness `json:"robustness,omitempty"` // where shifted_set is set
}

// Retrieval is how well one side finds the other.
type Retrieval struct {
	Recall []Recall `json:"recall"`
	// MedianRank is that of the best right answer, from 1.
	MedianRank       float64 `json:"median_rank"`
	MedianRankChance float64 `json:"median_rank_chance"`
}

// Accuracy is a share of right answers, 0 to 1.
type Accuracy struct {
	Rate     float64  `json:"rate"`
	Interval Interval `json:"interval"` // 95%, by bootstrap; 0 to 0 when not asked for
	Chance   float64  `json:"chance"`   // of guessing
}

// Recall says how often a right answer is among the K best.
type Recall struct {
	K int `json:"k"`
	Accuracy
}

// ZeroShot is classification by prompts.
type ZeroShot struct {
	Classes    int           `json:"classes"`
	Pictures   int           `json:"pictures"` // that belong to exactly one class
	Top1       Accuracy      `json:"top1"`
	Top5       Accuracy      `json:"top5"`
	ClassMean  float64       `json:"class_mean"` // top 1, mean of the classes that have pictures
	Templates  []string      `json:"templates"`
	Prompts    int           `json:"prompts"`         // a label
	Classifier string        `json:"-"`               // computed, cached or rebuilt: of this run, not of its result
	Empty      []string      `json:"empty,omitempty"` // classes without a picture
	Labels     []ClassResult `json:"labels"`
}

// ClassResult is one class of the zero-shot test.
type ClassResult struct {
	Label    string `json:"label"`
	Pictures int    `json:"pictures"`
	Right    int    `json:"right"` // top 1
}

// SetResult is the zero-shot test on a class set.
type SetResult struct {
	Set   string       `json:"set"`
	Tally *shard.Tally `json:"tally"` // of its pictures
	// Seen counts held-out pairs that the model was trained on and that are among them,
	// by Options.Seen.
	Seen int64 `json:"seen,omitempty"`
	*ZeroShot
}
