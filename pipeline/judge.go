package pipeline

import (
	"fmt"
	"slices"

	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/query/match"
	"github.com/pairloom/pairloom/shard"
)

// Reasons for which pairs are dropped beside those of the text rules, the picture
// rules and deduplication.
const (
	ReasonNoQuery             = "no_query"
	ReasonRepeatOnTheWeb      = "same_url_and_text"
	ReasonQueryCapBeforeFetch = "query_cap_before_fetch"
	ReasonNotFetched          = "picture_not_fetched"
	ReasonQueryFull           = "query_full"
	ReasonQueryCap            = "query_cap"
)

// TextJudge decides on candidates by their texts and pages. Any number of
// goroutines may use it, each with a scratch of its own.
type TextJudge struct {
	mask    bool // personal data, before anything is asked
	rules   []filter.Rule[filter.Text]
	matcher *match.Matcher
	list    string // its name, for people
	all     bool   // texts without a query pass too
	refused *refusal.List
}

func newTextJudge(o filter.TextOptions, m *match.Matcher, by MatchOptions, refused *refusal.List) TextJudge {
	return TextJudge{o.PersonalData == "mask", filter.TextRules(o), m, by.Queries, by.KeepWithoutQuery, refused}
}

// prepare makes the candidate the one that is judged and goes on: where personal data
// is masked, its text is another, and so is its pair's id.
func (j *TextJudge) prepare(c *shard.Candidate) {
	if j.mask {
		c.Text = filter.MaskPersonal(c.Text)
	}
}

// JudgeScratch is the memory that Judge reuses. After Judge it holds what Detail
// speaks of.
type JudgeScratch struct {
	text  filter.Text
	match match.Scratch
	rule  *filter.Rule[filter.Text]
	by    refusal.Entry // where refused
	// refused says that the refusal list decided.
	refused bool
}

// Judge gives the queries that the candidate's text contains, in the memory of
// ids, or the reason for which the candidate is dropped: that it is refused, the first
// text rule that drops it, or that it contains no query. It allocates nothing while ids and s
// have room and the text holds nothing that is masked; what is masked is so in c too.
func (j *TextJudge) Judge(c *shard.Candidate, ids []uint32, s *JudgeScratch) (queryIDs []uint32, reason string) {
	j.prepare(c)
	if s.by, s.refused = refusesCandidate(j.refused, c); s.refused {
		return ids[:0], ReasonRefused
	}
	s.text.Set(c)
	if s.rule = filter.Apply(j.rules, &s.text); s.rule != nil {
		return ids[:0], s.rule.Name
	}
	if ids = j.queries(&s.text, ids, s); len(ids) == 0 && !j.all {
		return ids, ReasonNoQuery
	}
	return ids, ""
}

// queries are those that the text contains, in the memory of ids.
func (j *TextJudge) queries(t *filter.Text, ids []uint32, s *JudgeScratch) []uint32 {
	return j.matcher.FindCut(ids[:0], t.Text, t.Folded, t.Edges, &s.match)
}

// asked lists what Judge asks, in order, each as a rule: also that a text contains a
// query, for which the rule has the memory of s.
func (j *TextJudge) asked(s *JudgeScratch) []filter.Rule[filter.Text] {
	if j.all {
		return slices.Clone(j.rules)
	}
	var ids []uint32
	return append(slices.Clone(j.rules), filter.Rule[filter.Text]{
		Name: ReasonNoQuery,
		Drop: func(t *filter.Text) bool {
			ids = j.queries(t, ids, s)
			return len(ids) == 0
		},
		Detail: func(*filter.Text) string { return j.noQuery() },
	})
}

// Detail is, for people, the value that decided when Judge last dropped with s.
func (j *TextJudge) Detail(s *JudgeScratch) string {
	switch {
	case s.refused:
		return refusedDetail(s.by)
	case s.rule != nil:
		return s.rule.Detail(&s.text)
	}
	return j.noQuery()
}

func (j *TextJudge) noQuery() string {
	return fmt.Sprintf("the text contains none of the %d queries of %s", j.matcher.Queries(), j.list)
}

// language is that of the text that was judged last with s, by its code; "" when none
// was told.
func (s *JudgeScratch) language() string {
	code, _ := s.text.Language()
	return code
}

// preference numbers the text sources in their order of preference, from 0.
func preference(sources []string, source string) byte {
	return byte(min(max(slices.Index(sources, source), 0), 255))
}
