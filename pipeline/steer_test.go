package pipeline

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pairloom/pairloom/crawl"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/shard"
)

// animals are queries of which the site has one page each.
var animals = strings.Fields("badger beaver bison camel cheetah deer dolphin eagle falcon gazelle heron ibex jackal kangaroo lemur lynx moose otter panda puffin")

// zoo is a site whose home leads to 60 pages about foxes and to one about each
// animal, by the text of the link alone.
func zoo(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		var fox, i int
		switch {
		case r.URL.Path == "/":
			for i := range 60 {
				fmt.Fprintf(w, "<a href=/f/%d>a fox</a>", i)
			}
			for i, a := range animals {
				fmt.Fprintf(w, "<a href=/p/%d>a %s</a>", i, a)
			}
		case scan(r.URL.Path, "/f/%d", &fox):
			fmt.Fprintf(w, "<img src=/f%d.jpg alt='fox number %d'>", fox, fox)
		case scan(r.URL.Path, "/p/%d", &i) && i < len(animals):
			fmt.Fprintf(w, "<img src=/p%d.jpg alt='young %s'>", i, animals[i])
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL + "/"
}

func scan(text, format string, into *int) bool {
	n, err := fmt.Sscanf(text, format, into)
	return n == 1 && err == nil
}

// TestSteeredByTheDataset crawls in two runs of equal budgets, with matching
// between them: the second reaches more queries that have few pairs when it is
// steered by what was matched.
func TestSteeredByTheDataset(t *testing.T) {
	seed := zoo(t)
	reached := func(steer bool, workers int) (queries int) {
		dir := t.TempDir()
		writeList(t, dir+"/list.zst", append([]string{"fox"}, animals...)...)
		o := testOptions()
		o.Crawl = crawl.Options{Seeds: []string{seed}, Scope: "host", MaxHops: 3, MaxPages: 25, Workers: workers, Attempts: 1, RevisitAfter: time.Hour, PartCandidates: 10, Steer: steer}
		o.Gate = gate.Options{Contact: "mailto:test@example.org", UserAgent: "pairloom", AllowAddresses: []string{"127.0.0.1"}, ConnectionsPerHost: 4,
			DialTimeout: time.Hour, HeaderTimeout: time.Hour, TotalTimeout: time.Hour, MaxPageBytes: 1 << 16, RobotsMaxBytes: 1 << 12, RobotsTTL: time.Hour}
		now := func() time.Time { return time.Unix(1_700_000_000, 0) }
		for range 2 {
			for _, s := range Road(Work{Dir: dir, Options: *o, Now: now})[:2] {
				out, err := s.Run(context.Background(), func(int64, int64) {})
				if err != nil {
					t.Fatal(err)
				}
				if c, ok := out.Result.(Crawled); ok && (c.Asked != 25 || !strings.Contains(c.Note, "25 pages asked for by crawl.max_pages, ") || !strings.HasSuffix(c.Note, " left; run again to go on")) {
					t.Errorf("the crawl says %q of %+v", c.Note, c.Result)
				}
			}
		}
		seen := map[uint32]bool{}
		for _, row := range rowsOf[shard.Matched](t, dir, shard.MatchedFolder) {
			for _, id := range row.QueryIDs {
				seen[id] = true
			}
		}
		return len(seen)
	}
	without, with := reached(false, 1), reached(true, 1)
	if with != len(animals)+1 || without >= with {
		t.Errorf("%d queries reached when steered, %d when not, of %d", with, without, len(animals)+1)
	}
	if again := reached(true, 4); again != with {
		t.Errorf("%d queries with 4 workers, %d with 1", again, with)
	}
}

// What is wanted of a text falls with the pairs that its queries have.
func TestWanted(t *testing.T) {
	dir := t.TempDir()
	writeList(t, dir+"/list.zst", "fox", "otter", "puffin")
	writeCandidates(t, dir, map[string]string{"crawl": "p 1 alt fox\np 2 alt fox\np 3 alt fox\np 4 alt otter"})
	o := testOptions()
	o.Crawl.Steer = true
	list := NewQueryList(dir, o.Match.Queries)
	c := Crawl{Dir: dir, Options: o.Crawl, List: list, Mode: o.Match.Mode}
	if score, done, err := c.steer(); score != nil || err != nil {
		t.Errorf("before matching: %v", err)
	} else {
		done()
	}
	runStages(t, dir, o, MatchName)
	score, done, err := c.steer()
	if err != nil || score == nil {
		t.Fatal("no score", err)
	}
	for _, tt := range []struct {
		text string
		want int64
	}{
		{"a fox", 250}, {"an otter", 500}, {"a puffin", 1000}, {"a puffin and a fox", 1250}, {"fox fox", 250}, {"nothing", 0}, {"", 0},
	} {
		if got := score(tt.text); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.text, got, tt.want)
		}
	}
	done()
	writeList(t, dir+"/list.zst", "puffin", "fox")
	c.List = NewQueryList(dir, o.Match.Queries)
	if score, done, err := c.steer(); score != nil || err != nil {
		t.Errorf("matched by another list: %v", err)
	} else {
		done()
	}
	c.Options.Steer = false
	if score, done, err := c.steer(); score != nil || err != nil {
		t.Errorf("off: %v", err)
	} else {
		done()
	}
}
