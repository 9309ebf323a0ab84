package main

import (
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/spf13/cobra"
)

// standing is all that status tells.
type standing struct {
	Stages []pipeline.State `json:"stages"`
	// Producers are the folders of candidates of archives and lists.
	Producers []pipeline.State `json:"producers"`
	// Holder is who has the folder, or had it last; null when nobody is known of.
	Holder *pipeline.Holder `json:"holder"`
	// Pages are those of the crawl; null when nothing was crawled yet.
	Pages *frontier.Counts `json:"pages"`
}

func newStatus(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show where each stage stands, and who is at work", Args: noArguments,
		Long: `Show where each stage stands, and which command has the folder or had it last: how
far it is and how long its stage will take at the pace it had, or how it ended. All
of it is read from the folder, beside a run too; nothing is written.`,
		Example: "  pairloom status -C cats\n  pairloom status -C cats --json",
		RunE: func(*cobra.Command, []string) error {
			w, err := openWorkspace(g.dir, g.logger())
			if err != nil {
				return err
			}
			s, err := w.standing()
			if err != nil {
				return err
			}
			if g.json {
				return g.printJSON(s)
			}
			g.printStanding(s)
			return nil
		},
	}
}

func (w *workspace) standing() (*standing, error) {
	s := &standing{}
	road, err := w.road()
	if err != nil {
		return nil, err
	}
	for _, stage := range road {
		state, err := stage.State()
		if err != nil {
			return nil, err
		}
		s.Stages = append(s.Stages, state)
	}
	if s.Producers, err = pipeline.ProducerStates(w.dir); err != nil {
		return nil, err
	}
	if h, known, err := pipeline.LookAtHolder(w.dir); err != nil {
		return nil, err
	} else if known {
		s.Holder = &h
	}
	if counts, known, err := pipeline.CrawlState(w.dir); err != nil {
		return nil, err
	} else if known {
		s.Pages = &counts
	}
	return s, nil
}

func (g *global) printStanding(s *standing) {
	t := tabwriter.NewWriter(g.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "stage\tstate\tkept\tin\tfiles\tsize\t\n")
	for _, s := range slices.Concat(s.Producers, s.Stages) {
		kept, in := "-", "-"
		if s.Tally != nil {
			kept, in = pipeline.Grouped(s.Tally.Kept), pipeline.Grouped(s.Tally.In)+" "+s.Tally.Unit
		}
		state := s.State
		if s.Reason != "" {
			state += ": " + s.Reason
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t\n", s.Stage, state, kept, in, s.Parts+s.Files, megabytes(s.Bytes))
	}
	t.Flush()
	for _, s := range s.Stages {
		if s.Generations > 1 {
			fmt.Fprintf(g.stdout, "shards: %s pairs of %d generations, %s deleted rows\n", pipeline.Grouped(s.Rows), s.Generations, pipeline.Grouped(s.Deleted))
		}
		if s.Compact != "" {
			fmt.Fprintf(g.stdout, "shards: %s\n", s.Compact)
		}
	}
	if p := s.Pages; p != nil {
		fmt.Fprintf(g.stdout, "pages: %s known, %s read, %s dropped, %s to be read, on %s hosts\n",
			pipeline.Grouped(p.Pages), pipeline.Grouped(p.Kept), pipeline.Grouped(p.Dropped), pipeline.Grouped(p.Pending), pipeline.Grouped(p.Hosts))
	}
	if h := s.Holder; h != nil && h.State == pipeline.HolderRunning {
		fmt.Fprintf(g.stdout, "at work: %v\n", h)
	} else if h != nil {
		fmt.Fprintf(g.stdout, "last: %v\n", h)
	}
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
