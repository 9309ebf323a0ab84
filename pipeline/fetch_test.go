package pipeline

import (
	"strings"
	"testing"

	"github.com/pairloom/pairloom/crawl/fetch"
	"github.com/pairloom/pairloom/shard"
)

func TestAMissingOutcomeIsAnError(t *testing.T) {
	requests := []fetch.Request{{ImageID: 1, URL: "a"}, {ImageID: 2, URL: "b"}}
	fine := []shard.Image{{ImageID: 1, Bytes: []byte("jpeg")}, {ImageID: 2, Status: "http_404"}}
	for _, tt := range []struct {
		name string
		rows []shard.Image
		want string
	}{
		{"each has one", fine, ""},
		{"one too few", fine[:1], "1 outcomes of 2 pictures"},
		{"neither fetched nor dropped", []shard.Image{fine[0], {ImageID: 2}}, "picture b has no outcome"},
		{"another's", []shard.Image{fine[1], fine[1]}, "picture a has no outcome"},
	} {
		if err := answers(requests, tt.rows); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
