package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pairloom/pairloom/cmd/pairloom/config"
	"github.com/pairloom/pairloom/shard"
	"github.com/spf13/cobra"
)

const stageLong = `The summary counts what came in, what was kept, and what was dropped for which
reason. Settings are read from pairloom.yaml in the folder.`

const replaceHelp = "train anew where checkpoints were made with other settings or pairs, and remove those"

// stageCommands makes one command for each stage.
func stageCommands(g *global) []*cobra.Command {
	short := map[string]string{
		stageCrawl:  "Read pages and note pictures with their texts",
		stageMatch:  "Keep pairs whose text contains a query",
		stageFetch:  "Fetch the pictures of matched pairs",
		stageCurate: "Filter, deduplicate and balance the pairs",
		stageShard:  "Write the kept pairs into shuffled shards",
		stageReport: "Make the statistics and the report page",
		stageTrain:  "Pre-train CLIP on the shards",
		stageEval:   "Measure retrieval and zero-shot on held-out pairs",
	}
	var commands []*cobra.Command
	for _, s := range stages() {
		var retry, replace bool
		var limit time.Duration
		c := &cobra.Command{
			Use: s.name, Short: short[s.name], Long: short[s.name] + ".\n\n" + stageLong, Args: noArguments,
			Example: fmt.Sprintf("  pairloom %s -C cats\n  pairloom %s -C cats --json", s.name, s.name),
			RunE: func(c *cobra.Command, _ []string) error {
				return g.withWorkspace(c.Context(), s.name, func(w *workspace) error {
					w.retryFailed, w.replace = retry, replace
					if limit > 0 {
						w.cfg.Train.MaxDuration = limit
					}
					return g.runStages(c.Context(), w, []stage{s}, true)
				})
			},
		}
		if s.name == stageFetch {
			c.Flags().BoolVar(&retry, "retry", false, "ask again for pictures that failed for a passing reason")
		}
		if s.name == stageTrain {
			c.Flags().BoolVar(&replace, "replace", false, replaceHelp)
			c.Flags().DurationVar(&limit, "max-duration", 0, "stop with a checkpoint after this `time`, instead of train.max_duration")
		}
		commands = append(commands, c)
	}
	return commands
}

func newRun(g *global) *cobra.Command {
	var force, replace bool
	var from, to string
	names := func() []string {
		var names []string
		for _, s := range stages() {
			names = append(names, s.name)
		}
		return names
	}
	c := &cobra.Command{
		Use: "run", Short: "Do every stage whose settings or input changed", Args: noArguments,
		Long: "Do every stage whose settings or input changed since it last finished, in order:\n" + strings.Join(names(), ", ") + ",\nand the report once more, for it shows training and evaluation too.\n\n" + stageLong,
		Example: `  pairloom run -C cats
  pairloom run -C cats --to report      # the dataset, without training
  pairloom run -C cats --quiet          # from cron`,
		RunE: func(c *cobra.Command, _ []string) error {
			list := road()
			for flag, name := range map[string]string{"from": from, "to": to} {
				if name != "" && !slices.Contains(names(), name) {
					return &exitError{exitConfiguration, fmt.Errorf("--%s %s: there is no such stage; the stages are %s", flag, name, strings.Join(names(), ", "))}
				}
			}
			if i := slices.IndexFunc(list, func(s stage) bool { return s.name == to }); i >= 0 {
				list = list[:i+1]
			}
			if i := slices.IndexFunc(list, func(s stage) bool { return s.name == from }); i >= 0 {
				list = list[i:]
			}
			return g.withWorkspace(c.Context(), "run", func(w *workspace) error {
				w.replace = replace
				return g.runStages(c.Context(), w, list, force)
			})
		},
	}
	c.Flags().BoolVar(&force, "force", false, "do the stages even when nothing changed")
	c.Flags().BoolVar(&replace, "replace", false, replaceHelp)
	c.Flags().StringVar(&from, "from", "", "first `stage`")
	c.Flags().StringVar(&to, "to", "", "last `stage`")
	return c
}

// withWorkspace opens the folder, takes its lock and gives both back.
func (g *global) withWorkspace(ctx context.Context, command string, f func(*workspace) error) error {
	w, err := openWorkspace(g.dir, g.logger())
	if err != nil {
		return err
	}
	if err := w.acquire(command); err != nil {
		return err
	}
	defer w.release()
	return f(w)
}

// runStages does the stages in order and prints the summary, also of what was
// done before an error.
func (g *global) runStages(ctx context.Context, w *workspace, list []stage, force bool) error {
	s := &summary{Stages: []stageSummary{}}
	err := w.validateNetwork(list)
	for i, st := range list {
		if err != nil {
			break
		}
		var line stageSummary
		if len(list) > 1 {
			st.doing = fmt.Sprintf("%d/%d %s", i+1, len(list), st.doing)
		}
		if line, err = g.runStage(ctx, w, st, force); err != nil {
			err = fmt.Errorf("%s: %w", st.name, err)
			break
		}
		again := slices.ContainsFunc(list[:i], func(before stage) bool { return before.name == st.name })
		if again && line.Skipped != "" {
			continue
		}
		s.Stages = append(s.Stages, line)
		if line.Unfinished != "" {
			break
		}
		if line.Kept == 0 {
			err = &exitError{exitPartial, fmt.Errorf("%s kept nothing of %d %s", line.Stage, line.In, line.Unit)}
			break
		}
	}
	if err != nil {
		s.Error = err.Error()
	}
	s.Exit = exitCode(ctx, err)
	s.print(g)
	if s.Exit == exitPartial {
		fmt.Fprintf(g.stderr, "pairloom: %v\n", err)
	}
	return err
}

func (g *global) runStage(ctx context.Context, w *workspace, s stage, force bool) (stageSummary, error) {
	if err := ctx.Err(); err != nil {
		return stageSummary{}, context.Cause(ctx)
	}
	why, err := w.stale(s)
	if err != nil {
		return stageSummary{}, err
	}
	if why == "" && !force {
		m, err := shard.ReadManifest(w.path(s.folder))
		if err != nil {
			return stageSummary{}, err
		}
		return stageSummary{Tally: m.Tally, Skipped: "settings and input are those of the last run"}, nil
	}
	if why == "" {
		why = "asked to"
	}
	w.log.Info("stage begins", "stage", s.name, "because", why)
	p := newProgress(g, s.doing)
	w.progress = p
	began := time.Now()
	out, err := s.run(ctx, w, p.set)
	p.end()
	if err != nil {
		return stageSummary{}, err
	}
	if err := out.tally.Check(); err != nil {
		return stageSummary{}, err
	}
	return stageSummary{Tally: out.tally, Seconds: time.Since(began).Seconds(), Result: out.result, Unfinished: out.unfinished, notes: out.notes}, nil
}

// reasonUnfinished says in few words why a folder does not count as finished.
func reasonUnfinished(err error) string {
	if errors.Is(err, shard.ErrUnfinished) {
		return "not finished"
	}
	return "damaged: " + err.Error()
}

// validateNetwork checks the settings that only stages with network need.
func (w *workspace) validateNetwork(list []stage) error {
	var faults []error
	for _, s := range list {
		switch s.name {
		case stageCrawl:
			faults = append(faults, w.cfg.Crawl.Validate(), w.cfg.Gate.Validate())
		case stageFetch:
			if len(faults) == 0 {
				faults = append(faults, w.cfg.Gate.Validate())
			}
		}
	}
	if err := errors.Join(faults...); err != nil {
		return &exitError{exitConfiguration, fmt.Errorf("%s: %w", w.path(config.FileName), err)}
	}
	return nil
}
