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

// Result is what Run writes to eval.json.
type Result struct {
	Tally      *shard.Tally `json:"tally"`
	Model      string       `json:"model"`
	Checkpoint string       `json:"checkpoint"` // its folder in checkpoints
	Step       int64        `json:"step"`
	Pairs      int          `json:"pairs"` // embedded

	ImageToText Retrieval `json:"image_to_text"`
	TextToImage Retrieval `json:"text_to_image"`
	ZeroShot    *ZeroShot `json:"zero_shot,omitempty"` // nil when no class has a pair
}

// Retrieval is how well one side finds the other.
type Retrieval struct {
	Recall []Recall `json:"recall"`
	// MedianRank is that of the best right answer, from 1.
	MedianRank       float64 `json:"median_rank"`
	MedianRankChance float64 `json:"median_rank_chance"`
}

// Recall says how often a right answer is among the K best.
type Recall struct {
	K      int     `json:"k"`
	Rate   float64 `json:"rate"`   // 0 to 1
	Chance float64 `json:"chance"` // of guessing
}

// ZeroShot is classification by prompts.
type ZeroShot struct {
	Classes    int           `json:"classes"`
	Pairs      int           `json:"pairs"` // that belong to exactly one class
	Top1       float64       `json:"top1"`  // 0 to 1
	Top5       float64       `json:"top5"`
	Top1Chance float64       `json:"top1_chance"`
	Top5Chance float64       `json:"top5_chance"`
	Templates  []string      `json:"templates"`
	Labels     []ClassResult `json:"labels"`
}

// ClassResult is one class of the zero-shot test.
type ClassResult struct {
	Label string `json:"label"`
	Pairs int    `json:"pairs"`
	Right int    `json:"right"` // top 1
}
