package stats

import (
	"strings"

	"github.com/pairloom/pairloom/shard"
)

// fetchErrors groups the drops of the stage named fetch into classes that say
// whose doing they were.
func fetchErrors(stages []shard.Tally) Names {
	counts := map[string]int64{}
	for _, t := range stages {
		if t.Stage != "fetch" {
			continue
		}
		for reason, n := range t.Dropped {
			counts[fetchClass(reason)] += n
		}
	}
	out := Names{}
	for class, n := range counts {
		out = append(out, Name{class, n})
	}
	sortNames(out)
	return out
}

// fetchClass is the class of a drop reason of crawl/gate, crawl/fetch or
// internal/picture, told by the words that those rooms use.
func fetchClass(reason string) string {
	switch {
	case strings.HasPrefix(reason, "http_") && len(reason) == len("http_404"):
		return "HTTP " + reason[5:6] + "xx"
	case reason == "picture_gone", reason == "picture_changed", reason == "picture_unreadable":
		return "a list's own file"
	case strings.HasPrefix(reason, "picture_"):
		return "not a usable picture"
	case strings.HasPrefix(reason, "robots_"), strings.HasPrefix(reason, "opt_out"):
		return "the site says no"
	}
	switch reason {
	case "address_refused", "port_refused", "scheme_refused", "bad_url", "too_large", "host_busy":
		return "our own limits"
	case "too_many_redirects", "redirect_loop", "bad_redirect", "bad_response", "bad_encoding":
		return "a broken answer"
	}
	return "network"
}
