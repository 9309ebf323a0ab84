package pipeline

import (
	"errors"
	"testing"

	"github.com/pairloom/pairloom/crawl"
	"github.com/pairloom/pairloom/shard"
)

func TestCrawlNote(t *testing.T) {
	for _, tt := range []struct {
		name   string
		result crawl.Result
		want   string
	}{
		{"all was done", crawl.Result{NotRefreshed: map[string]int64{}}, ""},
		{"a budget", crawl.Result{Spent: "crawl.max_pages", Asked: 25, Left: 3}, "crawl.max_pages reached: 25 pages asked for, 3 left; run again to go on"},
		{"a server is down", crawl.Result{NotRefreshed: map[string]int64{"robots_unreachable": 5}}, "5 pages could not be refreshed: robots_unreachable 5; what is known of them stays"},
		{"several are", crawl.Result{NotRefreshed: map[string]int64{"robots_unreachable": 5, "http_503": 1}}, "6 pages could not be refreshed: http_503 1, robots_unreachable 5; what is known of them stays"},
	} {
		if got := noteOf(&tt.result); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestNothingKept(t *testing.T) {
	for _, tt := range []struct {
		dropped map[string]int64
		want    string
	}{
		{nil, "crawl kept nothing of 5 pages"},
		{map[string]int64{"robots_disallowed": 5}, "crawl kept nothing of 5 pages (robots_disallowed 5)"},
		{map[string]int64{"a": 1, "b": 1, "c": 1, "d": 2}, "crawl kept nothing of 5 pages (d 2, a 1, b 1)"},
	} {
		tally := shard.NewTally("crawl", "pages", "candidates")
		tally.In, tally.Dropped = 5, tt.dropped
		if err := error(&nothingKept{tally}); err.Error() != tt.want || !errors.Is(err, ErrNothingKept) {
			t.Errorf("%q, want %q", err, tt.want)
		}
	}
}
