package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/spf13/cobra"
)

func newVerify(g *global) *cobra.Command {
	pictures, absent := false, ""
	var exports []string
	c := &cobra.Command{
		Use: "verify", Short: "Hold every file against what was written, and every count", Args: noArguments,
		Long: `Read the dataset from end to end and name each fault with its cure: files that are
missing, cut short or changed; counts that differ from the manifest's; pairs that
one folder has and the next has not. Checksums are those of the manifests and of
state.json; crawl.db, embeddings and images/visits-*.arrow have none, so that only
their structure is checked, nor has a report or an evaluation that an older pairloom
wrote. Not checked are images/due.json, report/times.html and times.json, and metrics
and events in checkpoints, on which no pair and no weight depends. A folder that is
not finished, or was made from other input than there is now, is no fault, and is told.

With --absent it holds the dataset against a list instead: FILE is a request as remove
takes it, or a refusal list. Every folder is read, rows too that were excluded from
reading, pages of reports, WARC files, and exports that --export names; models that
learned from it are named. It ends with 0 only where nothing was found.

It only reads, takes no lock, and may run beside a run. The cures are in order: mend
the first folder first.

Exit codes: 0 all is sound, 4 there are faults; the others as for every command.`,
		Example: `  pairloom verify -C cats
  pairloom verify -C cats --pictures    # decode each picture too
  pairloom verify -C cats --quiet       # from cron: one line
  pairloom verify -C cats --json
  pairloom verify -C cats --absent request.txt --export exports/parquet
  pairloom verify -C cats --absent cats/refused.txt`,
		RunE: func(c *cobra.Command, _ []string) error {
			w, err := openWorkspace(g.dir, g.logger())
			if err != nil {
				return err
			}
			if absent == "" && len(exports) > 0 {
				return &exitError{exitConfiguration, fmt.Errorf("--export goes with --absent")}
			}
			if absent != "" {
				return g.absent(c.Context(), w, absent, exports)
			}
			bar := newProgress(g, "verifying")
			found, err := pipeline.Verify{Dir: w.dir, Options: *w.cfg, Pictures: pictures}.Run(c.Context(), bar.set)
			bar.end()
			if err != nil {
				return err
			}
			return g.verified(found)
		},
	}
	c.Flags().BoolVar(&pictures, "pictures", false, "decode each stored picture in full")
	c.Flags().StringVar(&absent, "absent", "", "prove that what `FILE` names is not there")
	c.Flags().StringArrayVar(&exports, "export", nil, "with --absent: also look into the export at `DEST`; may be given again")
	return c
}

// verified prints what was found. Faults are an error.
func (g *global) verified(v *pipeline.Verified) error {
	switch {
	case g.json:
		err := g.printJSON(struct {
			*pipeline.Verified
			OK bool `json:"ok"`
		}{v, v.Sound()})
		if err != nil {
			return err
		}
	case g.quiet:
		fmt.Fprintln(g.stdout, verifiedLine(v))
	default:
		g.verifiedTable(v)
	}
	if v.Sound() {
		return nil
	}
	return &exitError{exitStorage, fmt.Errorf("verify: %s", faults(len(v.Faults)))}
}

func faults(n int) string {
	if n == 1 {
		return "1 fault"
	}
	return pipeline.Grouped(int64(n)) + " faults"
}

func verifiedLine(v *pipeline.Verified) string {
	folders, rows, bytes := 0, int64(0), int64(0)
	for _, f := range v.Folders {
		if f.State == pipeline.FolderSound {
			folders++
		}
		rows += f.Rows
		bytes += f.Bytes
	}
	gaps := ""
	if len(v.Unfinished) > 0 {
		gaps += "; not finished: " + strings.Join(v.Unfinished, ", ")
	}
	if len(v.Missing) > 0 {
		gaps += "; not there: " + strings.Join(v.Missing, ", ")
	}
	line := fmt.Sprintf("pairloom: verify read %s rows, %s: ", pipeline.Grouped(rows), megabytes(bytes))
	if v.Sound() {
		return line + fmt.Sprintf("%d folders are sound%s", folders, gaps)
	}
	return line + fmt.Sprintf("%s%s; the first: %s", faults(len(v.Faults)), gaps, v.Faults[0])
}

func (g *global) verifiedTable(v *pipeline.Verified) {
	t := tabwriter.NewWriter(g.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "folder\tstate\tfiles\trows\tsize\tchecked\t\n")
	for _, f := range v.Folders {
		files, rows, size := "-", "-", "-"
		if f.Files > 0 {
			files, size = pipeline.Grouped(int64(f.Files)), megabytes(f.Bytes)
		}
		if f.Rows > 0 {
			rows = pipeline.Grouped(f.Rows)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t\n", f.Folder, f.State, files, rows, size, strings.Join(f.Checked, ", "))
	}
	t.Flush()
	for _, f := range v.Folders {
		for _, note := range f.Notes {
			fmt.Fprintf(g.stdout, "%s: %s\n", f.Folder, note)
		}
	}
	if len(v.Faults) > 0 {
		fmt.Fprintln(g.stdout)
	}
	for _, fault := range v.Faults {
		fmt.Fprintln(g.stdout, fault)
	}
}
