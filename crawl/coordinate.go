package crawl

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pairloom/pairloom/crawl/archive"
	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/crawl/gate"
)

const (
	leaseBatch   = 256    // pages taken from the frontier at one time
	maxFutile    = 4096   // pages held while none of them may be asked for yet
	maxLeased    = 50_000 // pages held in memory
	commitBatch  = 256    // results stored in one transaction
	commitLinks  = 20_000 // or so many links
	commitEvery  = time.Second
	progressStep = 100 * time.Millisecond
	drainGrace   = 10 * time.Second // for pages under way when the run is cancelled
)

// The budgets that may end a run.
const (
	budgetPages    = "crawl.max_pages"
	budgetBytes    = "crawl.max_bytes"
	budgetDuration = "crawl.max_duration"
)

// crawler is one call of Run. Only its coordinator touches the fields below
// schedule.
type crawler struct {
	job      Job
	o        Options
	gate     *gate.Gate
	frontier *frontier.Frontier
	scope    *scope
	now      func() time.Time
	began    time.Time       // the run, by now
	warc     *archive.Writer // nil without crawl.warc

	schedule *schedule
	level    frontier.Level
	levelOut bool                   // the level has no more pages to lease
	out      map[frontier.Level]int // pages leased that have no result yet
	over     bool                   // there is nothing more to lease
	awaited  bool                   // there is nothing to lease until a page under way comes back
	futile   bool                   // the last lease brought no host whose turn it is
	alone    bool                   // later levels have nothing for hosts that are idle
	moved    time.Time              // when a page of the level was last handed out, or came back
	spent    string                 // the budget that ended the run
	draining bool                   // no more pages are handed out
	bytes    int64                  // read in this run

	unstored []frontier.Result
	links    int // of unstored
	storing  bool
	store    chan []frontier.Result
	stored   chan stored
	storedAt time.Time
	inFlight int
	done     int64
	total    int64
	shownAt  time.Time
}

// outcome is a worker's answer; ok is false when the visit was cut off.
type outcome struct {
	result frontier.Result
	ok     bool
}

// stored is the end of a transaction.
type stored struct {
	results        []frontier.Result // emptied, to be used again
	added, dropped int64
	err            error
}

// crawl runs the workers. stopped says that ctx ended first, spent which budget
// ended it.
func (c *crawler) crawl(ctx context.Context) (spent string, stopped bool, err error) {
	if ctx.Err() != nil {
		return "", true, nil
	}
	counts, err := c.frontier.Counts()
	if err != nil {
		return "", false, err
	}
	used, err := c.frontier.Spent()
	if err != nil {
		return "", false, err
	}
	c.done, c.total, c.bytes = counts.Kept+counts.Dropped, counts.Pages, used.Bytes
	// Pages under way outlive ctx, so that what was asked of a server is not
	// thrown away; hard ends them.
	hard, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	work := make(chan frontier.Lease)
	results := make(chan outcome, c.o.Workers)
	c.store, c.stored = make(chan []frontier.Result), make(chan stored, 1)
	var workers errgroup.Group
	for range max(1, c.o.Workers) {
		workers.Go(func() error {
			v := newVisitor(hard, c)
			for l := range work {
				r, ok := v.visit(l)
				results <- outcome{r, ok}
			}
			return nil
		})
	}
	// What this run itself has asked for is not due once more.
	due := func() int64 {
		return min(c.now().Add(-revisit(c.o.RevisitAfter).Least).Unix(), c.began.Unix()-1)
	}
	workers.Go(func() error {
		for batch := range c.store {
			s := stored{results: batch}
			if s.err = c.keptPages(); s.err != nil {
				c.stored <- s
				continue
			}
			s.added, s.dropped, s.err = c.frontier.Commit(batch, due())
			clear(s.results)
			s.results = s.results[:0]
			c.stored <- s
		}
		return nil
	})
	err = c.coordinate(ctx, cut, work, results)
	close(work)
	cut()
	for c.inFlight > 0 { // only after an error
		<-results
		c.inFlight--
	}
	close(c.store)
	workers.Wait()
	return c.spent, ctx.Err() != nil, err
}

// keptPages puts what was written of pages out of the program's hands before the
// frontier has them: a kill behind that loses no record of a page that is kept.
func (c *crawler) keptPages() error {
	if c.warc == nil {
		return nil
	}
	if err := c.warc.Flush(); err != nil {
		return fmt.Errorf("keep pages as WARC files: %w", err)
	}
	return nil
}

// coordinate hands out pages and stores results until the crawl is over.
func (c *crawler) coordinate(ctx context.Context, cut func(), work chan<- frontier.Lease, results <-chan outcome) error {
	deadline := newAlarm(c.o.MaxDuration)
	defer deadline.Stop()
	grace := newAlarm(0)
	defer func() { grace.Stop() }()
	tick := time.NewTicker(commitEvery)
	defer tick.Stop()
	clock := c.gate.Clock()
	idle := &sleeper{clock: clock, woken: make(chan struct{}, 1)}
	defer idle.stop()
	ended := ctx.Done()
	c.schedule = newSchedule(clock.Now, c.gate.ConnectionsPerHost(), c.gate.Wait)
	c.out, c.levelOut = map[frontier.Level]int{}, true
	c.storedAt, c.moved = time.Now(), clock.Now()
	for {
		if ended != nil && ctx.Err() != nil {
			c.draining, ended = true, nil
			grace = newAlarm(drainGrace)
		}
		var l frontier.Lease
		var wait time.Duration
		ready := false
		if !c.draining {
			if err := c.refill(); err != nil {
				return err
			}
			l, wait, ready = c.schedule.next()
		}
		if c.inFlight == 0 && (c.draining || c.over && c.schedule.pages == 0) {
			return c.flush()
		}
		out := work
		if !ready || wait > 0 || len(c.unstored) >= 4*commitBatch {
			out = nil
		}
		if idle.stop(); ready && wait > 0 {
			idle.sleep(wait)
		} else if until := c.o.Patience - clock.Now().Sub(c.moved); !ready && until > 0 && c.inFlight < c.o.Workers {
			idle.sleep(until)
		}
		select {
		case out <- l:
			c.schedule.take()
			c.inFlight++
			c.move(l.Level)
		case o := <-results:
			if err := c.take(&o); err != nil {
				return err
			}
		case s := <-c.stored:
			if err := c.settle(s); err != nil {
				return err
			}
		case <-idle.woken:
		case <-tick.C:
			if time.Since(c.storedAt) >= commitEvery {
				if err := c.send(); err != nil {
					return err
				}
			}
		case <-deadline.C:
			c.end(budgetDuration)
			grace = newAlarm(max(c.o.MaxDuration/10, 1))
		case <-ended: // see above
		case <-grace.C:
			cut()
		}
	}
}

// sleeper wakes the coordinator by the gate's clock.
type sleeper struct {
	clock gate.Clock
	woken chan struct{}
	end   func() // of the sleep under way; nil when there is none
}

func (s *sleeper) sleep(d time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if s.clock.Sleep(ctx, d) == nil {
			s.woken <- struct{}{}
		}
	}()
	s.end = func() { cancel(); <-done }
}

// stop ends the sleep, so that it wakes nobody.
func (s *sleeper) stop() {
	if s.end == nil {
		return
	}
	s.end()
	s.end = nil
	select {
	case <-s.woken:
	default:
	}
}

// newAlarm rings once, after d; 0 is never.
func newAlarm(d time.Duration) *time.Timer {
	if d > 0 {
		return time.NewTimer(d)
	}
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// end lets pages under way come in, and hands out no more.
func (c *crawler) end(budget string) {
	if !c.draining {
		c.draining, c.spent = true, budget
	}
}

// move notes that something happened at a level.
func (c *crawler) move(at frontier.Level) {
	if at == c.level {
		c.moved = c.gate.Clock().Now()
	}
}

// take notes a page that came back.
func (c *crawler) take(o *outcome) error {
	c.inFlight--
	c.awaited = false
	c.move(o.result.Lease.Level)
	c.out[o.result.Lease.Level]--
	c.schedule.done(o.result.Lease.Host)
	if !o.ok {
		return nil
	}
	c.unstored = append(c.unstored, o.result)
	c.links += len(o.result.Links)
	c.bytes += o.result.Bytes
	if c.o.MaxBytes > 0 && c.bytes >= c.o.MaxBytes {
		c.end(budgetBytes)
	}
	c.show(&o.result)
	if len(c.unstored) >= commitBatch || c.links >= commitLinks {
		return c.send()
	}
	return nil
}

// refill leases pages while nothing can be handed out and there are some. When
// pages are all of hosts that are busy, more of them would only fill memory.
func (c *crawler) refill() error {
	for !c.over && c.schedule.pages < maxLeased && (!c.futile || c.schedule.pages < maxFutile) {
		if _, wait, ready := c.schedule.next(); ready && wait == 0 {
			return nil
		}
		if !c.levelOut {
			n, err := c.lease(c.level, nil)
			if err != nil {
				return err
			}
			c.levelOut = n == 0
			continue
		}
		if c.out[c.level] > 0 {
			return c.goAhead()
		}
		if c.awaited {
			return nil
		}
		if err := c.nextLevel(); err != nil {
			return err
		}
	}
	return nil
}

// nextLevel begins the nearest level that has pages for this run, once all that
// the last one said is stored. A page to be tried again is pending at its level
// still.
func (c *crawler) nextLevel() error {
	if err := c.flush(); err != nil {
		return err
	}
	for {
		level, ok, err := c.frontier.Level(nil)
		if err != nil {
			return err
		}
		if !ok { // but what was asked for ahead, and has not come back, may say more
			c.awaited = c.inFlight+c.schedule.pages > 0
			c.over = !c.awaited
			return nil
		}
		n, err := c.lease(level, nil)
		if err != nil {
			return err
		}
		if n > 0 {
			c.level, c.levelOut, c.alone = level, false, false
			c.move(level)
			return nil
		}
		// Its pages are past their hosts' caps and so no longer pending, or the
		// budget is used up.
		if again, ok, err := c.frontier.Level(nil); err != nil || ok && again == level {
			c.over, c.spent = true, budgetPages
			return err
		}
	}
}

// lease takes pages of a level into the schedule.
func (c *crawler) lease(level frontier.Level, skip func(host string) bool) (int, error) {
	leases, err := c.frontier.Lease(level, leaseBatch, frontier.Rules{
		Budget: c.o.MaxPages, PerHost: c.o.MaxPerHost, Reason: HostCap, Rule: fmt.Sprintf("crawl.max_per_host = %d", c.o.MaxPerHost), Skip: skip,
	})
	if err != nil {
		return 0, err
	}
	for _, l := range leases {
		c.schedule.add(l)
	}
	c.out[level] += len(leases)
	_, wait, ready := c.schedule.next()
	c.futile = !ready || wait > 0
	return len(leases), nil
}

// goAhead leases pages of later levels on hosts that have nothing to do, when all
// that is left of the level waits for hosts that are slow.
func (c *crawler) goAhead() error {
	if c.o.Patience == 0 || c.inFlight >= c.o.Workers {
		return nil
	}
	if _, wait, ready := c.schedule.next(); ready && wait <= c.o.Patience || !ready && c.gate.Clock().Now().Sub(c.moved) < c.o.Patience {
		return nil
	}
	if c.storing || len(c.unstored) > 0 { // what came back may have more to ask for
		return c.send()
	}
	if c.alone {
		return nil
	}
	for level := c.level; ; {
		next, ok, err := c.frontier.Level(&level)
		if err != nil || !ok {
			c.alone = true // until more is stored
			return err
		}
		if n, err := c.lease(next, c.schedule.has); err != nil || n > 0 {
			return err
		}
		level = next
	}
}

// send gives what workers have brought to be stored, unless a batch is under way.
func (c *crawler) send() error {
	if c.storing || len(c.unstored) == 0 {
		return nil
	}
	c.store <- c.unstored
	c.storing, c.unstored, c.links, c.storedAt = true, nil, 0, time.Now()
	return nil
}

// settle takes in the end of a batch.
func (c *crawler) settle(s stored) error {
	c.storing, c.alone = false, false
	c.total, c.done = c.total+s.added, c.done+s.dropped
	if s.err != nil {
		return fmt.Errorf("%w; the pages of the last second are asked for again by the next run", s.err)
	}
	if c.unstored == nil {
		c.unstored = s.results
	}
	if len(c.unstored) >= commitBatch || c.links >= commitLinks {
		return c.send()
	}
	return nil
}

// flush stores all that workers have brought.
func (c *crawler) flush() error {
	for {
		if err := c.send(); err != nil {
			return err
		}
		if !c.storing {
			return nil
		}
		if err := c.settle(<-c.stored); err != nil {
			return err
		}
	}
}

// show counts a page for the progress bar.
func (c *crawler) show(r *frontier.Result) {
	if r.Again {
		return
	}
	c.done++
	if c.job.Progress == nil || time.Since(c.shownAt) < progressStep {
		return
	}
	c.shownAt = time.Now()
	c.job.Progress(c.done, max(c.done, c.total))
}
