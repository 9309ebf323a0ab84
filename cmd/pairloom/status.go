package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/pairloom/pairloom/shard"
	"github.com/spf13/cobra"
)

// stageState is where one stage stands.
type stageState struct {
	Stage  string       `json:"stage"`
	State  string       `json:"state"` // finished, due, or unfinished
	Reason string       `json:"reason,omitempty"`
	Rows   int64        `json:"rows"`
	Bytes  int64        `json:"bytes"`
	Parts  int          `json:"parts"`
	Tally  *shard.Tally `json:"tally,omitempty"`
}

func newStatus(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show where each stage stands", Args: noArguments,
		Example: "  pairloom status -C cats\n  pairloom status -C cats --json",
		RunE: func(*cobra.Command, []string) error {
			w, err := openWorkspace(g.dir, g.logger())
			if err != nil {
				return err
			}
			var list []stageState
			for _, s := range stages() {
				state, err := w.state(s)
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
					kept, in = grouped(s.Tally.Kept), grouped(s.Tally.In)+" "+s.Tally.Unit
				}
				state := s.State
				if s.Reason != "" {
					state += ": " + s.Reason
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t\n", s.Stage, state, kept, in, s.Parts, megabytes(s.Bytes))
			}
			t.Flush()
			lines, err := crawlState(w)
			for _, line := range lines {
				fmt.Fprintln(g.stdout, line)
			}
			return err
		},
	}
}

func (w *workspace) state(s stage) (stageState, error) {
	why, err := w.stale(s)
	if err != nil {
		return stageState{}, err
	}
	state := stageState{Stage: s.name, State: "finished", Reason: why}
	if why != "" {
		state.State = "due"
	}
	m, err := shard.ReadManifest(w.path(s.folder))
	if err != nil {
		state.State, state.Reason = "unfinished", reasonUnfinished(err)
		return state, nil
	}
	state.Tally, state.Parts = m.Tally, len(m.Parts)
	for _, p := range m.Parts {
		state.Rows += p.Rows
		state.Bytes += p.Bytes
	}
	return state, nil
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
