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
		{"one too few", fine[:1], "picture b has no outcome"},
		{"neither fetched nor dropped", []shard.Image{fine[0], {ImageID: 2}}, "picture b has no outcome"},
		{"another's", []shard.Image{fine[1], fine[1]}, "picture a has no outcome"},
	} {
		b := batch{questions: []question{{Request: requests[0]}, {Request: requests[1]}}, answers: make([]handRow, 2)}
		var h hand
		for i := range tt.rows {
			b.answers[i] = h.add(&tt.rows[i])
		}
		var err error
		for i := range b.questions {
			if _, fault := b.row(i); err == nil {
				err = fault
			}
		}
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
