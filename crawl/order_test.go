package crawl

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSlowHost has a host that does not answer until pages three levels further
// on were asked for on another.
func TestSlowHost(t *testing.T) {
	slow, quick := newWeb(t, "127.0.0.2"), newWeb(t, "127.0.0.3")
	slow.set("/", img("home", "/slow", "/more"))
	slow.set("/slow", img("slow", "/after"))
	slow.set("/more", img("more"))
	slow.set("/after", img("after"))
	for n := range 5 {
		quick.set(fmt.Sprintf("/%d", n), img(fmt.Sprint(n), fmt.Sprintf("/%d", n+1)))
	}
	reached := make(chan struct{})
	slow.before = func(path string) {
		if path == "/slow" {
			<-reached
		}
	}
	quick.before = func(path string) {
		if path == "/4" {
			close(reached)
		}
	}
	c := newCrawling(t, slow.URL+"/", quick.URL+"/0")
	c.options.Patience, c.options.MaxPages = time.Millisecond, 10
	r := c.run()
	// /5 is the one that is not there.
	if r.Tally.Kept != 9 || r.Tally.Dropped["http_404"] != 1 || r.Spent != "" {
		t.Errorf("%+v, %+v", r, r.Tally)
	}
	slices.Sort(c.texts)
	if got := strings.Join(c.texts, " "); got != "0 1 2 3 4 after home more slow" {
		t.Errorf("candidates %s", got)
	}
}

// TestSteer has pages that speak of foxes, by the text or the address of their
// link, among others; a budget reaches the foxes first, level by level.
func TestSteer(t *testing.T) {
	w := newWeb(t, "127.0.0.1")
	home := img("home")
	for n := range 20 {
		plain, named, text := fmt.Sprintf("/plain/%d", n), fmt.Sprintf("/red-fox_%d", n), fmt.Sprintf("/text/%d", n)
		home += fmt.Sprintf("<a href=%s>a page</a><a href=%s>a page</a><a href=%s>the fox of %d</a>", plain, named, text, n)
		w.set(plain, img("plain", plain+"/fox"))
		w.set(named, img("a fox"))
		w.set(text, img("a fox"))
	}
	w.set("/", home)
	score := func(text string) int64 {
		if slices.Contains(strings.Fields(text), "fox") {
			return 7
		}
		return 0
	}
	foxes := func(c *crawling) int {
		c.run()
		return len(slices.DeleteFunc(slices.Clone(c.texts), func(text string) bool { return text != "a fox" }))
	}
	var first []string
	for _, workers := range []int{1, 8} {
		c := newCrawling(t, w.URL+"/")
		c.score, c.options.MaxPages, c.options.Workers = score, 31, workers
		if n := foxes(c); n != 30 {
			t.Errorf("%d workers: %d of 30 pages are of foxes", workers, n)
		}
		if first == nil {
			first = c.texts
		}
		if !slices.Equal(first, c.texts) {
			t.Error("8 workers give other candidates than 1")
		}
		// A run has the scores of its own beginning, also for what it finds there.
		c.score, c.options.MaxPages = func(text string) int64 { return int64(strings.Count(text, "plain")) }, 20
		if n := foxes(c); n != 30 {
			t.Errorf("%d workers: %d pages of foxes after a run for others", workers, n)
		}
	}
	c := newCrawling(t, w.URL+"/")
	c.options.MaxPages = 31
	if n := foxes(c); n == 30 {
		t.Error("30 pages are of foxes without a score")
	}
	c = newCrawling(t, w.URL+"/")
	c.options.MaxPages, c.options.Steer, c.score = 31, false, score
	if n := foxes(c); n == 30 {
		t.Error("30 pages are of foxes with crawl.steer off")
	}
}
