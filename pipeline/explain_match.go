package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/shard"
)

// What the match stage made of candidates: by its own judge, and by the rows that
// it wrote.

// rows walks the candidates of all producers, as the judge prepares them.
func (x *explainer) rows() iter.Seq2[*shard.Candidate, error] {
	return func(yield func(*shard.Candidate, error) bool) {
		all, err := producers(x.dir)
		if errors.Is(err, shard.ErrUnfinished) {
			return // nothing was produced yet
		}
		if err != nil {
			yield(nil, err)
			return
		}
		for _, p := range all {
			for c, err := range shard.Rows[shard.Candidate](filepath.Join(x.dir, p.folder), p.manifest.Parts) {
				if err == nil {
					x.judge.prepare(c)
				}
				if !yield(c, err) || err != nil {
					return
				}
			}
		}
	}
}

// candidates finds the candidates that are asked about, and pairs whose
// candidates are there no more.
func (x *explainer) candidates(e *Explanation, wanted func(*shard.Candidate) bool) error {
	there := map[uint64]bool{}
	for c, err := range x.rows() {
		if err != nil {
			return err
		}
		if !wanted(c) {
			continue
		}
		if len(e.Pairs) == MaxExplained {
			e.More = true
			break
		}
		p := newPairReport(c)
		there[p.id] = true
		e.Pairs = append(e.Pairs, p)
	}
	for m, err := range x.matchedRows() {
		if err != nil {
			return err
		}
		if !e.More && !there[m.PairID] && wanted(&m.Candidate) {
			p := newPairReport(&m.Candidate)
			p.Note = "the page says so no more; the next match no longer takes the pair from there"
			if len(e.Pairs) < MaxExplained {
				e.Pairs = append(e.Pairs, p)
			}
		}
	}
	return nil
}

func newPairReport(c *shard.Candidate) PairReport {
	own := cloned(c)
	id := shard.PairID(own.ImageURL, own.Text)
	return PairReport{PairID: shard.FormatPairID(id), Page: own.PageURL, Image: own.ImageURL, Text: own.Text, Source: own.TextSource, From: own.Source,
		Stage: MatchName, id: id, candidate: own}
}

// cloned is a copy that outlives the row.
func cloned(c *shard.Candidate) shard.Candidate {
	o := *c
	for _, s := range []*string{&o.PageURL, &o.ImageURL, &o.Text, &o.TextSource, &o.Language, &o.License, &o.OptOut, &o.OptOutFrom, &o.Source, &o.PictureAt, &o.More} {
		*s = strings.Clone(*s)
	}
	return o
}

func (x *explainer) matchedRows() iter.Seq2[*shard.Matched, error] {
	if x.matched == nil {
		return func(func(*shard.Matched, error) bool) {}
	}
	return shard.Rows[shard.Matched](filepath.Join(x.dir, shard.MatchedFolder), x.matched.Parts)
}

// texts tells what the match stage made of the candidates: what it wrote, and of
// the others what its judge says by the settings of that run.
func (x *explainer) texts(e *Explanation) error {
	var s JudgeScratch
	byID := map[uint64][]*PairReport{}
	for i := range e.Pairs {
		p := &e.Pairs[i]
		byID[p.id] = append(byID[p.id], p)
		var ids []uint32
		ids, p.Reason = x.judge.Judge(&p.candidate, nil, &s)
		if p.Reason != "" {
			p.Detail = x.judge.Detail(&s)
		} else {
			p.Language = s.language()
		}
		p.Queries = x.queries(ids)
	}
	if x.matched == nil {
		for i := range e.Pairs {
			p := &e.Pairs[i]
			if p.Note = "no match has finished yet; this goes by the settings of today"; p.Reason == "" {
				p.Stage = producedBy(p.candidate)
			}
		}
		return nil
	}
	first := map[uint64]shard.Candidate{} // the one of each pair that went on
	for m, err := range x.matchedRows() {
		if err != nil {
			return err
		}
		reports := byID[m.PairID]
		if reports == nil {
			continue
		}
		first[m.PairID] = cloned(&m.Candidate)
		if p := x.written(reports, &m.Candidate); p != nil {
			p.goesOn, p.Reason, p.Detail, p.Queries = true, "", "", x.queries(m.QueryIDs)
		}
	}
	missing := map[uint64]bool{}
	images := map[uint64]verdict{} // of the missing; why they are dropped as a whole
	for id, reports := range byID {
		if _, ok := first[id]; !ok {
			missing[id] = true
			images[shard.ImageID(reports[0].Image)] = verdict{}
		}
	}
	if x.fresh && x.exact {
		if err := x.firstOf(missing, first, images); err != nil {
			return err
		}
	}
	for id, reports := range byID {
		stays := first[id]
		capped := false // one of the reports is the pair that was left out
		for _, p := range reports {
			if p.goesOn || p.Note != "" { // written; or withdrawn since
				continue
			}
			if !x.exact && p.Reason == ReasonNoQuery { // that was another list's word
				p.Reason, p.Detail = "", ""
			}
			switch {
			case !x.fresh && missing[id]:
				p.Stage, p.Note = producedBy(p.candidate), x.changed+" since the last match, which has no such pair; run pairloom match"
			case !x.fresh:
				p.Stage, p.Note = producedBy(p.candidate), fmt.Sprintf("%s since the last match, which took the pair from %s (%s); run pairloom match", x.changed, cameFrom(stays), stays.TextSource)
			case p.Reason != "":
			case missing[id] && !x.exact:
				p.Stage, p.Note = producedBy(p.candidate), "the last match left it out, by a query list that is no longer there; run pairloom match"
			case missing[id] && p.candidate == stays && !capped:
				capped = true
				if v := images[shard.ImageID(p.Image)]; v.reason != "" {
					p.Reason, p.Detail = v.reason, v.detail
					continue
				}
				p.Reason, p.Detail = ReasonQueryCapBeforeFetch, balanceDetail(x.decided.Balance, x.decided.Balance.Margin)
			default:
				p.Reason, p.Detail = ReasonRepeatOnTheWeb, fmt.Sprintf("the pair stands elsewhere too and goes on from %s (%s)", cameFrom(stays), stays.TextSource)
			}
		}
	}
	return nil
}

// written finds, among the reports of one pair, that of the candidate which the
// match stage wrote; nil when it was another's. After a page was read again only
// the place on it can be compared.
func (x *explainer) written(reports []*PairReport, c *shard.Candidate) *PairReport {
	for _, p := range reports {
		if p.candidate == *c {
			return p
		}
	}
	for _, p := range reports {
		if !x.fresh && p.Page == c.PageURL && p.Source == c.TextSource {
			return p
		}
	}
	return nil
}

// queries names them, where that is possible.
func (x *explainer) queries(ids []uint32) (names []string) {
	if x.names != nil {
		for _, id := range ids {
			names = append(names, x.names(id))
		}
	}
	return names
}

// verdict is why something is dropped; without reason it is not.
type verdict struct{ reason, detail string }

// firstOf adds to first, for each of the pairs, the candidate that the match stage
// takes, and to their images which of them are dropped as a whole.
func (x *explainer) firstOf(ids map[uint64]bool, first map[uint64]shard.Candidate, images map[uint64]verdict) error {
	if len(ids) == 0 {
		return nil
	}
	best := map[uint64]map[uint64][]byte{} // by picture and pair
	uses := map[uint64]int{}               // of pictures
	var s JudgeScratch
	var row shard.Matched
	for c, err := range x.rows() {
		if err != nil {
			return err
		}
		image := shard.ImageID(c.ImageURL)
		if _, ok := images[image]; !ok {
			continue
		}
		var reason string
		if row.QueryIDs, reason = x.judge.Judge(c, row.QueryIDs, &s); reason != "" {
			continue
		}
		uses[image]++
		row.Candidate = *c
		record, id := appendMatched(nil, &row, x.decided.Filter.Text.Sources), shard.PairID(c.ImageURL, c.Text)
		pairs := best[image]
		if pairs == nil {
			pairs = map[uint64][]byte{}
			best[image] = pairs
		}
		if pairs[id] == nil || bytes.Compare(record, pairs[id]) < 0 {
			if pairs[id] = record; ids[id] {
				first[id] = cloned(c)
			}
		}
	}
	for image, pairs := range best {
		var rows [][]byte
		for _, id := range slices.Sorted(maps.Keys(pairs)) { // as match walks them
			rows = append(rows, pairs[id][matchKeySize:])
		}
		detail, err := placeholderTexts(rows, x.decided.Match.PlaceholderTexts)
		if err != nil {
			return err
		}
		if often := oftenDetail(uses[image], x.decided.Match.MaxURLUses); often != "" {
			images[image] = verdict{ReasonOften, often}
		} else if detail != "" {
			images[image] = verdict{ReasonPlaceholder, detail}
		}
	}
	return nil
}

// cameFrom is the page of a candidate, or the row of a list.
func cameFrom(c shard.Candidate) string {
	if c.PageURL == "" {
		return c.Source
	}
	return c.PageURL
}

// producedBy is the command that the candidate is of.
func producedBy(c shard.Candidate) string {
	if c.TextSource == "list" {
		return ImportName
	}
	return CrawlName
}
