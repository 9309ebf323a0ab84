package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
	"github.com/spf13/cobra"
)

const dryRunLong = `

With --dry-run nothing is decided: a page, dry-run/index.html, shows for each rule
of filter, dedup and balance what it would drop by the settings of today, alone and
after the rules before it, with twenty pictures and texts of these, and how many
would pass at other thresholds. Change pairloom.yaml and run it again; then curate.
It needs no more than candidates: without matched pairs the text rules are tried,
and while fetch is not finished the pictures so far. It takes no lock, and may run
beside a fetch. All figures are in dry-run/dry-run.json, and printed with --json.`

const dryRunExample = `
  pairloom curate -C cats --dry-run    # what would be dropped; a page`

// addDryRun gives the curate command its dry run.
func addDryRun(g *global, c *cobra.Command, limit *time.Duration) {
	c.Long += dryRunLong
	c.Example += dryRunExample
	dry := c.Flags().Bool("dry-run", false, "decide nothing: make a page of what each rule would drop, and what at other thresholds")
	decide := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if !*dry {
			return decide(c, args)
		}
		return g.dryRun(c.Context(), *limit)
	}
}

func (g *global) dryRun(ctx context.Context, limit time.Duration) error {
	w, err := openWorkspace(g.dir, g.logger())
	if err != nil {
		return err
	}
	child, err := pictureChild()
	if err != nil {
		return err
	}
	return g.within(ctx, limit, false, func(ctx context.Context) error {
		bar := newProgress(g, "trying rules")
		d, err := pipeline.DryRun{Dir: w.dir, Options: w.cfg, PictureChild: child}.Run(ctx, bar.set)
		bar.end()
		if err != nil {
			return pipeline.Stopped(ctx, err)
		}
		page := w.path(filepath.Join(shard.DryRunFolder, stats.DryRunPage))
		switch {
		case g.json:
			return g.printJSON(struct {
				Page string `json:"page"`
				*stats.DryRun
			}{page, d})
		case g.quiet:
			fmt.Fprintf(g.stdout, "pairloom: dry run: %d of %d matched pairs would be kept; %s\n", d.Kept, d.Matched, page)
		default:
			dryRunTable(g.stdout, d)
			fmt.Fprintf(g.stdout, "\nThe page: %s\n", page)
		}
		return nil
	})
}

// dryRunTable prints what each rule would drop that drops any.
func dryRunTable(out io.Writer, d *stats.DryRun) {
	count := func(n *int64) string {
		if n == nil {
			return "-"
		}
		return pipeline.Grouped(*n)
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "step\trule\talone\tonly it\tin order\tpass\t\n")
	quiet := 0
	for _, s := range d.Steps {
		left := s.In
		fmt.Fprintf(t, "%s\t\t\t\t\t%s %s\t\n", s.Name, pipeline.Grouped(left), s.Unit)
		for _, r := range s.Rules {
			if r.InOrder == 0 && (r.Alone == nil || *r.Alone == 0) {
				quiet++
				continue
			}
			left -= r.InOrder
			fmt.Fprintf(t, "\t%s\t%s\t%s\t%s\t%s\t\n", r.Rule, count(r.Alone), count(r.Only), pipeline.Grouped(r.InOrder), pipeline.Grouped(left))
		}
	}
	t.Flush()
	fmt.Fprintf(out, "\n%d rules drop nothing, or are off.\n", quiet)
	if d.Matched > 0 {
		fmt.Fprintf(out, "%s of %s matched pairs would be kept; %s have a picture.\n", pipeline.Grouped(d.Kept), pipeline.Grouped(d.Matched), pipeline.Grouped(d.Fetched))
	}
	for _, note := range d.Notes {
		fmt.Fprintln(out, "note:", note)
	}
}
