package pipeline

import (
	"slices"
	"testing"
	"time"

	"github.com/pairloom/pairloom/crawl/fetch"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/internal/picture"
	"github.com/pairloom/pairloom/shard"
)

// When pictures are asked for again: the table of the function's comment.
func TestAgain(t *testing.T) {
	const never = -1
	h, day := time.Hour, 24*time.Hour
	for _, tt := range []struct {
		statuses []string
		pauses   []time.Duration // after so many failures in a row, or none
		not      []time.Duration // the same where fetch.revisit_after is 0
	}{
		{[]string{"http_429", "http_408", "http_425", "http_500", "http_502", "http_503", "http_504", gate.HostBusy, gate.ConnectionReset, gate.Timeout, gate.NetworkError,
			fetch.PictureGone, fetch.PictureChanged, fetch.PictureUnreadable},
			[]time.Duration{h, 2 * h, 4 * h, 8 * h, 16 * h, 32 * h, 64 * h, 128 * h, 240 * h, 240 * h}, []time.Duration{h, 2 * h}},
		{[]string{gate.ConnectionRefused, gate.RobotsUnreachable}, []time.Duration{6 * h, 12 * h, 24 * h, 48 * h, 96 * h, 192 * h, 240 * h, 240 * h}, []time.Duration{6 * h, 12 * h}},
		{[]string{gate.DNS}, []time.Duration{day, 2 * day, 4 * day, 8 * day, 10 * day, 10 * day}, []time.Duration{day, 2 * day, 4 * day, 8 * day, 16 * day, 30 * day}},
		{[]string{"", "http_404", "http_403", "http_401", "http_451", "http_400", gate.TooLarge, gate.TLS, gate.BadResponse, gate.RedirectLoop, gate.TooManyRedirects,
			gate.RobotsDisallowed, fetch.OptOut, gate.AddressRefused, picture.ReasonCorrupt, picture.ReasonFormatUnknown, picture.ReasonTooManyPixels, fetch.BadURL},
			[]time.Duration{10 * day}, []time.Duration{never}},
		{[]string{"http_410"}, []time.Duration{40 * day}, []time.Duration{never}},
	} {
		for _, status := range tt.statuses {
			for _, o := range []struct {
				FetchOptions
				want []time.Duration
			}{{FetchOptions{RevisitAfter: 10 * day}, tt.pauses}, {FetchOptions{}, tt.not}} {
				row := shard.Image{Status: status, FetchTime: dayZero.Unix(), HTTPStatus: 200}
				var got []time.Duration
				for i := range o.want {
					if fetch.Transient(status) {
						row.Tries = int32(i + 1)
					}
					after, ever := o.again(status, row.Tries)
					if !ever {
						after = never
					}
					got = append(got, after)
					// The stage and its calendar go by it.
					f := Fetch{Options: o.FetchOptions}
					row.Setting = fetch.Setting(&row, f.Gate)
					c := newCalendar()
					c.add(&row, o.FetchOptions)
					for _, moment := range []struct {
						at  time.Duration
						due bool
					}{{after - time.Second, false}, {after + h, true}, {100 * 365 * day, true}} {
						now := dayZero.Add(moment.at)
						want := moment.due && ever
						if due := f.due(&row, 0, now); due != want {
							t.Errorf("%q after %v, %d failures: due %v, want %v", status, moment.at, row.Tries, due, want)
						}
						if n := c.due(o.FetchOptions, f.Gate, now); (n > 0) != want {
							t.Errorf("%q after %v, %d failures: %d are due by the calendar, want %v", status, moment.at, row.Tries, n, want)
						}
					}
				}
				if !slices.Equal(got, o.want) {
					t.Errorf("%q: %v, want %v", status, got, o.want)
				}
			}
		}
	}
}
