package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/crawl/archive"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
	"github.com/spf13/cobra"
)

const archiveLong = `

With --archive it reads web archives instead of the live web: WARC, WAT and ARC
files, plain or compressed with gzip or zstd. FILES are archives, patterns, lists
of these (a line each, such as Common Crawl's warc.paths.gz) or - for a list on
stdin. What lists name lies beside them, or below --base-url, from where it is read
as it is needed. Candidates go to candidates/archive-NAME, a part an archive;
stopped, it goes on at the archives that are not done. robots.txt files in the
archives and what pages say against their use are obeyed as in a live crawl.
pairloom run --from match goes on from there.`

const archiveExample = `
  pairloom crawl -C cats --archive site.warc.gz 'more/*.warc.gz'
  pairloom crawl -C cats --archive wat.paths.gz --base-url https://data.commoncrawl.org/`

// archiveFlags are those of crawl --archive.
type archiveFlags struct {
	files      []string
	base, name string
	workers    int
}

// addArchives gives the crawl command the flags and arguments of archives.
func addArchives(g *global, c *cobra.Command, o *runOptions) {
	var f archiveFlags
	c.Use += " [--archive FILES...]"
	c.Long += archiveLong
	c.Example += archiveExample
	flags := c.Flags()
	flags.StringArrayVar(&f.files, "archive", nil, "read these `FILES`, web archives or lists of them, instead of the live web")
	flags.StringVar(&f.base, "base-url", "", "the `address` below which the files that lists name lie")
	flags.StringVar(&f.name, "name", "", "`NAME` of the folder candidates/archive-NAME (default: of the first of FILES)")
	flags.IntVar(&f.workers, "archive-workers", 0, "archives read at one time; 0 is one a processor")
	live := c.RunE
	c.Args = func(c *cobra.Command, args []string) error {
		if len(f.files) > 0 {
			return nil
		}
		for _, name := range []string{"base-url", "name", "archive-workers"} {
			if flags.Changed(name) {
				return fmt.Errorf("--%s goes with --archive", name)
			}
		}
		return noArguments(c, args)
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(f.files) == 0 {
			return live(c, args)
		}
		if f.workers < 0 {
			return &exitError{exitConfiguration, fmt.Errorf("--archive-workers is %d; it must be 0, one a processor, or more", f.workers)}
		}
		f.files = append(f.files, args...)
		sources, err := archive.Sources(f.files, c.InOrStdin(), f.base)
		if err != nil {
			return &exitError{exitConfiguration, fmt.Errorf("--archive: %w", err)}
		}
		if f.workers == 0 {
			f.workers = runtime.GOMAXPROCS(0)
		}
		if f.name == "" {
			f.name = pipeline.ArchiveName(f.files[0])
		}
		if f.name == "" { // of a pattern of nothing else
			f.name = pipeline.ArchiveName(sources[0].Name())
		}
		o.only = func(w *workspace) pipeline.Stage {
			return pipeline.Archive{
				Dir: w.dir, Name: f.name, Sources: sources, Gate: w.cfg.Gate, Workers: f.workers, Version: version, Now: w.now, Log: w.log,
			}.Stage()
		}
		return g.run(c.Context(), pipeline.ArchivesName, *o)
	}
}

// withoutSeeds adds to the error of a configuration without crawl.seeds what to do
// where the folder has candidates of archives or lists, or trains on other data.
func withoutSeeds(w *workspace, stages []pipeline.Stage, err error) error {
	if err == nil || len(w.cfg.Crawl.Seeds) > 0 || !slices.ContainsFunc(stages, func(s pipeline.Stage) bool { return s.Name == pipeline.CrawlName }) {
		return err
	}
	var names []string
	for _, kind := range []string{shard.ProducerArchive, shard.ProducerList} {
		found, globErr := filepath.Glob(filepath.Join(w.dir, shard.CandidatesFolder, kind+"*", shard.ManifestName))
		if globErr != nil {
			return err
		}
		for _, path := range found {
			names = append(names, filepath.Base(filepath.Dir(path)))
		}
	}
	if len(names) == 0 && len(w.cfg.Train.Data) > 0 {
		return errors.Join(err, fmt.Errorf("to train on what train.data names, without a crawl: pairloom train -C %s", w.dir))
	}
	if len(names) == 0 {
		return err
	}
	return errors.Join(err, fmt.Errorf("to go on from the candidates of %s without a live crawl: pairloom run -C %s --from match", strings.Join(names, ", "), w.dir))
}
