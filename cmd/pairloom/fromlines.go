package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/query"
	"github.com/pairloom/pairloom/shard"
	"github.com/spf13/cobra"
)

func newQueriesFromLines(g *global) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "from-lines FILE", Short: "Make a list from a text file with a query a line",
		Long: `Make a list from a text file with a query a line, or from stdin where FILE is -.
Queries keep their order; a repeated one is taken once and counted. Blank lines,
lines that begin with "# ", and lines that are not UTF-8, hold a tab or have over
1024 bytes are left out and counted. The list lies beside the file, in one of the
same name that ends in .zst; name that in match.queries of a pairloom.yaml.`,
		Example: `  pairloom queries from-lines animals.txt       # animals.zst
  pairloom init cats --set match.queries=../animals.zst`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("from-lines takes one text file, or - for stdin; found %q", args)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" && args[0] == "-" {
				return &exitError{exitConfiguration, errors.New("--out is missing: name the list to make of stdin")}
			}
			if out == "" {
				out = strings.TrimSuffix(args[0], filepath.Ext(args[0])) + ".zst"
			}
			if filepath.Clean(out) == filepath.Clean(args[0]) {
				return &exitError{exitConfiguration, fmt.Errorf("%s would be replaced by the list; name another file with --out", args[0])}
			}
			if args[0] == "-" {
				return g.fromLines("stdin", c.InOrStdin(), out)
			}
			f, err := os.Open(args[0])
			if err != nil {
				return &exitError{exitConfiguration, err}
			}
			defer f.Close()
			return g.fromLines(filepath.Base(args[0]), f, out)
		},
	}
	c.Flags().StringVar(&out, "out", "", "`file` to write (default beside FILE)")
	return c
}

func (g *global) fromLines(name string, text io.Reader, out string) error {
	header, entries, tally, err := query.FromLines(name, text)
	if err != nil {
		return err
	}
	if err := tally.Check(); err != nil {
		return err
	}
	if tally.Kept == 0 {
		return &exitError{exitConfiguration, fmt.Errorf("%s: none of its %s lines is a query%s", name, pipeline.Grouped(tally.In), reasons(tally))}
	}
	if err := query.WriteFile(out, header, entries); err != nil {
		return err
	}
	if g.json {
		return g.printJSON(struct {
			*shard.Tally
			List string `json:"list"`
		}{tally, out})
	}
	_, err = fmt.Fprintf(g.stdout, "%s: %s queries of %s lines%s\n", out, pipeline.Grouped(tally.Kept), pipeline.Grouped(tally.In), reasons(tally))
	return err
}

// reasons says what a tally dropped; it is empty where that is nothing.
func reasons(t *shard.Tally) string {
	var parts []string
	for _, reason := range t.Reasons() {
		parts = append(parts, reason+" "+pipeline.Grouped(t.Dropped[reason]))
	}
	if len(parts) == 0 {
		return ""
	}
	return "; dropped: " + strings.Join(parts, ", ")
}
