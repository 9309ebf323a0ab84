package pipeline

import (
	"context"

	"github.com/pairloom/pairloom/shard"
)

// DroppedText is a candidate that the match stage drops for its text alone.
type DroppedText struct {
	shard.Candidate
	Detail string // the value and the limit that decided
}

// DecidedByText tells whether the match stage decides on a reason by a candidate's text
// alone: on the others it decides by what else there is.
func DecidedByText(reason string) bool {
	switch reason {
	case ReasonRepeatOnTheWeb, ReasonQueryCapBeforeFetch, ReasonPlaceholder, ReasonOften:
		return false
	}
	return true
}

// DroppedTexts lists the first candidates of different texts, at most that many, that the
// last match dropped for the reason, by its settings and its judge, as [Explain] does. It
// goes through the candidates until it has them.
func DroppedTexts(ctx context.Context, dir string, o *Options, reason string, most int) ([]DroppedText, error) {
	x, err := newExplainer(dir, o)
	if err != nil {
		return nil, err
	}
	defer x.judge.matcher.Close()
	var list []DroppedText
	var s JudgeScratch
	var ids []uint32
	listed := map[string]bool{}
	for c, err := range x.rows() {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		var why string
		if ids, why = x.judge.Judge(c, ids[:0], &s); why != reason || listed[c.Text] {
			continue
		}
		own := cloned(c)
		listed[own.Text] = true
		if list = append(list, DroppedText{own, x.judge.Detail(&s)}); len(list) == most {
			break
		}
	}
	return list, nil
}
