package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/pairloom/pairloom/pipeline"
)

const limitHelp = "stop after this `time`, such as 8h: keep what is done and exit 0; the next run goes on"

const runLimitHelp = "stop after this `time`, such as 8h, half of it for the crawl: keep what is done and exit 0; the next run goes on"

// crawlShare is the time that the crawl of a run has, 0 for no limit: own is
// crawl.max_duration. A site that never ends would leave none to the stages behind,
// so that the crawl, which comes first, has half of the run's limit.
func crawlShare(o runOptions, own time.Duration) time.Duration {
	if o.limit == 0 || o.to == pipeline.CrawlName {
		return own
	}
	share := max(o.limit/2, 1)
	if own > 0 {
		share = min(share, own)
	}
	return share
}

// leastGrace is what work in hand has at least to come to its end.
const leastGrace = 30 * time.Second

// graceOf is the time after a limit at which the program ends, whatever is still
// in hand: a tenth of the limit.
func graceOf(limit time.Duration) time.Duration { return max(limit/10, leastGrace) }

// within ends the work of f at the limit, 0 being none. Where alone is set the
// work looks at the limit by itself, to come to a better end than a context can
// bring it to. Work that does not end then ends with the program, which is safe:
// files appear whole or not at all.
func (g *global) within(ctx context.Context, limit time.Duration, alone bool, f func(context.Context) error) error {
	if limit == 0 {
		return f(ctx)
	}
	hard := time.AfterFunc(limit+graceOf(limit), func() { g.giveUp(limit, os.Exit) })
	defer hard.Stop()
	if alone {
		return f(ctx)
	}
	ctx, cancel := pipeline.WithLimit(ctx, limit)
	defer cancel()
	return f(ctx)
}

// giveUp ends the program after a limit that work did not keep.
func (g *global) giveUp(limit time.Duration, exit func(code int)) {
	err := &exitError{exitPartial, fmt.Errorf("what was in hand did not end within %v after --max-duration %v; it is given up; run again to go on", graceOf(limit), limit)}
	fmt.Fprintf(g.stderr, "pairloom: %v\n", err)
	g.printError(err)
	g.lock.End(err.Error(), err.code)
	exit(err.code)
}
