package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/crawl/lists"
	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
	"golang.org/x/sync/errgroup"
)

// ImportName is the name of the stage that reads lists, which is no part of the road.
const ImportName = "import"

// Import makes candidates of lists that people have, a part for each file, in a
// producer's folder of its own. A run that was stopped goes on at the files that are
// not done; the result is the same whatever the number of workers.
type Import struct {
	Dir     string
	Name    string // of the run; see ListName
	Sources []lists.Source
	Options lists.Options
	Workers int
	Replace bool // a list of other files that has the name
	Log     *slog.Logger
}

// ListName makes the name of a run's folder of the first of what the user named: its
// file name without what says of what kind it is.
func ListName(first string) string {
	if trimmed := strings.TrimRight(first, "/"); trimmed != "" {
		first = trimmed
	}
	return producerName(first, ".gz", ".zst", ".bz2", ".xz", ".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather", ".tar")
}

// Stage describes the stage.
func (i Import) Stage() Stage {
	return Stage{
		Name: ImportName, Doing: "reading lists", Dir: i.Dir, Folder: shard.ProducerFolder(shard.ProducerList + i.Name),
		Settings: i.settings, Run: i.Run,
	}
}

// settings are those that decide what comes out.
func (i Import) settings() (string, error) {
	return withRefusals(i.Dir, settings.Hash(i.Name, fmt.Sprintf("%+v", i.Options)), candidateKinds)
}

// Imported are the figures of a run over lists.
type Imported struct {
	// Here is how many of the candidates have a picture that the list brought along; the
	// others are to be fetched.
	Here int64 `json:"pictures_here"`
}

// importDone remembers a file that is done.
type importDone struct {
	fileDone
	Imported
	Path string `json:"path"`
}

// importRun is one call of Run.
type importRun struct {
	Import
	producing
	by      string // the settings
	refused *refusal.List
}

// Run is the stage.
func (i Import) Run(ctx context.Context, progress Progress) (*Outcome, error) {
	if i.Name == "" || i.Name != ListName(i.Name) || len(i.Name) > maxProducerName {
		return nil, configurationError("the name %q of the run must be of at most %d letters, digits, -, _ and ., and not end in .csv and the like; give another with --name", i.Name, maxProducerName)
	}
	stage := i.Stage()
	by, err := i.settings()
	if err != nil {
		return nil, err
	}
	refused, err := Refusals(i.Dir)
	if err != nil {
		return nil, err
	}
	r := &importRun{Import: i, by: by, refused: refused, producing: producing{folder: stage.path(), kind: "file", log: i.Log, show: progress}}
	var sources []lists.Source
	for _, s := range i.Sources {
		print, err := s.Fingerprint()
		if errors.Is(err, os.ErrNotExist) {
			err = &ConfigurationError{err}
		}
		if !r.add(s.Path, print, err) {
			continue
		}
		sources = append(sources, s)
		if len(s.Unread) > 0 {
			r.Log.Warn("files of the folder that may be lists are not read with it; name them too", "not_read", len(s.Unread), "first", s.Unread[0])
		}
		r.total += s.Size()
	}
	r.Sources = sources
	if bad, first := r.failed(); bad == len(r.Sources) { // what the folder holds stays
		return nil, r.cannotRead(bad, first)
	}
	if err := os.MkdirAll(r.folder, 0o777); err != nil {
		return nil, err
	}
	input := r.inputOf()
	if m, err := shard.ReadManifest(r.folder); err == nil {
		if m.Settings == r.by && m.Input == input {
			return &Outcome{Tally: m.Tally, Result: importedOf(m)}, r.tidy(m)
		}
		r.standing, r.lacks = m, len(importFactsOf(m).Missing)
		if r.ofOthers() && !r.Replace {
			return nil, configurationError("%s holds a list of other files; keep both with another --name, or give --replace", stage.Folder)
		}
		if !r.holdsOne() && r.Replace {
			r.Log.Warn("candidates of another list are replaced; another --name keeps both", "folder", stage.Folder)
		}
	}
	return r.readAll(ctx, input)
}

// ofOthers tells whether the folder remembers files that are there, and none of the run's
// by its path.
func (r *importRun) ofOthers() bool {
	notes, err := filepath.Glob(filepath.Join(r.folder, "done-*.json"))
	if err != nil || r.holdsOne() {
		return false
	}
	others := false
	for _, note := range notes {
		var d importDone
		data, err := os.ReadFile(note)
		if err != nil || json.Unmarshal(data, &d) != nil || d.Path == "" {
			continue
		}
		if slices.Contains(r.names, d.Path) {
			return false
		}
		others = others || exists(d.Path) // else it may have moved
	}
	return others
}

// readAll reads the files that are not done and finishes the folder.
func (r *importRun) readAll(ctx context.Context, input string) (*Outcome, error) {
	if err := r.begin(); err != nil {
		return nil, err
	}
	done := make([]*importDone, len(r.Sources))
	files, err := r.each(ctx, r.Workers, func(ctx context.Context, i int) (*fileDone, error) {
		d, err := r.one(ctx, i)
		var own *lists.FileError
		if errors.As(err, &own) {
			return nil, &fileFault{err}
		}
		if err != nil {
			return nil, err
		}
		done[i] = d
		return &d.fileDone, nil
	})
	if err != nil {
		return nil, err
	}
	var result Imported
	for _, d := range done {
		if d != nil {
			result.Here += d.Here
		}
	}
	manifest, n := r.manifest(ImportName, "rows", r.by, input, files)
	manifest.Options = settings.Values(importFacts{Here: result.Here})
	r.incomplete = func(m *shard.Manifest, missing []string) *shard.Manifest {
		m.Input = settings.Hash(input, "without", missing) // so that the next import is due
		m.Options = settings.Values(importFacts{result.Here, missing})
		return m
	}
	return r.end(ctx, &Outcome{Tally: manifest.Tally, Result: result}, manifest, n)
}

// importFacts are what the manifest says of a list beside its tally.
type importFacts struct {
	Here    int64    `yaml:"pictures_here"`
	Missing []string `yaml:"missing_files,omitempty"` // which could not be read
}

// importedOf are the figures that a manifest keeps.
func importedOf(m *shard.Manifest) Imported { return Imported{Here: importFactsOf(m).Here} }

func importFactsOf(m *shard.Manifest) (facts importFacts) {
	if m.Options == nil || settings.Restore(&facts, m.Options) != nil {
		return importFacts{}
	}
	return facts
}

// one reads one file, unless it is done.
func (r *importRun) one(ctx context.Context, i int) (*importDone, error) {
	source, print := r.Sources[i], r.prints[i]
	origin := shard.Origin{Stage: ImportName, Settings: r.by, Input: settings.Hash(print)}
	d := &importDone{}
	if r.recall(d, &d.fileDone, origin, print) && r.whole(&d.fileDone, print) {
		r.advance(source.Size())
		return d, nil
	}
	d = &importDone{Path: source.Path, fileDone: fileDone{Origin: origin, Tally: shard.NewTally(ImportName, "rows", "candidates")}}
	part := r.writer(print, origin)
	defer part.discard()
	if err := r.read(ctx, source, d, part); err != nil {
		return nil, err
	}
	if err := part.close(&d.fileDone); err != nil {
		return nil, err
	}
	return d, r.remember(d, print)
}

// batchRows is how many candidates go from the reader to the writer at a time.
const batchRows = 1024

// read reads a file, while another goroutine writes what was read: packing the part
// takes as long as reading.
func (r *importRun) read(ctx context.Context, source lists.Source, d *importDone, part *candidateWriter) error {
	group, ctx := errgroup.WithContext(ctx)
	full, empty := make(chan []shard.Candidate, 2), make(chan []shard.Candidate, 3)
	for range cap(empty) {
		empty <- make([]shard.Candidate, 0, batchRows)
	}
	group.Go(func() error {
		for batch := range full {
			for i := range batch {
				if err := part.write(&batch[i]); err != nil {
					return err
				}
			}
			empty <- batch[:0]
		}
		return nil
	})
	group.Go(func() error {
		defer close(full)
		batch := <-empty
		hand := func() error {
			select {
			case full <- batch:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			select {
			case batch = <-empty:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		err := lists.Read(source, r.Name, r.Options, lists.Sink{
			Keep: func(c *shard.Candidate) error {
				if _, refused := refusesCandidate(r.refused, c); refused {
					d.Tally.Drop(ReasonRefused)
					return nil
				}
				d.Tally.Keep()
				if c.PictureAt != "" {
					d.Here++
				}
				if batch = append(batch, *c); len(batch) == batchRows {
					return hand()
				}
				return nil
			},
			Drop: d.Tally.Drop,
			Advance: func(n int64) error {
				r.advance(n)
				return context.Cause(ctx)
			},
		})
		if err == nil && len(batch) > 0 {
			err = hand()
		}
		return err
	})
	return group.Wait()
}

// needsNetwork tells whether fetching may have to ask a server: not where all
// candidates are of lists that brought all their pictures along. Where that cannot be
// told it may.
func needsNetwork(dir string) bool {
	all, err := producers(dir)
	if err != nil {
		return true
	}
	for _, p := range all {
		if !strings.HasPrefix(p.name, shard.ProducerList) || importedOf(p.manifest).Here < p.manifest.Tally.Kept {
			return true
		}
	}
	return false
}
