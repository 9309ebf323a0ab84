package main

import (
	"fmt"
	"runtime"

	"github.com/pairloom/pairloom/crawl/lists"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/spf13/cobra"
)

const importLong = `Make candidates of lists of pictures and texts that you have. FILES are files,
patterns, or folders of:

  lists of addresses    txt (an address, white space, a text), CSV, TSV, JSON, JSON
                        lines, Parquet, Arrow; plain, gzip, zstd or bzip2
  pictures with texts   folders of pictures with a .txt beside each, or a table
                        metadata.csv, .jsonl or .parquet (Hugging Face's imagefolder)
                        or --captions; tars of WebDataset; what img2dataset wrote
                        (tars, files or Parquet, with the failures in the Parquet files
                        beside); Parquet with embedded pictures (Hugging Face)

Format and columns are told from names and content: addresses from url, image_url,
URL and the like, texts from text, caption, alt, TEXT and the like. A table whose
first line holds an address has no names; its columns are numbered from 1.

Candidates go to candidates/list-NAME, a part a file; stopped, it goes on at the files
that are not done. Each row is kept, or dropped for a reason that is counted. Pictures
that are there already are not copied: fetch reads them where they lie, without a
request. Go on with pairloom run --from match. A pair needs a query in its text;
match.keep_without_query: true keeps all rows of your list.`

const importExample = `  pairloom import -C cats cc12m.tsv && pairloom run -C cats --from match
  pairloom import -C cats 'laion/part-*.parquet' --url-col URL --text-col TEXT --keep-col similarity,NSFW
  pairloom import -C cats ~/img2dataset-output
  pairloom import -C cats photos/ --captions photos/captions.csv
  pairloom import -C cats list.csv.gz --quiet --json`

// newImport is the command that reads lists.
func newImport(g *global) *cobra.Command {
	var o lists.Options
	var name string
	var workers int
	var replace bool
	run := runOptions{force: true}
	c := &cobra.Command{
		Use: "import FILES...", Short: "Make candidates of lists, tars and folders that you have", Long: importLong, Example: importExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("name the files, folders or patterns to import")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if workers < 0 {
				return &exitError{exitConfiguration, fmt.Errorf("--workers is %d; it must be 0, one a processor, or more", workers)}
			}
			sources, err := lists.Sources(args, o)
			if err != nil {
				return &exitError{exitConfiguration, err}
			}
			if workers == 0 {
				workers = runtime.GOMAXPROCS(0)
			}
			if name == "" {
				name = pipeline.ListName(args[0])
			}
			if name == "" && len(sources) > 0 { // of a pattern of nothing else, or the present folder
				name = pipeline.ListName(sources[0].Path)
			}
			run.only = func(w *workspace) pipeline.Stage {
				return pipeline.Import{Dir: w.dir, Name: name, Sources: sources, Options: o, Workers: workers, Replace: replace, Log: w.log}.Stage()
			}
			return g.run(c.Context(), pipeline.ImportName, run)
		},
	}
	flags := c.Flags()
	choiceVar(c, &o.Format, "format", "format of all FILES", lists.Formats...)
	flags.StringVar(&o.URLColumn, "url-col", "", "`column` of the addresses, by name or number")
	flags.StringVar(&o.TextColumn, "text-col", "", "`column` of the texts, by name or number")
	flags.StringSliceVar(&o.Keep, "keep-col", nil, "further `columns` that stay with a pair, as JSON in its column more")
	flags.BoolVar(&o.KeepAll, "keep-all", false, "all columns stay with a pair")
	flags.StringVar(&o.Captions, "captions", "", "table of a folder's captions, a `file` with a column file_name")
	flags.StringVar(&o.Encoding, "encoding", "", "`name` of the texts' encoding, such as windows-1252 (default: UTF-8, or UTF-16 where it looks like it)")
	flags.StringVar(&name, "name", "", "`NAME` of the folder candidates/list-NAME (default: of the first of FILES)")
	flags.StringVar(&o.Separator, "separator", "", "`character` between the fields of CSV (default: a comma, or the ; | or tab of a first line without one)")
	flags.BoolVar(&replace, "replace", false, "put these FILES in the place of a list of other files of the same name")
	flags.IntVar(&workers, "workers", 0, "files read at one time; 0 is one a processor")
	flags.DurationVar(&run.limit, "max-duration", 0, limitHelp)
	return c
}
