package stats

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/shard"
)

// DryRunVersion is that of dry-run.json.
//
//	1  first version
//	2  exact_duplicates and near_duplicates are steps of their own; match_due
const DryRunVersion = 2

// DryRun is what the settings would drop, rule by rule, and what other thresholds
// would. The caller fills it in; [WriteDryRun] shows it.
type DryRun struct {
	Version    int   `json:"version"`
	Candidates int64 `json:"candidates"`
	Matched    int64 `json:"matched_pairs"`
	Fetched    int64 `json:"fetched_pairs"` // matched pairs whose picture is there
	Kept       int64 `json:"kept_pairs"`    // by all steps
	// MatchDue says that matched pairs, and all that is counted of them, are those of
	// the last match, whose settings or input are not today's.
	MatchDue bool `json:"match_due"`
	// Notes say what the figures leave out, and why.
	Notes []string `json:"notes"`
	// LeftOut is what the last match dropped, by reason, of the candidates whose text
	// passed; NotFetched counts matched pairs without a picture, by what became of it.
	LeftOut    Names     `json:"match_left_out"`
	NotFetched Names     `json:"not_fetched"`
	Steps      []DryStep `json:"steps"`
}

// DryStep is a number of rules that the same records go through.
type DryStep struct {
	Name  string     `json:"step"` // texts, pictures, exact_duplicates, near_duplicates or balance
	Unit  string     `json:"unit"` // what the counts count: candidates or pairs
	In    int64      `json:"in"`
	Kept  int64      `json:"kept"`
	Rules []DropRule `json:"rules"`
}

// DropRule is what one rule would drop.
type DropRule struct {
	Rule     string    `json:"rule"` // the drop reason
	Settings []Setting `json:"settings"`
	// Alone is what it drops of the step's records if it is the only rule, InOrder
	// what it drops after the rules before it, and Only what no other rule of the
	// step drops. Alone and Only are nil where they are not known.
	Alone   *int64       `json:"alone"`
	InOrder int64        `json:"in_order"`
	Only    *int64       `json:"only_it"`
	WhatIf  []WhatIf     `json:"what_if"`
	Samples []DropSample `json:"samples"`
}

// Setting is a key of the configuration, its value, and what its documentation says.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Doc   string `json:"doc"`
}

// WhatIf is how many records a limit lets pass at other thresholds.
type WhatIf struct {
	Key   string      `json:"key"`
	Least bool        `json:"least"` // a smaller value is dropped; else a greater one
	Today float64     `json:"today"` // 0 drops nothing
	Rows  []WhatIfRow `json:"rows"`  // from the loosest to the strictest for a least value, else the other way
}

// WhatIfRow is what passes at one threshold; 0 drops nothing.
type WhatIfRow struct {
	At     float64 `json:"at"`
	Alone  int64   `json:"kept_alone"`       // if this were the only limit
	Others int64   `json:"kept_with_others"` // with all other rules of the step as they are
}

// Trimmed is without the thresholds at which nothing changes, neither from the one
// before nor to the next; that of today stays, and so does none.
func (w WhatIf) Trimmed() WhatIf {
	same := func(a, b WhatIfRow) bool { return a.Alone == b.Alone && a.Others == b.Others }
	rows := w.Rows
	w.Rows = []WhatIfRow{}
	for i, r := range rows {
		changes := i > 0 && !same(r, rows[i-1]) || i+1 < len(rows) && !same(r, rows[i+1])
		if changes || r.At == 0 || r.At == w.Today {
			w.Rows = append(w.Rows, r)
		}
	}
	return w
}

// DropSamples is how many records a rule shows.
const DropSamples = 20

// DropSample is one of the records that a rule drops, alone.
type DropSample struct {
	PairID   string   `json:"pair_id"` // as shard.FormatPairID writes it
	ImageURL string   `json:"image_url"`
	PageURL  string   `json:"page_url"`
	Text     string   `json:"text"`
	Detail   string   `json:"detail"`          // the value that decided and its limit
	Also     []string `json:"also_dropped_by"` // other rules of the step
	Thumb    []byte   `json:"-"`               // small JPEG; empty where there is no picture
	Width    int      `json:"-"`               // of Thumb, in pixels
	Height   int      `json:"-"`
}

// NewDropSample cuts the text, for samples have room for a bounded one. jpeg, which
// may be empty, is the picture.
func NewDropSample(pairID uint64, imageURL, pageURL, text, detail string, also []string, jpeg []byte) DropSample {
	s := DropSample{
		PairID: shard.FormatPairID(pairID), ImageURL: imageURL, PageURL: pageURL, Text: CutText(text), Detail: detail, Also: also,
	}
	if s.Also == nil {
		s.Also = []string{}
	}
	if len(jpeg) > 0 {
		s.Thumb, s.Width, s.Height = thumbnail(jpeg)
	}
	return s
}

// CutText shortens a text to what samples show of it.
func CutText(text string) string { return cut(text) }

// The files that WriteDryRun makes.
const (
	DryRunPage    = "index.html"
	DryRunFigures = "dry-run.json"
)

// WriteDryRun puts dry-run.json and index.html into the folder of dir, each whole or
// not at all.
func WriteDryRun(dir string, d *DryRun) error {
	page, err := DryRunHTML(d)
	if err != nil {
		return err
	}
	figures, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", DryRunFigures, err)
	}
	folder := filepath.Join(dir, shard.DryRunFolder)
	if err := atomicfile.WriteFile(filepath.Join(folder, DryRunFigures), append(figures, '\n')); err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(folder, DryRunPage), page)
}
