package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/spf13/cobra"
)

func newStatus(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show where each stage stands", Args: noArguments,
		Example: "  pairloom status -C cats\n  pairloom status -C cats --json",
		RunE: func(*cobra.Command, []string) error {
			w, err := openWorkspace(g.dir, g.logger())
			if err != nil {
				return err
			}
			road, err := w.road()
			if err != nil {
				return err
			}
			var list []pipeline.State
			for _, s := range road {
				state, err := s.State()
				if err != nil {
					return err
				}
				list = append(list, state)
			}
			if g.json {
				data, err := json.MarshalIndent(map[string]any{"stages": list}, "", "  ")
				if err == nil {
					fmt.Fprintf(g.stdout, "%s\n", data)
				}
				return err
			}
			t := tabwriter.NewWriter(g.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprint(t, "stage\tstate\tkept\tin\tfiles\tsize\t\n")
			for _, s := range list {
				kept, in := "-", "-"
				if s.Tally != nil {
					kept, in = pipeline.Grouped(s.Tally.Kept), pipeline.Grouped(s.Tally.In)+" "+s.Tally.Unit
				}
				state := s.State
				if s.Reason != "" {
					state += ": " + s.Reason
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t\n", s.Stage, state, kept, in, s.Parts, megabytes(s.Bytes))
			}
			t.Flush()
			counts, known, err := pipeline.CrawlState(w.dir)
			if known {
				fmt.Fprintf(g.stdout, "pages: %s known, %s read, %s dropped, %s to be read, on %s hosts\n",
					pipeline.Grouped(counts.Pages), pipeline.Grouped(counts.Kept), pipeline.Grouped(counts.Dropped), pipeline.Grouped(counts.Pending), pipeline.Grouped(counts.Hosts))
			}
			return err
		},
	}
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
