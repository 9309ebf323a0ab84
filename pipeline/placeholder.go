package pipeline

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/shard"
)

// ReasonPlaceholder is that of pairs whose picture's address stands under so many
// different texts on one site that it is a placeholder, a logo or the like.
const ReasonPlaceholder = "placeholder"

// ReasonOften is that of pairs whose picture's address stands too often.
const ReasonOften = "url_used_often"

// oftenDetail says to people that a picture's address stands more often than limit;
// "" when it does not, or there is no limit.
func oftenDetail(uses, limit int) string {
	if limit == 0 || uses <= limit {
		return ""
	}
	return fmt.Sprintf("the address stands with texts that pass more often than match.max_url_uses %d", limit)
}

// mostTexts is how many texts of a picture are looked at: one with more is a
// placeholder, on however many sites they are.
const mostTexts = 4096

// placeholderTexts finds the site on which a picture stands under at least limit
// texts, which differ in more than case and signs. Each row is one of the picture's
// pairs, as shard.AppendRow wrote it, and counts for the site of its page.
func placeholderTexts(rows [][]byte, limit int) (detail string, err error) {
	if limit == 0 || len(rows) < limit {
		return "", nil
	}
	sites := map[string]map[uint64]bool{}
	var m shard.Matched
	var folded []byte
	for _, row := range rows {
		if _, err := shard.ReadRow(row, &m); err != nil {
			return "", err
		}
		site := siteOf(m.PageURL)
		texts := sites[site]
		if texts == nil {
			texts = map[uint64]bool{}
			sites[strings.Clone(site)] = texts
		}
		folded = fold.AppendText(folded[:0], m.Text)
		if texts[xxhash.Sum64(folded)] = true; len(texts) == limit {
			return fmt.Sprintf("the address stands under %d or more different texts on %s; match.placeholder_texts is %d", limit, cmp.Or(site, "pages that are not known"), limit), nil
		}
	}
	if len(rows) > mostTexts {
		return fmt.Sprintf("the address stands under more than %d different texts", mostTexts), nil
	}
	return "", nil
}

// siteOf is the host of an address as candidates have it.
func siteOf(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// ofPicture gathers the rows of one picture's pairs.
type ofPicture struct {
	arena []byte
	ends  []int
	pairs []uint64 // their ids
	rows  [][]byte // of placeholderTexts
	more  int      // pairs beyond mostTexts, of which nothing is kept
	uses  int      // candidates, repeats of a pair too
}

func (o *ofPicture) add(pairID uint64, row []byte) {
	if len(o.ends) > mostTexts {
		o.more++
		return
	}
	o.arena = append(o.arena, row...)
	o.ends = append(o.ends, len(o.arena))
	o.pairs = append(o.pairs, pairID)
}

func (o *ofPicture) row(i int) []byte {
	if i == 0 {
		return o.arena[:o.ends[0]]
	}
	return o.arena[o.ends[i-1]:o.ends[i]]
}

// dropped gives the reason for which all pairs of the picture are dropped; "" when
// they go on.
func (o *ofPicture) dropped(m MatchOptions) (reason string, err error) {
	if oftenDetail(o.uses, m.MaxURLUses) != "" {
		return ReasonOften, nil
	}
	if is, err := o.placeholder(m.PlaceholderTexts); err != nil || is {
		return ReasonPlaceholder, err
	}
	return "", nil
}

// placeholder tells whether the picture is one.
func (o *ofPicture) placeholder(limit int) (bool, error) {
	if limit == 0 || len(o.ends) < limit {
		return false, nil
	}
	o.rows = o.rows[:0]
	for i := range o.ends {
		o.rows = append(o.rows, o.row(i))
	}
	detail, err := placeholderTexts(o.rows, limit)
	return detail != "", err
}

func (o *ofPicture) reset() {
	o.arena, o.ends, o.pairs, o.more, o.uses = o.arena[:0], o.ends[:0], o.pairs[:0], 0, 0
}
