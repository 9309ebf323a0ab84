package crawl

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/shard"
)

const (
	leaseBatch   = 256    // pages taken from the frontier at one time
	maxLeased    = 50_000 // pages held in memory
	commitBatch  = 64     // results stored in one transaction
	commitEvery  = time.Second
	progressStep = 100 * time.Millisecond
	drainGrace   = 10 * time.Second // for pages under way when the run is cancelled
)

// File is the frontier's path in a project folder.
func File(dir string) string { return filepath.Join(dir, "crawl.db") }

// Run crawls until nothing is left, a budget is used up, or ctx ends. In the
// first two cases write gets the tally and all candidates, ordered by page
// address; it may be called with candidates of earlier runs alone. The run ends
// after write has returned, so that a kill within it resumes the same run. When
// ctx ends, pages under way are finished and stored, write is not called, and
// ctx's error is returned with the tally so far.
//
// The tally is that of the frontier: all pages decided in this run or before.
// The caller holds the lock of dir. progress may be nil.
func Run(ctx context.Context, dir string, o Options, g *gate.Gate, write func(*shard.Tally, iter.Seq2[shard.Candidate, error]) error,
	now func() time.Time, progress func(done, total int64)) (*shard.Tally, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	f, resumed, err := frontier.Open(File(dir), now().Unix())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c := &crawler{o: o, gate: g, frontier: f, now: now, progress: progress}
	if err := c.begin(resumed); err != nil {
		return nil, err
	}
	stopped, err := c.crawl(ctx)
	if err != nil {
		return nil, err
	}
	tally, err := f.Tally()
	if err != nil {
		return nil, err
	}
	if stopped {
		return tally, ctx.Err()
	}
	if err := write(tally, f.Candidates()); err != nil {
		return nil, err
	}
	if err := f.FinishRun(now().Unix()); err != nil {
		return nil, err
	}
	return tally, nil
}

// crawler is one call of Run. Only its coordinator touches the fields below
// schedule.
type crawler struct {
	o        Options
	gate     *gate.Gate
	frontier *frontier.Frontier
	scope    *scope
	now      func() time.Time
	progress func(done, total int64)

	schedule  *schedule
	unstored  []frontier.Result
	storedAt  time.Time
	inFlight  int
	done      int64
	total     int64
	shownAt   time.Time
	leavesOut bool // the level has no more pages to lease
	futile    bool // the last lease brought no host whose turn it is
}

// settings are the options that decide which pages belong to a crawl.
type settings struct {
	Seeds, Hosts []string
	Scope        string
	MaxHops      int
	MaxPerHost   int
}

// begin prepares the frontier: seeds, changed rules, pages that are due.
func (c *crawler) begin(resumed bool) error {
	var seeds []string
	var links []frontier.Link
	for _, s := range c.o.Seeds {
		u, err := seedURL(s)
		if err != nil {
			return err
		}
		seeds = append(seeds, u)
		links = append(links, frontier.Link{URL: u})
	}
	var err error
	if c.scope, err = newScope(c.o, seeds); err != nil {
		return err
	}
	text, err := json.Marshal(settings{c.o.Seeds, c.o.Hosts, c.o.Scope, c.o.MaxHops, c.o.MaxPerHost})
	if err != nil {
		return err
	}
	old, err := c.frontier.Setting("scope")
	if err != nil {
		return err
	}
	if old != string(text) {
		if old != "" {
			if err := c.frontier.Rejudge(c.scope.judge); err != nil {
				return err
			}
		}
		if err := c.frontier.SetSetting("scope", string(text)); err != nil {
			return err
		}
	}
	if !resumed {
		if err := c.frontier.Due(c.now().Add(-c.o.RevisitAfter).Unix(), passing()); err != nil {
			return err
		}
	}
	return c.frontier.Seed(links)
}

// passing are the reasons for which the next run asks again.
func passing() []string {
	return []string{gate.RobotsUnreachable, gate.HostBusy, gate.Timeout, gate.DNS, gate.ConnectionReset, gate.ConnectionRefused, gate.NetworkError,
		"http_408", "http_425", "http_429", "http_500", "http_502", "http_503", "http_504"}
}

// crawl runs the workers. stopped says that ctx ended first.
func (c *crawler) crawl(ctx context.Context) (stopped bool, err error) {
	counts, err := c.frontier.Counts()
	if err != nil {
		return false, err
	}
	c.done, c.total = counts.Kept+counts.Dropped, counts.Pages
	// Pages under way outlive ctx, so that what was asked of a server is not
	// thrown away; hard ends them.
	hard, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	work := make(chan frontier.Lease)
	results := make(chan outcome, c.o.Workers)
	var workers errgroup.Group
	for range max(1, c.o.Workers) {
		workers.Go(func() error {
			v := newVisitor(hard, c.gate, c.scope, max(1, c.o.Attempts), c.now)
			for l := range work {
				r, ok := v.visit(l)
				results <- outcome{r, ok}
			}
			return nil
		})
	}
	stopped, err = c.coordinate(ctx, cut, work, results)
	close(work)
	cut()
	for c.inFlight > 0 { // only after an error
		<-results
		c.inFlight--
	}
	workers.Wait()
	return stopped, err
}

// outcome is a worker's answer; ok is false when the visit was cut off.
type outcome struct {
	result frontier.Result
	ok     bool
}

// coordinate hands out pages and stores results until the crawl is over.
func (c *crawler) coordinate(ctx context.Context, cut func(), work chan<- frontier.Lease, results <-chan outcome) (stopped bool, err error) {
	var deadline <-chan time.Time
	if c.o.MaxDuration > 0 {
		t := time.NewTimer(c.o.MaxDuration)
		defer t.Stop()
		deadline = t.C
	}
	tick := time.NewTicker(commitEvery)
	defer tick.Stop()
	ended := ctx.Done()
	var grace <-chan time.Time
	c.storedAt = time.Now()
	hops, ok, err := c.frontier.Level(c.o.MaxPerHost, HostCap, fmt.Sprintf("crawl.max_per_host = %d", c.o.MaxPerHost))
	if err != nil || !ok {
		return false, err
	}
	c.schedule = newSchedule(c.gate.ConnectionsPerHost(), c.gate.Wait)
	idle := time.NewTimer(time.Hour)
	defer idle.Stop()
	draining := ctx.Err() != nil
	if draining {
		return true, nil
	}
	for {
		if !draining {
			if err := c.refill(hops); err != nil {
				return false, err
			}
		}
		l, wait, ready := frontier.Lease{}, time.Duration(0), false
		if !draining {
			l, wait, ready = c.schedule.next()
		}
		if !ready && c.inFlight == 0 && (draining || c.schedule.pages == 0 && c.leavesOut) {
			if err := c.store(); err != nil || draining {
				return ctx.Err() != nil, err
			}
			// The level is done, or the budget is. A page to be tried again
			// is pending at this level still.
			level, ok, err := c.frontier.Level(c.o.MaxPerHost, HostCap, fmt.Sprintf("crawl.max_per_host = %d", c.o.MaxPerHost))
			if err != nil || !ok {
				return false, err
			}
			hops, c.leavesOut = level, false
			if err := c.refill(hops); err != nil {
				return false, err
			}
			if c.schedule.pages == 0 { // nothing to lease: the budget is used up
				return false, nil
			}
			continue
		}
		out := work
		if !ready || wait > 0 {
			out = nil
		}
		if idle.Stop(); ready && wait > 0 {
			idle.Reset(wait)
		}
		select {
		case out <- l:
			c.schedule.take()
			c.inFlight++
		case o := <-results:
			c.inFlight--
			c.schedule.done(o.result.Lease.Host)
			if o.ok {
				c.unstored = append(c.unstored, o.result)
				c.show(&o.result)
			}
			if len(c.unstored) >= commitBatch {
				if err := c.store(); err != nil {
					return false, err
				}
			}
		case <-idle.C:
		case <-tick.C:
			if time.Since(c.storedAt) >= commitEvery {
				if err := c.store(); err != nil {
					return false, err
				}
			}
		case <-deadline:
			draining, deadline = true, nil
		case <-ended:
			draining, ended = true, nil
			t := time.NewTimer(drainGrace)
			defer t.Stop()
			grace = t.C
		case <-grace:
			cut()
		}
	}
}

// refill leases pages while no host is ready and the level has some. When the
// pages are all of hosts that are busy, more of them would only fill memory.
func (c *crawler) refill(hops int) error {
	for !c.leavesOut && len(c.schedule.ready) == 0 && c.schedule.pages < maxLeased && (!c.futile || c.schedule.pages < leaseBatch) {
		leases, err := c.frontier.Lease(hops, leaseBatch, c.o.MaxPages)
		if err != nil {
			return err
		}
		if len(leases) == 0 {
			c.leavesOut = true
		}
		for _, l := range leases {
			c.schedule.add(l)
		}
		c.futile = len(c.schedule.ready) == 0
	}
	return nil
}

// store commits what workers have brought.
func (c *crawler) store() error {
	added, dropped, err := c.frontier.Commit(c.unstored)
	c.total, c.done = c.total+added, c.done+dropped
	clear(c.unstored)
	c.unstored, c.storedAt = c.unstored[:0], time.Now()
	if err != nil {
		return fmt.Errorf("%w; the pages of the last second are asked for again by the next run", err)
	}
	return nil
}

// show counts a page for the progress bar.
func (c *crawler) show(r *frontier.Result) {
	if r.Again {
		return
	}
	c.done++
	if c.progress == nil || time.Since(c.shownAt) < progressStep {
		return
	}
	c.shownAt = time.Now()
	c.progress(c.done, max(c.done, c.total))
}
