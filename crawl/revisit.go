package crawl

import (
	"time"

	"github.com/pairloom/pairloom/crawl/frontier"
)

const (
	day        = 24 * time.Hour
	usualPace  = 1000
	leastVisit = day
	mostVisit  = 90 * day
)

// revisit bounds the time between two visits: one day to 90, and what
// crawl.revisit_after asks for where it is outside.
func revisit(after time.Duration) frontier.Revisit {
	return frontier.Revisit{After: after, Least: min(leastVisit, after), Most: max(mostVisit, after)}
}

// paceAfter is a page's pace after a visit that found it changed or not: as Nutch
// does it, a fifth less or two fifths more, within the bounds of revisit.
func paceAfter(pace int, changed bool, after time.Duration) int {
	if pace == 0 {
		pace = usualPace
	}
	factor := 1.4
	if changed {
		factor = 0.8
	}
	return paceFor(after.Seconds()*float64(pace)/usualPace*factor, after)
}

// paceFor is the pace of a page that is to be visited after so many seconds.
func paceFor(every float64, after time.Duration) int {
	if after <= 0 {
		return usualPace
	}
	r := revisit(after)
	return int(max(1, min(max(every, r.Least.Seconds()), r.Most.Seconds())*usualPace/after.Seconds()))
}
