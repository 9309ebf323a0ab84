package pipeline

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/dedup"
	"github.com/pairloom/pairloom/shard"
)

// Departure is a row that the dataset lost.
type Departure struct {
	PairID     string `json:"pair_id"`
	Page       string `json:"page"`
	Image      string `json:"picture"`
	Text       string `json:"text"`
	Shard      string `json:"shard"`
	Row        int    `json:"row"`
	Since      int    `json:"since"`      // generation that brought it
	Generation int    `json:"generation"` // that it left in
	Reason     string `json:"reason"`
	Detail     string `json:"detail,omitempty"`
}

// shards adds where kept pairs lie, and which rows left. ids are those that were asked
// for.
func (x *explainer) shards(e *Explanation, ids map[uint64]bool) error {
	dataset, err := shard.OpenDataset(filepath.Join(x.dir, shard.ShardsFolder))
	if errors.Is(err, shard.ErrUnfinished) {
		return nil
	}
	if err != nil {
		return err
	}
	pairs := e.reports()
	behind := map[uint64][]*PairReport{} // those that were dropped for a pair that stays, by that
	for i := range e.Pairs {
		if id, ok := dedup.StaysFor(e.Pairs[i].Detail); ok {
			behind[id] = append(behind[id], &e.Pairs[i])
		}
	}
	generations := map[string]int{}
	for _, p := range dataset.Parts("") {
		generations[p.Name] = max(1, p.Generation)
	}
	for row, err := range dataset.Rows("", "pair_id") {
		if err != nil {
			return err
		}
		delete(behind, row.PairID) // it does stay
		if p := pairs[row.PairID]; p != nil {
			p.Stage, p.Shard, p.Row, p.Generation = ShardName, filepath.Join(shard.ShardsFolder, row.Part), row.Number, generations[row.Part]
		}
	}
	for g := 1; g <= dataset.Generation(); g++ {
		if err := x.left(e, dataset, g, ids, pairs, behind); err != nil {
			return err
		}
	}
	for i := range e.Left {
		d := &e.Left[i]
		d.Since = generations[filepath.Base(d.Shard)]
	}
	return nil
}

// left adds what a generation took away of what was asked for. What a row was is read
// where it lies still.
func (x *explainer) left(e *Explanation, dataset *shard.Dataset, generation int, ids map[uint64]bool, pairs map[uint64]*PairReport, behind map[uint64][]*PairReport) (err error) {
	var open string
	var rows *shard.PartReader[shard.Pair]
	defer func() {
		if rows != nil {
			rows.Close()
		}
	}()
	var p shard.Pair
	for d, err := range dataset.Deletions(generation) {
		if err != nil {
			return err
		}
		for _, p := range behind[d.PairID] {
			p.Note = fmt.Sprintf("pair %s left the dataset since (%s); the next run decides anew", shard.FormatPairID(d.PairID), strings.Clone(d.Reason))
		}
		if d.Part != open {
			if rows != nil {
				rows.Close()
			}
			open = strings.Clone(d.Part)
			if _, rows, err = dataset.OpenPart(open, "pair_id", "page_url", "image_url", "text"); err != nil {
				return err
			}
		}
		if err := rows.Read(int(d.Row), &p); err != nil {
			return err
		}
		report := pairs[d.PairID]
		if report == nil && !ids[d.PairID] && p.PageURL != e.Asked && p.ImageURL != e.Asked {
			continue
		}
		if len(e.Left) == MaxExplained {
			e.More = true
			return nil
		}
		e.Left = append(e.Left, Departure{
			PairID: shard.FormatPairID(d.PairID), Page: strings.Clone(p.PageURL), Image: strings.Clone(p.ImageURL), Text: strings.Clone(p.Text),
			Shard: filepath.Join(shard.ShardsFolder, open), Row: int(d.Row), Generation: generation, Reason: strings.Clone(d.Reason), Detail: strings.Clone(d.Detail),
		})
		if report != nil && report.Shard == "" && report.Reason == "" { // the selection keeps it still
			report.Stage, report.Reason, report.Detail = ShardName, strings.Clone(d.Reason), strings.Clone(d.Detail)
		}
	}
	return nil
}
