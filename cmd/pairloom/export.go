package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard/export"
	"github.com/spf13/cobra"
)

const exportLong = `Write the finished pairs in the form that another tool reads:

  webdataset   tars by img2dataset's conventions: 00000.tar with 000000000.jpg, .txt
               and .json, 00000.parquet and 00000_stats.json beside
  parquet      a table of all but the pictures, with --pictures of these too
  folder       pictures as files, 1,000 a subfolder, with metadata.jsonl (imagefolder)
  huggingface  a repository that load_dataset opens: README.md, data/*.parquet
  datasets     what save_to_disk writes, for load_from_disk: mapped, not copied

DEST is a folder, or s3://BUCKET/PREFIX (also gs:// and azblob://); a server of your own is named by
s3://BUCKET/PREFIX?endpoint=http://127.0.0.1:9000&use_path_style=true&region=us-east-1.
Keys come from the environment (AWS_ACCESS_KEY_ID and the like) alone.

The same dataset gives the same bytes. Again, only files are written whose pairs are
others than before; what left the dataset leaves DEST, last of all. A run that was
stopped, or whose bucket failed, goes on. _pairloom-export.json in DEST says what it holds.`

const exportExample = `  pairloom export -C cats --format webdataset --to /data/cats-tars
  pairloom export -C cats --format huggingface --to cats-on-the-hub
  pairloom export -C cats --format parquet --split train --columns width,height,license --to s3://bucket/cats
  pairloom export -C cats --format datasets --to cats-mapped --json`

func newExport(g *global) *cobra.Command {
	var e pipeline.Export
	c := &cobra.Command{
		Use: "export", Short: "Write the pairs as WebDataset, Parquet, a folder or for Hugging Face, here or into a bucket",
		Long: exportLong, Example: exportExample,
		Args: noArguments,
		PreRunE: func(*cobra.Command, []string) error {
			switch {
			case e.Options.Format == "":
				return fmt.Errorf("--format is missing: name one of %s", strings.Join(export.Formats, ", "))
			case e.To == "":
				return errors.New("--to is missing: name a folder, or s3://BUCKET/PREFIX")
			case e.Workers < 0:
				return fmt.Errorf("--workers is %d; it must be 0 or more", e.Workers)
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			return g.withWorkspace(c.Context(), pipeline.ExportName, func(w *workspace) error {
				e.Dir = w.dir
				g.lock.Begin(pipeline.ExportName, "exporting", "pairs", 1, 1)
				bar := newProgress(g, "exporting")
				out, err := e.Run(c.Context(), bar.set)
				bar.end()
				if errors.Is(err, export.ErrInUse) {
					err = &exitError{exitLocked, err}
				}
				if err != nil {
					return err
				}
				return g.exported(out)
			})
		},
	}
	flags := c.Flags()
	choiceVar(c, &e.Options.Format, "format", "form of the files", export.Formats...)
	flags.StringVar(&e.To, "to", "", "`DEST`, a folder or a bucket with a prefix")
	e.Options.Split = export.All
	choiceVar(c, &e.Options.Split, "split", "which pairs", export.Splits...)
	flags.StringSliceVar(&e.Options.Columns, "columns", nil, "`columns` beside text, picture, pair_id, addresses and hashes (default: all)")
	flags.IntVar(&e.Options.Size, "shard-size", 0, "pairs in a file; 0 is 10,000, and 1,000 in a subfolder of folder")
	flags.BoolVar(&e.Options.Pictures, "pictures", false, "put the pictures into the files of parquet")
	flags.BoolVar(&e.Replace, "replace", false, "replace an export of another format, with other options or of another dataset")
	flags.BoolVar(&e.Check, "check", false, "read the files that are there, and write anew those that are not as they were written")
	flags.IntVar(&e.Workers, "workers", 0, "files written at one time; 0 is one a processor, and 8 to a bucket")
	c.AddCommand(newExportModel(g))
	return c
}

// exported says what was done.
func (g *global) exported(out *export.Outcome) error {
	if g.json {
		return g.printJSON(out)
	}
	var total int64
	var sides []string
	for _, split := range export.Splits[1:] {
		if n := out.Pairs[split]; n > 0 {
			total += n
			sides = append(sides, fmt.Sprintf("%s %s", split, pipeline.Grouped(n)))
		}
	}
	of := ""
	if len(sides) > 0 {
		of = " (" + strings.Join(sides, ", ") + ")"
	}
	fmt.Fprintf(g.stdout, "export: %s pairs%s in %s files, %s bytes; %s\n", pipeline.Grouped(total), of,
		pipeline.Grouped(int64(out.Files)), pipeline.Grouped(out.Bytes), exportedWhat(out))
	if out.Others > 0 {
		fmt.Fprintf(g.stdout, "export: %s files beside it are none of its own, and stay\n", pipeline.Grouped(int64(out.Others)))
	}
	return nil
}

// exportedWhat says what became of the files.
func exportedWhat(out *export.Outcome) string {
	if out.Written+out.Renamed+out.Removed == 0 {
		return "all was there"
	}
	var what []string
	for _, w := range []struct {
		n    int
		word string
	}{{out.Written, "written"}, {out.Renamed, "renamed"}, {out.Kept, "kept"}, {out.Removed, "removed"}} {
		if w.n > 0 {
			what = append(what, fmt.Sprintf("%s %s", pipeline.Grouped(int64(w.n)), w.word))
		}
	}
	return strings.Join(what, ", ")
}
