package stats

import "fmt"

// Evaluation is what the report shows of the last evaluation.
type Evaluation struct {
	Model      string      `json:"model"`
	Checkpoint string      `json:"checkpoint"` // from the dataset's folder
	Step       int64       `json:"step"`
	Pairs      int         `json:"pairs"`          // held out
	Seen       string      `json:"seen,omitempty"` // what the model had seen before, a sentence; "" for nothing to say
	Retrieval  []Retrieval `json:"retrieval"`
	ZeroShot   []ZeroShot  `json:"zero_shot"`
}

// Retrieval is how well one side of the pairs finds the other.
type Retrieval struct {
	Name       string   `json:"name"` // such as "picture to text"
	Recall     []Recall `json:"recall"`
	MedianRank float64  `json:"median_rank"`
}

// Recall says how often a right answer is among the K best.
type Recall struct {
	K int `json:"k"`
	Accuracy
}

// ZeroShot is the classification of one set of pictures by prompts.
type ZeroShot struct {
	Set      string   `json:"set"`
	Classes  int      `json:"classes"`
	Pictures int      `json:"pictures"`
	Top1     Accuracy `json:"top1"`
	Top5     Accuracy `json:"top5"`
}

// Accuracy is a share of right answers, 0 to 1.
type Accuracy struct {
	Rate     float64    `json:"rate"`
	Interval [2]float64 `json:"interval"` // 95%; 0 to 0 when it was not asked for
	Chance   float64    `json:"chance"`   // of guessing
}

// Share is the rate in percent.
func (a Accuracy) Share() string { return fmt.Sprintf("%.1f%%", 100*a.Rate) }

// Beside is what stands beside the rate: its interval and the rate of guessing.
func (a Accuracy) Beside() string {
	text := fmt.Sprintf("chance %.1f", 100*a.Chance)
	if a.Interval != [2]float64{} {
		text = fmt.Sprintf("%.1f to %.1f; ", 100*a.Interval[0], 100*a.Interval[1]) + text
	}
	return text
}
