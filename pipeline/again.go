package pipeline

import (
	"time"

	"github.com/pairloom/pairloom/crawl/fetch"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/shard"
)

// longestPause bounds the pauses after failures where fetch.revisit_after does not.
const longestPause = 30 * 24 * time.Hour

// goneFor is how many times fetch.revisit_after a picture is left alone whose server
// says that it is gone for good (RFC 9110, 15.5.11).
const goneFor = 4

// again says when a picture is asked for again, by how it was answered last: its
// status, "" for one that is stored, and how often in a row it could not be had for a
// passing reason. A page that is read anew and still names the picture, and a setting
// that is another, lead to it sooner. ever is false where only these do.
//
//	what was the answer                                            asked again after
//	the server is busy or broken: 429, 408, 425, 5xx, host_busy    1 hour, then twice as long each time
//	the connection broke off, or nothing came in time              1 hour, then twice as long each time
//	nothing listens, or robots.txt cannot be had                   6 hours, then twice as long each time
//	there is no such name                                          1 day, then twice as long each time
//	a file that a list names is not there, or another              1 hour, then twice as long each time
//	it is stored; it is none that we decode; 404, 403 and others;
//	robots.txt or a wish forbids it; a limit or setting refuses it fetch.revisit_after
//	it is gone for good: 410                                       4 times fetch.revisit_after
//
// Pauses after failures grow up to fetch.revisit_after, or 30 days where that is 0.
func (o FetchOptions) again(status string, tries int32) (after time.Duration, ever bool) {
	if tries == 0 {
		if status == "http_410" {
			return goneFor * o.RevisitAfter, o.RevisitAfter > 0
		}
		return o.RevisitAfter, o.RevisitAfter > 0
	}
	first := time.Hour
	switch status {
	case gate.ConnectionRefused, gate.RobotsUnreachable:
		first = 6 * time.Hour
	case gate.DNS:
		first = 24 * time.Hour
	}
	most := longestPause
	if o.RevisitAfter > 0 {
		most = max(o.RevisitAfter, first)
	}
	return min(most, first<<min(tries-1, 20)), true
}

// due tells whether a picture is to be asked for again that was last asked for as i
// says, by its FetchTime, Tries and what [fetch.Reconsider] reads; crawled is when
// a page that names it was last read. A page that answers that it is unchanged keeps
// the time at which it was read, and so does an archive's. A time to come is some
// archive's error.
func (f *Fetch) due(i *shard.Image, crawled int64, now time.Time) bool {
	if crawled > i.FetchTime && crawled <= now.Unix() {
		return true
	}
	n := tries(i)
	if i.Status == ReasonRefused && n == 0 { // see [fetching.lifted]
		return false
	}
	if n > 0 && f.Options.Retry || n == 0 && fetch.Reconsider(i, f.Gate) {
		return true
	}
	after, ever := f.Options.again(i.Status, n)
	return ever && (n > 0 || !fetch.Local(i)) && !now.Before(time.Unix(i.FetchTime, 0).Add(after))
}
