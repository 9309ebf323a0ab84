package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/trainer"
	"github.com/spf13/cobra"
)

const estimateLong = `

With --dry-run nothing is trained: it prints what a training from the start would take,
in memory by part, time and disk, and the largest batch that fits into this machine. It
goes through the steps on a device that only counts, and measures the real one for a
moment. It needs no shards, but says more with them. It writes nothing and takes no lock,
but where train.data names what was not read yet: its index is made then, as training
would make it.`

const estimateExample = `
  pairloom train -C cats --dry-run    # memory, time and disk, before it begins`

// addEstimate gives the train command its dry run.
func addEstimate(g *global, c *cobra.Command) {
	c.Long += estimateLong
	c.Example += estimateExample
	dry := c.Flags().Bool("dry-run", false, "train nothing: print the memory, time and disk that it would take, and the largest batch that fits")
	train := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if !*dry {
			return train(c, args)
		}
		return g.estimate(c.Context())
	}
}

func (g *global) estimate(ctx context.Context) error {
	w, err := openWorkspace(g.dir, g.logger())
	if err != nil {
		return err
	}
	work, err := w.work(nil)
	if err != nil {
		return err
	}
	e, err := pipeline.NewTrain(work).DryRun(ctx)
	if err != nil {
		return err
	}
	switch {
	case g.json:
		return g.printJSON(e)
	case g.quiet:
		fmt.Fprintf(g.stdout, "pairloom: dry run: %s of memory, %s, %s of checkpoints\n", gigabytes(e.Total), hours(&e), gigabytes(e.Disk))
	default:
		estimateTable(g.stdout, &e)
	}
	return nil
}

// estimateTable prints an estimate for people.
func estimateTable(out io.Writer, e *trainer.Estimate) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("model", "%s, %s parameters, %s tokens", e.Model, pipeline.Grouped(int64(e.Parameters)), pipeline.Grouped(int64(e.Vocabulary)))
	if batch := pipeline.Grouped(int64(e.Batch)); e.MicroBatch < e.Batch {
		row("batch", "%s pairs, in micro batches of %s", batch, pipeline.Grouped(int64(e.MicroBatch)))
	} else {
		row("batch", "%s pairs", batch)
	}
	if e.Pairs > 0 {
		row("steps", "%s, over %s training pairs", pipeline.Grouped(e.Steps), pipeline.Grouped(e.Pairs))
	}
	row("", "")
	row("memory", "%s at most", gigabytes(e.Total))
	m := &e.Memory
	for _, part := range []struct {
		name  string
		bytes int64
	}{
		{"weights", m.Weights}, {"gradients", m.Gradients}, {"moments of AdamW", m.Moments}, {"average of the weights", m.Average},
		{"activations", m.Activations}, {"scratch", m.Scratch}, {"batches being read", m.Batches}, {"pictures kept decoded", m.Cache},
		{"copies for a checkpoint", m.Saving}, {"the program", m.Program},
	} {
		if part.bytes > 0 {
			row("  "+part.name, "%s", gigabytes(part.bytes))
		}
	}
	if e.Machine > 0 {
		row("this machine", "%s can be had now", gigabytes(e.Machine))
	}
	if e.Card > 0 {
		row("on the card", "%s of it, and %s can be had there now", gigabytes(e.OnCard), gigabytes(e.Card))
	}
	if e.Machine > 0 || e.Card > 0 {
		switch {
		case e.LargestBatch > 0:
			row("largest batch", "%s pairs as a whole", pipeline.Grouped(int64(e.LargestBatch)))
		default:
			row("largest batch", "none fits as a whole")
		}
		if e.LargestMicroBatch > 0 && e.LargestBatch < e.Batch {
			row("largest micro_batch", "%s, with a batch of %s", pipeline.Grouped(int64(e.LargestMicroBatch)), pipeline.Grouped(int64(e.Batch)))
		}
	}
	row("", "")
	row("work", "%.3g GFLOP a pair, with the way back", e.FlopsPerPair/1e9)
	row("device", "%s; %.0f GFLOP/s in a product of the model's shape, in %s", e.Device, e.ProductFlops/1e9, e.Precision)
	row("time", "%s, at %.3g pairs/s", hours(e), e.PairsPerSecond)
	row("", "")
	row("disk", "%s a checkpoint, %s for those that are there at a time", gigabytes(e.Checkpoint), gigabytes(e.Disk))
	if e.Free > 0 {
		row("  it has", "%s", gigabytes(e.Free))
	}
	t.Flush()
	for _, note := range e.Notes {
		fmt.Fprintln(out, "note:", note)
	}
}

// hours is the time of an estimate.
func hours(e *trainer.Estimate) string {
	if e.Steps == 0 {
		return fmt.Sprintf("%.2g hours for each million pairs", 1e6/e.PairsPerSecond/3600)
	}
	return fmt.Sprintf("about %.2g hours", e.Hours)
}

func gigabytes(bytes int64) string {
	if bytes < 1e9 {
		return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(bytes)/1e9)
}
