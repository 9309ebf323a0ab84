package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pairloom/pairloom/cmd/pairloom/config"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/trainer"
	"github.com/spf13/cobra"
)

const stageLong = `The summary counts what came in, what was kept, and what was dropped for which
reason. Settings are read from pairloom.yaml in the folder.`

const replaceHelp = "train anew where checkpoints were made with other settings or pairs; those go once the new run has one"

// stageShort says what each stage does, in order.
var stageShort = []struct{ name, short string }{
	{pipeline.CrawlName, "Read pages and note pictures with their texts"},
	{pipeline.MatchName, "Keep pairs whose text contains a query"},
	{pipeline.FetchName, "Fetch the pictures of matched pairs"},
	{pipeline.CurateName, "Filter, deduplicate and balance the pairs"},
	{pipeline.ShardName, "Write the kept pairs into shuffled shards"},
	{pipeline.ReportName, "Make the statistics and the report page"},
	{pipeline.TrainName, "Pre-train CLIP on the shards"},
	{pipeline.EvalName, "Measure retrieval and zero-shot on held-out pairs"},
}

func stageNames() []string {
	var names []string
	for _, s := range stageShort {
		names = append(names, s.name)
	}
	return names
}

// stageCommands makes one command for each stage.
func stageCommands(g *global) []*cobra.Command {
	var commands []*cobra.Command
	for _, s := range stageShort {
		o := runOptions{from: s.name, to: s.name, force: true}
		c := &cobra.Command{
			Use: s.name, Short: s.short, Long: s.short + ".\n\n" + stageLong, Args: noArguments,
			Example: fmt.Sprintf("  pairloom %s -C cats\n  pairloom %s -C cats --quiet --json --max-duration 2h", s.name, s.name),
			RunE:    func(c *cobra.Command, _ []string) error { return g.run(c.Context(), s.name, o) },
		}
		if s.name == pipeline.CrawlName {
			addArchives(g, c, &o)
		}
		if s.name == pipeline.FetchName {
			c.Flags().BoolVar(&o.retry, "retry", false, "ask again for pictures that failed for a passing reason")
		}
		if s.name == pipeline.ShardName {
			c.Long = s.short + `.

Pairs that are new or have changed go into shards of their own, and rows of pairs that
are gone are marked as deleted: readers of pairloom pass over them. What is there stays
as it is, byte by byte; where nothing is new, nothing is written. With --compact all
shards are written anew, as if the dataset had been made today in one go: deleted rows
are gone from the disk then. Until the new shards are whole, both take room.

` + stageLong
			c.Example += "\n  pairloom shard -C cats --compact"
			c.Flags().BoolVar(&o.compact, "compact", false, "write all shards anew, without the rows that were deleted")
		}
		if s.name == pipeline.CurateName {
			addDryRun(g, c, &o.limit)
		}
		if s.name == pipeline.TrainName {
			addEstimate(g, c)
		}
		limit := limitHelp
		switch s.name {
		case pipeline.ReportName:
			c.Flags().StringVar(&o.against, "against", "", "show what differs from an older `DATASET`: its folder, or its stats.json")
			c.Flags().BoolVar(&o.appendix, "tex", false, "write the tables for a paper too: appendix.tex, which takes booktabs, and dataset.bib")
			_ = c.RegisterFlagCompletionFunc("against", folders) // the flag is there
		case pipeline.EvalName:
			o.weights.add(c)
		case pipeline.CrawlName:
			limit = "stop taking pages after this `time`, such as 2h, instead of crawl.max_duration"
		case pipeline.TrainName:
			c.Flags().BoolVar(&o.replace, "replace", false, replaceHelp)
			limit = "stop with a checkpoint after this `time`, such as 8h, instead of train.max_duration"
		}
		c.Flags().DurationVar(&o.limit, "max-duration", 0, limit)
		commands = append(commands, c)
	}
	return commands
}

func newRun(g *global) *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use: "run", Short: "Do every stage whose settings or input changed", Args: noArguments,
		Long: "Do every stage whose settings or input changed since it last finished, in order:\n" + strings.Join(stageNames(), ", ") + ",\nand the report once more, for it shows training and evaluation too.\n\n" + stageLong,
		Example: `  pairloom run -C cats
  pairloom run -C cats --to report      # the dataset, without training
  pairloom run -C cats --quiet --json --max-duration 8h    # from cron`,
		RunE: func(c *cobra.Command, _ []string) error {
			o.retry = o.force
			return g.run(c.Context(), "run", o)
		},
	}
	c.Flags().BoolVar(&o.force, "force", false, "do the stages even when nothing changed, and ask again for pictures that failed")
	c.Flags().BoolVar(&o.replace, "replace", false, replaceHelp)
	c.Flags().DurationVar(&o.limit, "max-duration", 0, runLimitHelp)
	choiceVar(c, &o.from, "from", "first stage", stageNames()...)
	choiceVar(c, &o.to, "to", "last stage", stageNames()...)
	return c
}

// runOptions are the flags of run and of the stages' commands.
type runOptions struct {
	from, to              string
	force, retry, replace bool
	compact               bool
	against               string // of the report
	appendix              bool
	limit                 time.Duration
	weights               weightsFlags
	only                  func(*workspace) pipeline.Stage // the only stage there is to do, when set
}

// run does the stages from one to another and prints the summary, also of what
// was done before an error. Flags are checked before the folder is looked at.
func (g *global) run(ctx context.Context, command string, o runOptions) error {
	if o.limit < 0 {
		return &exitError{exitConfiguration, fmt.Errorf("--max-duration %v is less than nothing; give a time such as 8h", o.limit)}
	}
	if _, err := pipeline.Select(pipeline.Road(pipeline.Work{}), o.from, o.to); err != nil {
		return err
	}
	// These two stages end better by a limit of their own: with all candidates
	// written, and with a checkpoint after a whole step.
	alone := command == pipeline.CrawlName || command == pipeline.TrainName
	return g.withWorkspace(ctx, command, func(w *workspace) error {
		switch {
		case command == "run":
			w.cfg.Crawl.MaxDuration = crawlShare(o, w.cfg.Crawl.MaxDuration)
		case o.limit > 0 && alone:
			w.cfg.Crawl.MaxDuration, w.cfg.Train.MaxDuration = o.limit, o.limit
		}
		return g.within(ctx, o.limit, alone, func(ctx context.Context) error { return g.runStages(ctx, w, o) })
	})
}

func (g *global) runStages(ctx context.Context, w *workspace, o runOptions) error {
	w.cfg.Fetch.Retry, w.cfg.Train.Replace, w.cfg.Shard.Compact = o.retry, o.replace, o.compact
	if err := o.weights.apply(w.cfg); err != nil {
		return err
	}
	p := &stageProgress{global: g, metrics: newRunMetrics(w)}
	work, err := w.work(p)
	if err != nil {
		return err
	}
	work.Against, work.Appendix = o.against, o.appendix
	stages, err := pipeline.Select(pipeline.Road(work), o.from, o.to)
	if err != nil {
		return err
	}
	if o.only != nil {
		stages = []pipeline.Stage{o.only(w)}
	}
	var done []pipeline.Done
	if err = withoutSeeds(w, stages, w.cfg.ValidateFor(stages)); err != nil {
		err = &exitError{exitConfiguration, fmt.Errorf("%s: %w", w.path(config.FileName), err)}
	} else {
		done, err = pipeline.Do(ctx, stages, o.force, w.log, p)
		err = w.withoutShards(err)
	}
	for _, d := range done {
		if d.Unfinished != "" {
			w.outcome = d.Stage + ": " + d.Unfinished
		}
	}
	s := summaryOfRun(done)
	if err != nil {
		s.Error = err.Error()
	}
	s.Exit = exitCode(err)
	p.metrics.end(s.Exit, done)
	s.print(g)
	if s.Exit == exitPartial {
		fmt.Fprintf(g.stderr, "pairloom: %v\n", err)
	}
	return err
}

// stageProgress shows the progress of one stage after another.
type stageProgress struct {
	*global
	metrics *runMetrics
	now     *progress // of the stage that runs
}

// Begin is that of [pipeline.Watcher].
func (p *stageProgress) Begin(s *pipeline.Stage, i, n int) pipeline.Progress {
	doing := s.Doing
	if n > 1 {
		doing = fmt.Sprintf("%d/%d %s", i+1, n, doing)
	}
	p.lock.Begin(s.Name, s.Doing, s.Unit(), i+1, n)
	p.now = newProgress(p.global, doing)
	now := p.now
	return func(done, total int64) {
		now.set(done, total)
		p.metrics.tell(s, done, total)
	}
}

// End is that of [pipeline.Watcher].
func (p *stageProgress) End() { p.now.end() }

// step shows a step of training.
func (p *stageProgress) step(s trainer.Step) {
	if s.PairsPerSecond > 0 { // a step was taken
		p.now.say(trainLine(&s))
	}
	if s.Notice != "" {
		p.now.warn(s.Notice)
	}
}
