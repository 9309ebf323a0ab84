package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/queries"
	"github.com/pairloom/pairloom/query"
	listbuild "github.com/pairloom/pairloom/query/build"
	"github.com/pairloom/pairloom/query/match"
	"github.com/spf13/cobra"
)

func newQueries(g *global) *cobra.Command {
	c := &cobra.Command{
		Use: "queries", Short: "Make, describe and try a query list",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("queries has no command %q; pairloom queries --help lists them", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newQueriesBuild(g), newQueriesFromLines(g), newQueriesInfo(g), newQueriesLookup(g))
	return c
}

const queriesBuildLong = `Make a query list by the recipe of CLIP's paper: WordNet, words and two-word
phrases of a Wikipedia dump, and titles by their page views.

The dump is a pages-articles XML file of dumps.wikimedia.org, plain or .bz2; the
multistream form is read by all processors. A dump in several files may be given
as several. Finished counts stay in the folder of --temp under the dump's hash:
a build that was stopped goes on after the last finished dump, and one with
other thresholds counts nothing again.

A phrase's pointwise mutual information is log2(c(ab) N / (c(a) c(b))) bits, N
being the number of words. MetaCLIP's threshold of 30 is reached only by phrases
of very rare words in a dump the size of English Wikipedia; --min-pmi 8 with
--min-phrase-count 100 gives phrases that people use.`

func newQueriesBuild(g *global) *cobra.Command {
	var o listbuild.Options
	var out, memory string
	c := &cobra.Command{
		Use: "build", Short: "Make a list from a Wikipedia dump, page views and WordNet", Long: queriesBuildLong, Args: noArguments,
		Example: `  pairloom queries build --dump enwiki-20240201-pages-articles-multistream.xml.bz2 \
      --views 'pageviews-202401*.gz' --wordnet /usr/share/wordnet --date 2024-02-01 --out english.zst`,
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := parseBytes(memory)
			if err != nil {
				return &exitError{exitConfiguration, fmt.Errorf("--memory: %w", err)}
			}
			o.Memory = n
			return runQueriesBuild(c.Context(), g, o, out)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.Dumps, "dump", nil, "pages-articles XML `file`, plain or .bz2; may be repeated")
	f.StringArrayVar(&o.Views, "views", nil, "hourly page-view `files`, plain or .gz; a pattern, may be repeated")
	f.StringVar(&o.WordNet, "wordnet", "", "`folder` of WordNet's data.adj, data.adv, data.noun, data.verb")
	f.StringVar(&o.Project, "project", "en", "project of the page-view rows")
	f.Int64Var(&o.MinCount, "min-count", 100, "occurrences that a word needs")
	f.Float64Var(&o.MinPMI, "min-pmi", 30, "pointwise mutual information in bits that a phrase needs, above 0")
	f.Int64Var(&o.MinPhraseCount, "min-phrase-count", 1, "occurrences that a phrase needs")
	f.Int64Var(&o.MinViews, "min-views", 70, "views that a title needs")
	f.IntVar(&o.Size, "size", 500_000, "most entries")
	f.StringVar(&o.Date, "date", "", "date of the sources for the header, `YYYY-MM-DD`")
	f.StringVar(&o.Temp, "temp", "queries-temp", "`folder` for sorting and finished counts; a dump needs about as much space as it has")
	f.StringVar(&memory, "memory", "1GiB", "memory for counting; what does not fit goes to --temp")
	f.IntVar(&o.Workers, "workers", 0, "workers; 0 means one for each processor")
	f.StringVar(&out, "out", "queries.zst", "`file` to write")
	_ = c.MarkFlagDirname("temp") // both flags are there
	_ = c.MarkFlagDirname("wordnet")
	return c
}

func runQueriesBuild(ctx context.Context, g *global, o listbuild.Options, out string) error {
	var files []string
	for _, pattern := range o.Views {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			return &exitError{exitConfiguration, fmt.Errorf("--views: no file is named %s", pattern)}
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	o.Views = slices.Compact(files)
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if err := o.Validate(); err != nil {
		return &exitError{exitConfiguration, err}
	}
	// The collector works harder before memory grows past what was asked for; a
	// fifth is left for what it does not count.
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(int64(o.Memory) / 5 * 4))
	var p *progress
	o.Progress = func(phase string, done, total int64) {
		if p == nil || p.what != phase {
			if p != nil {
				p.end()
			}
			p = newProgress(g, phase)
		}
		p.set(done, total)
	}
	r, err := listbuild.Build(ctx, o)
	if p != nil {
		p.end()
	}
	if err != nil {
		return err
	}
	if err := query.WriteFile(out, r.Header, r.Entries); err != nil {
		return err
	}
	return printBuilt(g, r, out)
}

func printBuilt(g *global, r *listbuild.Result, out string) error {
	sources, counts := bySource(r.Entries)
	if g.json {
		return g.printJSON(map[string]any{"out": out, "entries": len(r.Entries), "sources": counts, "cut": r.Cut, "unfit": r.Unfit, "dumps": r.Dumps, "views": r.Views})
	}
	for _, d := range r.Dumps {
		var dropped []string
		for reason, n := range d.Dropped {
			dropped = append(dropped, reason+" "+pipeline.Grouped(n))
		}
		slices.Sort(dropped)
		fmt.Fprintf(g.stdout, "dump: %s of %s pages, %s words; dropped: %s\n", pipeline.Grouped(d.Kept), pipeline.Grouped(d.Pages), pipeline.Grouped(d.Words), cmp.Or(strings.Join(dropped, ", "), "none"))
	}
	if v := r.Views; v.Rows > 0 {
		fmt.Fprintf(g.stdout, "page views: %s rows; other project %s, under 50 views %s, with a colon %s, malformed %s\n", pipeline.Grouped(v.Rows), pipeline.Grouped(v.OtherProject), pipeline.Grouped(v.Few), pipeline.Grouped(v.Colon), pipeline.Grouped(v.Malformed))
	}
	var parts []string
	for _, s := range sources {
		parts = append(parts, s+" "+pipeline.Grouped(counts[s]))
	}
	fmt.Fprintf(g.stdout, "%s: %s entries: %s\n", out, pipeline.Grouped(int64(len(r.Entries))), strings.Join(parts, ", "))
	for _, s := range []string{"wordnet", "word", "phrase", "title"} {
		if r.Cut[s] > 0 {
			fmt.Fprintf(g.stdout, "no room for %s of source %s\n", pipeline.Grouped(int64(r.Cut[s])), s)
		}
	}
	if counts["phrase"] == 0 && len(r.Dumps) > 0 {
		words := int64(0)
		for _, d := range r.Dumps {
			words += d.Words
		}
		fmt.Fprintf(g.stdout, "no phrase reached --min-pmi; with %s words none can have more than %.1f bits\n", pipeline.Grouped(words), math.Log2(float64(max(words, 1))))
	}
	return nil
}

// parseBytes reads sizes such as 512MiB and 1GiB.
func parseBytes(s string) (int, error) {
	for unit, size := range map[string]float64{"MiB": 1 << 20, "GiB": 1 << 30} {
		if number, ok := strings.CutSuffix(s, unit); ok {
			n, err := strconv.ParseFloat(number, 64)
			if err == nil && n > 0 && n*size < 1<<50 {
				return int(n * size), nil
			}
		}
	}
	return 0, fmt.Errorf("%q: want a size such as 512MiB or 1GiB", s)
}

// openList opens the list in a file, or the one that ships.
func openList(path string) (*query.List, error) {
	if path == "" || path == queries.Name {
		return query.Read(queries.Name, queries.List)
	}
	list, err := query.Open(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, query.ErrNoList) {
		err = &exitError{exitConfiguration, err}
	}
	return list, err
}

// bySource counts entries by source, in order of the list.
func bySource(entries []query.Entry) (order []string, counts map[string]int64) {
	counts = map[string]int64{}
	for _, e := range entries {
		if counts[e.Source] == 0 {
			order = append(order, e.Source)
		}
		counts[e.Source]++
	}
	return order, counts
}

func newQueriesInfo(g *global) *cobra.Command {
	var path string
	c := &cobra.Command{
		Use: "info", Short: "Show what a list holds: sources, lengths, the longest and the commonest entries", Args: noArguments,
		Example: "  pairloom queries info\n  pairloom queries info --list english.zst",
		RunE: func(*cobra.Command, []string) error {
			list, err := openList(path)
			if err != nil {
				return err
			}
			return printInfo(g, list)
		},
	}
	c.Flags().StringVar(&path, "list", "", "the list's `file`; without it, the one that ships")
	return c
}

// shown is how many of the longest and of the commonest entries info prints.
const shown = 10

func printInfo(g *global, list *query.List) error {
	sources, counts := bySource(list.Entries)
	var words [6]int64 // entries of 1, 2, 3, 4, 5 or more words; 0 is not used
	for _, e := range list.Entries {
		words[min(len(strings.Fields(e.Text)), 5)]++
	}
	longest := slices.Clone(list.Entries)
	slices.SortStableFunc(longest, func(a, b query.Entry) int {
		return utf8.RuneCountInString(b.Text) - utf8.RuneCountInString(a.Text)
	})
	longest = longest[:min(shown, len(longest))]
	common := map[string][]query.Entry{}
	for _, s := range sources {
		of := slices.DeleteFunc(slices.Clone(list.Entries), func(e query.Entry) bool { return e.Source != s })
		slices.SortStableFunc(of, func(a, b query.Entry) int { return cmp.Compare(b.Count, a.Count) })
		common[s] = of[:min(shown, len(of))]
	}
	if g.json {
		return g.printJSON(map[string]any{"header": list.Header, "hash": list.Hash, "entries": len(list.Entries), "sources": counts, "words": words[1:], "longest": longest, "commonest": common})
	}
	for _, h := range list.Header {
		fmt.Fprintln(g.stdout, h)
	}
	fmt.Fprintf(g.stdout, "hash: %s\n\n", list.Hash)
	t := tabwriter.NewWriter(g.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, s := range sources {
		fmt.Fprintf(t, "%s\t%s\t\n", s, pipeline.Grouped(counts[s]))
	}
	fmt.Fprintf(t, "all\t%s\t\n\t\t\n", pipeline.Grouped(int64(len(list.Entries))))
	for n, name := range []string{"", "1 word", "2 words", "3 words", "4 words", "5 words or more"} {
		if n > 0 {
			fmt.Fprintf(t, "%s\t%s\t\n", name, pipeline.Grouped(words[n]))
		}
	}
	t.Flush()
	fmt.Fprintln(g.stdout, "\nlongest:")
	for _, e := range longest {
		fmt.Fprintf(g.stdout, "  %s (%s)\n", e.Text, e.Source)
	}
	for _, s := range sources {
		var texts []string
		for _, e := range common[s] {
			texts = append(texts, fmt.Sprintf("%s %s", e.Text, pipeline.Grouped(e.Count)))
		}
		fmt.Fprintf(g.stdout, "commonest of %s: %s\n", s, strings.Join(texts, "; "))
	}
	return nil
}

func newQueriesLookup(g *global) *cobra.Command {
	path, mode := "", match.Clean.String()
	c := &cobra.Command{
		Use: "lookup TEXT", Short: "Show which entries a text contains, where, and from which source",
		Example: `  pairloom queries lookup "A photo of a red fox in the snow"`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("lookup takes one text; put it in quotes")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := match.ParseMode(mode)
			if err != nil {
				return &exitError{exitConfiguration, fmt.Errorf("--mode: %w", err)}
			}
			list, err := openList(path)
			if err != nil {
				return err
			}
			return lookup(g, list, args[0], m)
		},
	}
	c.Flags().StringVar(&path, "list", "", "the list's `file`; without it, the one that ships")
	choiceVar(c, &mode, "mode", "how texts match", match.Clean.String(), match.MetaCLIP.String())
	return c
}

// occurrence is one place where an entry stands in a text.
type occurrence struct {
	Start  int    `json:"start"`
	End    int    `json:"end"`
	Entry  string `json:"entry"`
	ID     uint32 `json:"id"`
	Source string `json:"source"`
	Count  int64  `json:"count"`
}

func lookup(g *global, list *query.List, text string, mode match.Mode) error {
	m := match.NewMode(list.Texts(), mode)
	defer m.Close()
	found := []occurrence{}
	for _, f := range m.FindAll(text) {
		e := list.Entries[f.ID]
		found = append(found, occurrence{f.Start, f.End, e.Text, f.ID, e.Source, e.Count})
	}
	if g.json {
		return g.printJSON(map[string]any{"text": text, "mode": mode.String(), "found": found})
	}
	if len(found) == 0 {
		fmt.Fprintln(g.stdout, "the text contains no entry; the match stage would drop it as no_query")
		return nil
	}
	t := tabwriter.NewWriter(g.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "bytes\tentry\tsource\tcount\tid\n")
	for _, o := range found {
		fmt.Fprintf(t, "%d-%d\t%s\t%s\t%s\t%d\n", o.Start, o.End, o.Entry, o.Source, pipeline.Grouped(o.Count), o.ID)
	}
	return t.Flush()
}
