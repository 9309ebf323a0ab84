package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
)

// The names of the stages, which are also their commands.
const (
	CrawlName  = "crawl"
	MatchName  = "match"
	FetchName  = "fetch"
	CurateName = "curate"
	ShardName  = "shard"
	ReportName = "report"
	TrainName  = "train"
	EvalName   = "eval"
)

// A Stage turns its input folders into its own folder, whose manifest says by
// which settings and from which input it was made.
type Stage struct {
	Name   string
	Doing  string   // what it does, for a progress bar
	Dir    string   // the dataset's folder
	Folder string   // under Dir, as the inputs and extras are
	Inputs []string // folders that must be finished
	Extras []string // folders that it uses where they are finished and whole
	// Settings is the fingerprint of what decides what comes out.
	Settings func() (string, error)
	// Due tells work that neither settings nor inputs show, such as pages to
	// visit again; nil when there is no such work.
	Due func() (string, error)
	// Checked tells whether the folder, of that manifest, is what the stage would make of
	// that input too, which is another than its manifest's; nil when the stage cannot tell.
	Checked func(m *shard.Manifest, input string) bool
	// Run is the work. When its context ends it keeps what is done and returns a
	// [StoppedError] that says how much, or the context's error; beside it an
	// outcome, where the tally so far is known.
	Run func(context.Context, Progress) (*Outcome, error)
	// Stopped says how far a run came that was stopped, "" when none was; nil when
	// the stage cannot tell.
	Stopped func() (string, error)
	// Tidy removes what runs by other settings, which were given up, left beside a
	// result that stands; nil when they leave nothing.
	Tidy func() error
}

// Progress is told how far a stage is: done of total, which is 0 while it is
// unknown. It may be called from any goroutine.
type Progress func(done, total int64)

// Outcome is what a stage reports at its end.
type Outcome struct {
	Tally  *shard.Tally
	Result any // figures of the stage's own; nil when the tally says it all
	// Unfinished says why the stage stopped before its end, at its budget; the
	// stages behind it have to wait.
	Unfinished string
	// Unread says which lines of the refusal list are no entries, of a stage that obeys it.
	Unread []string
}

// tallyOnly adapts a stage whose tally says it all. A tally beside an error is
// that of what was done until then.
func tallyOnly(run func(context.Context, Progress) (*shard.Tally, error)) func(context.Context, Progress) (*Outcome, error) {
	return func(ctx context.Context, progress Progress) (*Outcome, error) {
		tally, err := run(ctx, progress)
		if tally == nil {
			return nil, err
		}
		return &Outcome{Tally: tally}, err
	}
}

// Unit is what the stage's progress counts.
func (s *Stage) Unit() string {
	switch s.Name {
	case CrawlName:
		return "pages"
	case ArchivesName, ImportName:
		return "bytes"
	case MatchName:
		return "candidates"
	case FetchName:
		return "pictures"
	case TrainName:
		return "steps"
	}
	return "pairs"
}

// path is that of the stage's folder.
func (s *Stage) path() string { return filepath.Join(s.Dir, s.Folder) }

// manifest reads the manifest of a folder of dir; where it is missing, the error
// says which command to run first.
func manifest(dir, folder string) (*shard.Manifest, error) {
	path := filepath.Join(dir, folder)
	m, err := shard.ReadManifest(path)
	if errors.Is(err, shard.ErrUnfinished) {
		return nil, configurationError("%w: run pairloom %s first, or pairloom run for the whole road", err, shard.Maker(path))
	}
	return m, err
}

// A producer is a finished folder of candidates.
type producer struct {
	name     string
	folder   string // under the dataset's folder
	manifest *shard.Manifest
}

// producers lists the folders of candidates that are finished, by name; at least
// one must be.
func producers(dir string) ([]producer, error) {
	root := filepath.Join(dir, shard.CandidatesFolder)
	if oldLayout(dir) {
		return nil, configurationError("%s has the layout of pairloom 0.1; run pairloom match, which brings it into today's", root)
	}
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var list []producer
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		folder := shard.ProducerFolder(e.Name())
		m, err := shard.ReadManifest(filepath.Join(dir, folder))
		if errors.Is(err, shard.ErrUnfinished) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, producer{e.Name(), folder, m})
	}
	if len(list) == 0 {
		for _, u := range unfinishedProducers(dir) {
			if crawl := shard.ProducerFolder(shard.ProducerCrawl); u.Folder != crawl {
				if exists(filepath.Join(dir, crawl)) {
					u.GoOn += "; or run pairloom crawl first, which was begun too"
				}
				return nil, configurationError("%s: %w; %s", filepath.Join(dir, u.Folder), shard.ErrUnfinished, u.GoOn)
			}
		}
		_, err := manifest(dir, shard.ProducerFolder(shard.ProducerCrawl))
		if err == nil { // finished since
			return producers(dir)
		}
		return nil, err
	}
	return list, nil
}

// LeftOut is a folder of candidates that is not finished, which match does not read.
type LeftOut struct {
	Folder string `json:"folder"` // under the dataset's folder
	GoOn   string `json:"go_on"`  // what to do, for people
}

// unfinishedProducers lists the folders of candidates that have no manifest, by name.
func unfinishedProducers(dir string) (list []LeftOut) {
	entries, err := os.ReadDir(filepath.Join(dir, shard.CandidatesFolder))
	if err != nil {
		return nil // which producers tells
	}
	for _, e := range entries {
		folder := shard.ProducerFolder(e.Name())
		if _, err := shard.ReadManifest(filepath.Join(dir, folder)); !e.IsDir() || !errors.Is(err, shard.ErrUnfinished) {
			continue
		}
		goOn := ""
		if name, ok := strings.CutPrefix(e.Name(), shard.ProducerList); ok {
			goOn = "go on with pairloom import FILES --name " + name + ", with the files of before"
		} else if name, ok := strings.CutPrefix(e.Name(), shard.ProducerArchive); ok {
			goOn = "go on with pairloom crawl --archive FILES --name " + name + ", with the files of before"
		} else if e.Name() == shard.ProducerCrawl {
			goOn = "go on with pairloom crawl"
		} else {
			continue
		}
		list = append(list, LeftOut{folder, goOn + ", or remove the folder"})
	}
	return list
}

// Matched are the figures of the match beside its tally.
type Matched struct {
	LeftOut []LeftOut `json:"left_out"`
}

// ProducerStates tells where each folder of archives and lists stands; the crawl's is a
// stage of the road. It only reads.
func ProducerStates(dir string) ([]State, error) {
	var states []State
	for _, u := range unfinishedProducers(dir) {
		if u.Folder != shard.ProducerFolder(shard.ProducerCrawl) {
			states = append(states, State{Stage: filepath.Base(u.Folder), State: "unfinished", Reason: u.GoOn})
		}
	}
	all, err := producers(dir)
	var none *ConfigurationError
	if err != nil && !errors.As(err, &none) {
		return nil, err
	}
	for _, p := range all {
		if p.name == shard.ProducerCrawl {
			continue
		}
		state := State{Stage: p.name, State: "finished", Tally: p.manifest.Tally, Parts: len(p.manifest.Parts)}
		if missing := importFactsOf(p.manifest).Missing; len(missing) > 0 {
			state.State, state.Reason = "due", fmt.Sprintf("%d files could not be read, the first: %s", len(missing), missing[0])
		}
		for _, part := range p.manifest.Parts {
			state.Rows += part.Rows
			state.Bytes += part.Bytes
		}
		states = append(states, state)
	}
	slices.SortFunc(states, func(a, b State) int { return strings.Compare(a.Stage, b.Stage) })
	return states, nil
}

// inputs reads the manifests of the stage's inputs.
func (s *Stage) inputs() ([]*shard.Manifest, error) {
	var list []*shard.Manifest
	for _, folder := range s.Inputs {
		if folder == shard.CandidatesFolder {
			all, err := producers(s.Dir)
			if err != nil {
				return nil, err
			}
			for _, p := range all {
				list = append(list, p.manifest)
			}
			continue
		}
		m, err := manifest(s.Dir, folder)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// input is the hash of the manifests of the stage's inputs, and of its extras
// that are finished: one that cannot be read is as good as none, and its own stage,
// which is stale, makes it again.
func (s *Stage) input() (string, error) {
	list, err := s.inputs()
	if err != nil {
		return "", err
	}
	var parts []any
	for _, m := range list {
		parts = append(parts, m.Hash())
	}
	for _, folder := range s.Extras {
		if m, err := shard.ReadManifest(filepath.Join(s.Dir, folder)); err == nil {
			parts = append(parts, m.Hash())
		}
	}
	return settings.Hash(parts...), nil
}

// origin is what the stage would write today by and from.
func (s *Stage) origin() (shard.Origin, error) {
	input, err := s.input()
	if err != nil {
		return shard.Origin{}, err
	}
	by, err := s.Settings()
	return shard.Origin{Stage: s.Name, Settings: by, Input: input}, err
}

// finish writes the manifest of a stage whose folder holds files, of these names,
// and no parts.
func (s *Stage) finish(tally *shard.Tally, files ...string) error {
	o, err := s.origin()
	if err != nil {
		return err
	}
	m := &shard.Manifest{Stage: o.Stage, Settings: o.Settings, Input: o.Input, Tally: tally}
	if err := addFiles(m, s.path(), files); err != nil {
		return err
	}
	return shard.WriteManifest(s.path(), m)
}

// Stale says why the stage must run; "" when it need not.
func (s *Stage) Stale() (string, error) {
	m, err := shard.ReadManifest(s.path())
	if err != nil {
		return "it is " + unfinished(err), nil
	}
	by, err := s.Settings()
	if err != nil {
		return "", err
	}
	if m.Settings != by {
		if s.obeysRefusals() && exists(filepath.Join(s.Dir, RefusedName)) {
			return "its settings or " + RefusedName + " changed", nil
		}
		return "its settings changed", nil
	}
	input, err := s.input()
	if err != nil {
		return "an input is not finished", nil
	}
	if m.Input != input && (s.Checked == nil || !s.Checked(m, input)) {
		return "its input changed", nil
	}
	if s.Due != nil {
		return s.Due()
	}
	return "", nil
}

// unfinished says in few words why a folder does not count as finished.
func unfinished(err error) string {
	if errors.Is(err, shard.ErrUnfinished) {
		return "not finished"
	}
	if errors.Is(err, fs.ErrPermission) {
		return "not readable: " + err.Error()
	}
	return "damaged: " + err.Error()
}

// State is where one stage stands.
type State struct {
	Stage  string       `json:"stage"`
	State  string       `json:"state"` // finished, due, or unfinished
	Reason string       `json:"reason,omitempty"`
	Rows   int64        `json:"rows"`
	Bytes  int64        `json:"bytes"`
	Parts  int          `json:"parts"`           // files of rows
	Files  int          `json:"files,omitempty"` // of a folder without parts: its other files, which Bytes then counts
	Tally  *shard.Tally `json:"tally,omitempty"`
	// Of shards: how many generations there are, how many of the rows in the files were
	// deleted, and whether compacting them is worth it. Rows are those that were not.
	Generations int    `json:"generations,omitempty"`
	Deleted     int64  `json:"deleted,omitempty"`
	Compact     string `json:"compact,omitempty"` // why, "" when it is not
}

// State tells where the stage stands. It only reads.
func (s *Stage) State() (State, error) {
	why, err := s.Stale()
	if err != nil {
		return State{}, err
	}
	state := State{Stage: s.Name, State: "finished", Reason: why}
	if why != "" {
		state.State = "due"
	}
	m, err := shard.ReadManifest(s.path())
	if err != nil {
		state.State, state.Reason = "unfinished", unfinished(err)
		if s.Stopped != nil {
			// What keeps it from telling is told by the stage itself.
			if at, err := s.Stopped(); err == nil && at != "" {
				state.Reason = at
			}
		}
		if strings.HasPrefix(s.Folder, shard.CandidatesFolder) && oldLayout(s.Dir) {
			state.Reason = "in the layout of pairloom 0.1, which the next command that writes brings into today's"
		}
		return state, nil
	}
	state.Tally, state.Parts = m.Tally, len(m.Parts)
	for _, p := range m.Parts {
		state.Rows += p.Rows
		state.Bytes += p.Bytes
	}
	if s.Name == ShardName {
		state.generations(m)
	}
	if len(m.Parts) == 0 {
		return state, state.countFiles(s.path())
	}
	return state, nil
}

// countFiles counts the files of a folder that holds no rows, such as checkpoints, but for
// its manifest. What a run removes meanwhile does not count.
func (s *State) countFiles(folder string) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !entry.Type().IsRegular() || path == filepath.Join(folder, shard.ManifestName) {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			s.Files, s.Bytes = s.Files+1, s.Bytes+info.Size()
		}
		return err
	})
}
