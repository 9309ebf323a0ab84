package main

import (
	"context"
	"fmt"

	"github.com/pairloom/pairloom/pipeline"
)

// absent holds the dataset against a list of what must not be in it.
func (g *global) absent(ctx context.Context, w *workspace, path string, exports []string) error {
	list, err := pipeline.ReadRequest(path, pipeline.RequestAny)
	if err != nil {
		return err
	}
	unread := pipeline.FaultLines(path, list.Faults)
	if list.Len() == 0 {
		what := "it is empty"
		if len(unread) > 0 {
			what = "the first line that is none: " + unread[0]
		}
		return &exitError{exitConfiguration, fmt.Errorf("%s names nothing to look for; %s", path, what)}
	}
	bar := newProgress(g, "looking")
	asked := list.Len()
	list, _, err = pipeline.WithRedirects(w.dir, list)
	if err != nil {
		return err
	}
	places, unmatched, err := pipeline.Absence{Dir: w.dir, Options: *w.cfg, List: list, Exports: exports}.Look(ctx)
	bar.end()
	if err != nil {
		return err
	}
	var held []string
	for _, p := range places {
		if !p.Absent() {
			held = append(held, p.Place+" "+p.State)
		}
	}
	// A line that could not be read names something that was not looked for.
	proved := len(held) == 0 && len(unread) == 0
	switch {
	case g.json:
		err = g.printJSON(struct {
			Entries int              `json:"entries"`
			Unread  []string         `json:"not_read"`
			Places  []pipeline.Place `json:"places"`
			Unknown []string         `json:"matched_nothing"` // addresses and hosts that nothing has or remembers
			Absent  bool             `json:"absent"`
		}{asked, append([]string{}, unread...), places, append([]string{}, unmatched...), proved})
	case g.quiet && proved:
		fmt.Fprintf(g.stdout, "pairloom: verify: nothing of %s is there\n", countNoun(asked, "entry", "entries"))
	case !g.quiet:
		for _, line := range unread {
			fmt.Fprintf(g.stderr, "pairloom: %s; it was not looked for\n", line)
		}
		placesTable(g.stdout, places)
		tellUnmatched(g.stdout, unmatched)
		if proved {
			fmt.Fprintf(g.stdout, "nothing of %s is there\n", countNoun(asked, "entry", "entries"))
		}
	}
	switch {
	case err != nil:
		return err
	case len(held) > 0:
		return &exitError{exitStorage, fmt.Errorf("verify: %d places hold some of it, or may: %s", len(held), held[0])}
	case len(unread) > 0:
		return &exitError{exitConfiguration, fmt.Errorf("verify: %d lines are no entries and were not looked for, the first: %s", len(unread), unread[0])}
	}
	return nil
}
