package pipeline

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pairloom/pairloom/crawl/archive"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
	"golang.org/x/sync/errgroup"
)

// ArchivesName is the name of the stage that reads archives, which is no part of
// the road: its command is crawl --archive.
const ArchivesName = "archive"

// Archive reads web archives, a part for each, in a producer's folder of its own.
// A run that was stopped goes on at the archives that are not done; the result is
// the same whatever the number of workers, and whatever of the archives an earlier
// run under the same name has read.
type Archive struct {
	Dir     string
	Name    string // of the run; see ArchiveName
	Sources []archive.Source
	Gate    gate.Options
	Workers int
	Version string
	Now     func() time.Time
	Log     *slog.Logger
}

// ArchiveName makes the name of a run's folder of the first of what the user named:
// its file name without what says of what kind it is.
func ArchiveName(first string) string {
	if first == "-" {
		first = "stdin"
	}
	return producerName(first, ".gz", ".zst", ".warc", ".wat", ".arc", ".paths", ".txt")
}

// Stage describes the stage.
func (a Archive) Stage() Stage {
	return Stage{
		Name: ArchivesName, Doing: "reading archives", Dir: a.Dir, Folder: shard.ProducerFolder(shard.ProducerArchive + a.Name),
		Settings: a.settings, Run: a.Run,
	}
}

// settings are those that decide what comes out.
func (a Archive) settings() (string, error) {
	return withRefusals(a.Dir, settings.Hash(a.Gate.UserAgent, strings.Join(a.Gate.Respect, ","), a.Gate.Policies, a.Gate.MaxPageBytes), candidateKinds)
}

// archiveDone remembers an archive that is done, in a file beside its part. Another
// run that names the archive reads it again only when what decided is another: the
// settings, the rules of its sites, or the time at which a wish begins to hold.
type archiveDone struct {
	Sites []byte `json:"sites"` // whose rules decided, 8 bytes each; see archive.Robots.SumOf
	Rules string `json:"rules"` // what these were
	Later int64  `json:"later"` // when a wish of a page begins to hold (Unix seconds); 0 for none
	fileDone
	archive.LeftOut
	Refused int64 `json:"refused"` // candidates
}

// Archived are the figures of a run over archives.
type Archived struct {
	archive.LeftOut
	// Refused counts the candidates that the refusal list kept out.
	Refused int64 `json:"refused"`
}

// archiveRun is one call of Run.
type archiveRun struct {
	Archive
	producing
	gate    *gate.Gate
	robots  *archive.Robots
	input   string // of all archives
	begun   time.Time
	by      string // the settings
	refused *refusal.List
}

// Run is the stage.
func (a Archive) Run(ctx context.Context, progress Progress) (*Outcome, error) {
	if a.Name == "" || a.Name != ArchiveName(a.Name) || len(a.Name) > maxProducerName {
		return nil, configurationError("the name %q of the run must be of at most %d letters, digits, -, _ and ., and not end in .gz and the like; give another with --name", a.Name, maxProducerName)
	}
	g, err := gate.New(a.Gate, a.Version)
	if err != nil && a.remote() {
		return nil, &ConfigurationError{err}
	}
	if err == nil {
		defer g.Close()
	}
	stage := a.Stage()
	r := &archiveRun{Archive: a, producing: producing{folder: stage.path(), kind: "archive", log: a.Log, show: progress}, gate: g, begun: a.Now()}
	if r.by, err = a.settings(); err != nil {
		return nil, err
	}
	if r.refused, err = Refusals(a.Dir); err != nil {
		return nil, err
	}
	r.identify()
	if bad, first := r.failed(); bad == len(r.Sources) { // what the folder holds stays
		return nil, r.cannotRead(bad, first)
	}
	if err := os.MkdirAll(r.folder, 0o777); err != nil {
		return nil, err
	}
	if r.robots, err = archive.NewRobots(a.Gate.UserAgent, r.folder); err != nil {
		return nil, err
	}
	defer r.robots.Close()
	if err := r.findRobots(ctx); err != nil {
		return nil, err
	}
	r.input = r.inputOf(r.robots.Sum())
	if m, err := shard.ReadManifest(r.folder); err == nil {
		if m.Settings == r.by && m.Input == r.input {
			return &Outcome{Tally: m.Tally}, r.tidy(m)
		}
		r.standing = m
		if !r.holdsOne() {
			r.Log.Warn("candidates of other archives are replaced; another --name keeps both", "folder", r.Stage().Folder)
		}
	}
	return r.readAll(ctx)
}

func (a Archive) remote() bool {
	for _, s := range a.Sources {
		if s.URL != "" {
			return true
		}
	}
	return false
}

// identify finds what each archive is known by; one that is named twice under
// different names is read once.
func (r *archiveRun) identify() {
	var sources []archive.Source
	for _, s := range r.Sources {
		print, err := s.Fingerprint()
		if errors.Is(err, archive.ErrNoFile) || errors.Is(err, os.ErrNotExist) {
			err = &ConfigurationError{err}
		}
		if err != nil {
			err = archiveFault(s, err)
		}
		if !r.add(s.String(), print, err) {
			continue
		}
		sources = append(sources, s)
		if info, err := os.Stat(s.Path); s.URL == "" && err == nil {
			r.total += info.Size()
		}
	}
	r.Sources = sources
	if r.remote() {
		r.total = 0 // not known
	}
}

// findRobots reads the robots.txt files that the archives hold.
func (r *archiveRun) findRobots(ctx context.Context) error {
	entries := make(chan archive.RobotsEntry)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, r.Workers))
	failed := make(chan error, 1)
	go func() {
		var err error
		for e := range entries {
			if err == nil {
				err = r.robots.Add(e)
			}
		}
		failed <- err
	}()
	for i, s := range r.Sources {
		if !s.HoldsRobots() || r.faults[i] != nil {
			continue
		}
		// A file's rules are missing only until it can be read, and its run has no
		// manifest before. Archives elsewhere would be asked for twice.
		fault := func(err error) error {
			if err == nil || ctx.Err() != nil {
				return err
			}
			err = fmt.Errorf("look for robots.txt: %w", archiveFault(s, err))
			if s.URL == "" {
				r.fault(i, err)
				return nil
			}
			return err
		}
		group.Go(func() error {
			if known, ok := r.knownRules(i); ok {
				for _, e := range known {
					entries <- e
				}
				return nil
			}
			in, _, err := s.Open(ctx, r.gate)
			if err != nil {
				return fault(err)
			}
			defer in.Close()
			found, bytes := []archive.RobotsEntry{}, 0
			err = archive.NewExtractor(r.options(), nil).ScanRobots(ctx, in, func(e archive.RobotsEntry) error {
				e.Body = append([]byte(nil), e.Body...)
				if bytes += len(e.Site) + len(e.Body); bytes <= maxKnownRules {
					found = append(found, e)
				}
				entries <- e
				return nil
			})
			// What an address gave without a rule may have been something else.
			if err == nil && bytes <= maxKnownRules && (s.URL == "" || len(found) > 0) {
				return r.rememberRules(i, found)
			}
			return fault(err)
		})
	}
	err := group.Wait()
	close(entries)
	return errors.Join(err, <-failed)
}

// maxKnownRules bounds what is remembered of the robots.txt files of one archive: one
// of nothing else is looked through again.
const maxKnownRules = 4 << 20

// archiveRules are the robots.txt files of an archive, in a file of their own.
type archiveRules struct {
	Settings string                `json:"settings"`
	Entries  []archive.RobotsEntry `json:"entries"`
}

func (r *archiveRun) knownRules(i int) ([]archive.RobotsEntry, bool) {
	data, err := os.ReadFile(filepath.Join(r.folder, archiveRulesNote(r.prints[i])))
	var known archiveRules
	if err != nil || json.Unmarshal(data, &known) != nil || known.Settings != r.by || known.Entries == nil {
		return nil, false
	}
	return known.Entries, true
}

func (r *archiveRun) rememberRules(i int, entries []archive.RobotsEntry) error {
	data, err := json.Marshal(archiveRules{r.by, entries})
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(r.folder, archiveRulesNote(r.prints[i])), data)
}

func (r *archiveRun) options() archive.Options {
	return archive.Options{Token: r.Gate.UserAgent, Respect: r.Gate.Respect, Policies: r.Gate.Policies, MaxPageBytes: r.Gate.MaxPageBytes, Now: r.begun}
}

// readAll reads the archives that are not done and finishes the folder.
func (r *archiveRun) readAll(ctx context.Context) (*Outcome, error) {
	if err := r.begin(); err != nil {
		return nil, err
	}
	done := make([]*archiveDone, len(r.Sources))
	files, err := r.each(ctx, r.Workers, func(ctx context.Context, i int) (*fileDone, error) {
		d, err := r.one(ctx, i)
		if err != nil {
			return nil, err
		}
		done[i] = d
		return &d.fileDone, nil
	})
	if err != nil {
		return nil, err
	}
	var result Archived
	for _, d := range done {
		if d != nil {
			result.Placeholders += d.Placeholders
			result.Cut += d.Cut
			result.Refused += d.Refused
		}
	}
	manifest, n := r.manifest(ArchivesName, "records", r.by, r.input, files)
	return r.end(ctx, &Outcome{Tally: manifest.Tally, Result: result}, manifest, n)
}

func archiveRulesNote(print uint64) string { return fmt.Sprintf("rules-%016x.json", print) }

// archiveFault is one of an archive's own.
func archiveFault(source archive.Source, err error) error {
	return &fileFault{fmt.Errorf("%s: %w", source, err)}
}

var errNoRecord = errors.New("not one record was found in it; it is no WARC, WAT or ARC file, or damaged all through")

// one reads one archive, unless it is done.
func (r *archiveRun) one(ctx context.Context, i int) (*archiveDone, error) {
	source, print := r.Sources[i], r.prints[i]
	origin := shard.Origin{Stage: ArchivesName, Settings: r.by, Input: settings.Hash(print)}
	if d := r.finished(origin, print); d != nil {
		if info, err := os.Stat(source.Path); source.URL == "" && err == nil {
			r.advance(info.Size())
		}
		return d, nil
	}
	in, _, err := source.Open(ctx, r.gate)
	if err != nil {
		return nil, archiveFault(source, err)
	}
	defer in.Close()
	d := &archiveDone{fileDone: fileDone{Origin: origin, Tally: shard.NewTally(ArchivesName, "records", "candidates")}}
	part := r.writer(print, origin)
	defer part.discard()
	broken, records := 0, 0
	reader := archive.NewReader(in, func(reason string, _ int64) {
		d.Tally.Drop(reason)
		broken++
	})
	defer reader.Close()
	reader.Stop = func() error { return context.Cause(ctx) }
	extractor := archive.NewExtractor(r.options(), r.robots)
	told := int64(0)
	for n := 0; ; n++ {
		if n%256 == 0 {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			r.advance(reader.Offset() - told)
			told = reader.Offset()
		}
		record, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			return nil, archiveFault(source, err)
		}
		records++
		candidates, reason := extractor.Record(record, source.Name())
		if reason != "" {
			d.Tally.Drop(reason)
			continue
		}
		d.Tally.Keep()
		for c := range candidates {
			if _, refused := refusesCandidate(r.refused, &candidates[c]); refused {
				d.Refused++
				continue
			}
			if err := part.write(&candidates[c]); err != nil {
				return nil, err
			}
		}
	}
	r.advance(reader.Offset() - told)
	if broken > 0 && records == 0 { // an empty archive has nothing broken either
		return nil, archiveFault(source, errNoRecord)
	}
	d.LeftOut = extractor.LeftOut()
	sites := extractor.Sites()
	for _, site := range sites {
		d.Sites = binary.LittleEndian.AppendUint64(d.Sites, site)
	}
	d.Rules = settings.Hash(r.robots.SumOf(sites))
	if later := extractor.Later(); !later.IsZero() {
		d.Later = later.Unix()
	}
	if err := part.close(&d.fileDone); err != nil {
		return nil, err
	}
	return d, r.remember(d, print)
}

// finished reads what an earlier run noted of an archive; nil where it must be read.
func (r *archiveRun) finished(origin shard.Origin, print uint64) *archiveDone {
	d := &archiveDone{}
	if !r.recall(d, &d.fileDone, origin, print) {
		return nil
	}
	var sites []uint64
	for rest := d.Sites; len(rest) >= 8; rest = rest[8:] {
		sites = append(sites, binary.LittleEndian.Uint64(rest))
	}
	if d.Rules != settings.Hash(r.robots.SumOf(sites)) || d.Later > 0 && r.begun.Unix() >= d.Later {
		return nil
	}
	if !r.whole(&d.fileDone, print) {
		return nil
	}
	return d
}
