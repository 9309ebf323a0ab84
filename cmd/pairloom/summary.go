package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer"
	"github.com/pairloom/pairloom/trainer/evaluate"
)

// stageSummary is one stage's line of the summary.
type stageSummary struct {
	Stage        string  `json:"stage"`
	*shard.Tally         // nil when it is not known, of a stage that was stopped
	Seconds      float64 `json:"seconds"`
	Skipped      string  `json:"skipped,omitempty"`    // why the stage did not run
	Unfinished   string  `json:"unfinished,omitempty"` // why it stopped before its end
	Result       any     `json:"result,omitempty"`
	// Unread are lines of the refusal list that are no entries.
	Unread []string `json:"refusals_not_read,omitempty"`
	note   string   // what is left to do, in every form; JSON has it in the result
	notes  []string
}

// summary is what a command prints at its end.
type summary struct {
	Stages []stageSummary `json:"stages"`
	Error  string         `json:"error,omitempty"`
	Exit   int            `json:"exit"`
}

// summaryOfRun is the summary of stages that were done.
func summaryOfRun(done []pipeline.Done) *summary {
	s := &summary{Stages: []stageSummary{}}
	for _, d := range done {
		note := ""
		switch r := d.Result.(type) {
		case pipeline.Crawled:
			note = r.Note
		case *trainer.Result:
			note = r.Note
		case *evaluate.Result:
			note = r.Seen.Note
		}
		if r, ok := d.Result.(pipeline.Sharded); ok {
			note = r.String()
		}
		s.Stages = append(s.Stages, stageSummary{
			note: note, Unread: d.Unread, Stage: d.Stage, Tally: d.Tally, Seconds: d.Took.Seconds(), Skipped: d.Skipped, Unfinished: d.Unfinished, Result: d.Result, notes: notesOf(d.Result),
		})
	}
	return s
}

// print writes the summary: one JSON object, one line when quiet, or a table.
func (s *summary) print(g *global) {
	switch {
	case g.json:
		if err := g.printJSON(s); err != nil && g.stdout.err == nil { // else the output tells
			fmt.Fprintf(g.stderr, "pairloom: encode summary: %v\n", err)
		}
	case len(s.Stages) == 0:
	case g.quiet:
		fmt.Fprintln(g.stdout, s.line())
	default:
		s.table(g.stdout)
	}
}

func (s *summary) line() string {
	var parts []string
	for _, st := range s.Stages {
		part := st.Stage
		switch {
		case st.Skipped != "" && st.Tally == nil:
			part += " skipped (" + st.Skipped + ")"
		case st.Skipped != "":
			part += " unchanged"
		case st.Tally != nil:
			part += fmt.Sprintf(" %d of %d %s", st.Kept, st.In, st.Unit)
		}
		for _, text := range []string{st.Unfinished, st.note} {
			if text != "" {
				part += " (" + text + ")"
			}
		}
		parts = append(parts, part)
	}
	if unread := s.unread(); len(unread) > 0 {
		parts[len(parts)-1] += fmt.Sprintf("; %d lines of %s are no entries, the first: %s", len(unread), pipeline.RefusedName, unread[0])
	}
	return "pairloom: " + strings.Join(parts, ", ")
}

// unread are the lines of the refusal list that are no entries, once.
func (s *summary) unread() []string {
	for _, st := range s.Stages {
		if len(st.Unread) > 0 {
			return st.Unread
		}
	}
	return nil
}

func (s *summary) table(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "stage\tin\tkept\tdropped\tseconds\t\n")
	for _, st := range s.Stages {
		if st.Tally == nil {
			fmt.Fprintf(t, "%s\t-\t-\t-\t%.1f\t\n", st.Stage, st.Seconds)
			continue
		}
		seconds := fmt.Sprintf("%.1f", st.Seconds)
		if st.Skipped != "" {
			seconds = "-"
		}
		fmt.Fprintf(t, "%s\t%s %s\t%s\t%s\t%s\t\n", st.Stage, pipeline.Grouped(st.In), st.Unit, pipeline.Grouped(st.Kept), pipeline.Grouped(st.DroppedTotal()), seconds)
	}
	t.Flush()
	for _, st := range s.Stages {
		if st.Skipped != "" {
			fmt.Fprintf(out, "\n%s: skipped, %s", st.Stage, st.Skipped)
		}
		if st.Unfinished != "" && s.Error == "" { // else the error says it
			fmt.Fprintf(out, "\n%s: %s", st.Stage, st.Unfinished)
		}
		if st.Tally != nil && len(st.Dropped) > 0 {
			var reasons []string
			for _, reason := range st.Reasons() {
				reasons = append(reasons, reason+" "+pipeline.Grouped(st.Dropped[reason]))
			}
			fmt.Fprintf(out, "\n%s dropped: %s", st.Stage, strings.Join(reasons, ", "))
		}
	}
	fmt.Fprintln(out)
	for _, line := range s.unread() {
		fmt.Fprintf(out, "%s; it refuses nothing, the others are obeyed\n", line)
	}
	for _, st := range s.Stages {
		if st.note != "" {
			fmt.Fprintf(out, "%s: %s\n", st.Stage, st.note)
		}
		for _, note := range st.notes {
			fmt.Fprintf(out, "%s: %s\n", st.Stage, note)
		}
	}
}
