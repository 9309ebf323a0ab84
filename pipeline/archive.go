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
	"sync/atomic"
	"time"

	"github.com/pairloom/pairloom/crawl/archive"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
	"golang.org/x/sync/errgroup"
)

// ArchivesName is the name of the stage that reads archives, which is no part of
// the road: its command is crawl --archive.
const ArchivesName = "archive"

// maxArchiveName keeps the name of a folder below the 255 bytes of file systems.
const maxArchiveName = 200

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
	name := filepath.Base(first)
	if first == "-" {
		name = "stdin"
	}
	for cut := true; cut; {
		cut = false
		for _, end := range []string{".gz", ".zst", ".warc", ".wat", ".arc", ".paths", ".txt"} {
			if len(name) > len(end) && strings.HasSuffix(name, end) {
				name, cut = strings.TrimSuffix(name, end), true
			}
		}
	}
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, name), "-.")
}

// Stage describes the stage.
func (a Archive) Stage() Stage {
	return Stage{
		Name: ArchivesName, Doing: "reading archives", Dir: a.Dir, Folder: shard.ProducerFolder(shard.ProducerArchive + a.Name),
		Settings: func() (string, error) { return a.settings(), nil }, Run: a.Run,
	}
}

// settings are those that decide what comes out.
func (a Archive) settings() string {
	return settings.Hash(a.Gate.UserAgent, strings.Join(a.Gate.Respect, ","), a.Gate.Policies, a.Gate.MaxPageBytes)
}

// archiveDone remembers an archive that is done, in a file beside its part. Another
// run that names the archive reads it again only when what decided is another: the
// settings, the rules of its sites, or the time at which a wish begins to hold.
type archiveDone struct {
	Sites  []byte       `json:"sites"` // whose rules decided, 8 bytes each; see archive.Robots.SumOf
	Rules  string       `json:"rules"` // what these were
	Later  int64        `json:"later"` // when a wish of a page begins to hold (Unix seconds); 0 for none
	Origin shard.Origin `json:"origin"`
	Tally  *shard.Tally `json:"tally"`
	Part   *shard.Part  `json:"part,omitempty"` // none where there was no candidate
	archive.LeftOut
}

// Archived are the figures of a run over archives.
type Archived struct{ archive.LeftOut }

// archiveRun is one call of Run.
type archiveRun struct {
	Archive
	folder string
	gate   *gate.Gate
	robots *archive.Robots
	prints []uint64
	faults []error // of each archive that cannot be read; nil for the others
	input  string  // of all archives
	read   atomic.Int64
	total  int64
	show   Progress
	begun  time.Time
}

// Run is the stage.
func (a Archive) Run(ctx context.Context, progress Progress) (*Outcome, error) {
	if a.Name == "" || a.Name != ArchiveName(a.Name) || len(a.Name) > maxArchiveName {
		return nil, configurationError("the name %q of the run must be of at most %d letters, digits, -, _ and ., and not end in .gz and the like; give another with --name", a.Name, maxArchiveName)
	}
	g, err := gate.New(a.Gate, a.Version)
	if err != nil && a.remote() {
		return nil, &ConfigurationError{err}
	}
	if err == nil {
		defer g.Close()
	}
	stage := a.Stage()
	r := &archiveRun{Archive: a, folder: stage.path(), gate: g, show: progress, begun: a.Now()}
	r.identify()
	if bad, first := r.failed(); bad == len(r.Sources) { // what the folder holds stays
		return nil, cannotRead(bad, bad, first)
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
	r.input = settings.Hash(r.prints, r.robots.Sum())
	if m, err := shard.ReadManifest(r.folder); err == nil {
		if m.Settings == r.settings() && m.Input == r.input {
			return &Outcome{Tally: m.Tally}, r.tidy(m)
		}
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
	seen := map[uint64]bool{}
	var sources []archive.Source
	for _, s := range r.Sources {
		print, err := s.Fingerprint()
		if errors.Is(err, archive.ErrNoFile) || errors.Is(err, os.ErrNotExist) {
			err = &ConfigurationError{err}
		}
		if err != nil {
			err = &archiveFault{s, err}
			r.Log.Warn("an archive cannot be read", "archive", s.String(), "error", err)
		} else if seen[print] {
			continue
		}
		seen[print] = err == nil
		sources, r.prints, r.faults = append(sources, s), append(r.prints, print), append(r.faults, err)
		if info, err := os.Stat(s.Path); s.URL == "" && err == nil {
			r.total += info.Size()
		}
	}
	r.Sources = sources
	if r.remote() {
		r.total = 0 // not known
	}
}

// fault notes that an archive cannot be read.
func (r *archiveRun) fault(i int, err error) {
	r.faults[i] = err
	r.Log.Warn("an archive cannot be read", "archive", r.Sources[i].String(), "error", err)
}

// failed counts the archives that cannot be read.
func (r *archiveRun) failed() (n int, first error) {
	for _, err := range r.faults {
		if err != nil {
			if n++; first == nil {
				first = err
			}
		}
	}
	return n, first
}

// cannotRead says that so many of all archives cannot be read.
func cannotRead(bad, all int, first error) error {
	switch {
	case all == 1:
		return fmt.Errorf("the archive cannot be read: %w", first)
	case bad == all:
		return fmt.Errorf("none of the %d archives can be read, the first: %w", all, first)
	}
	return fmt.Errorf("%d of %d archives cannot be read, the first: %w; the others are done: run again to go on, or without these", bad, all, first)
}

// holdsOne tells whether the folder remembers one of the run's archives.
func (r *archiveRun) holdsOne() bool {
	for _, p := range r.prints {
		if _, err := os.Stat(filepath.Join(r.folder, archiveNote(p))); err == nil {
			return true
		}
	}
	return false
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
			err = fmt.Errorf("look for robots.txt: %w", &archiveFault{s, err})
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
	if err != nil || json.Unmarshal(data, &known) != nil || known.Settings != r.settings() || known.Entries == nil {
		return nil, false
	}
	return known.Entries, true
}

func (r *archiveRun) rememberRules(i int, entries []archive.RobotsEntry) error {
	data, err := json.Marshal(archiveRules{r.settings(), entries})
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
	if bad, _ := r.failed(); bad > 0 { // what is remembered of these is not known
		if err := shard.Clear(r.folder, func(name string) bool { return name != shard.ManifestName }); err != nil {
			return nil, err
		}
	} else {
		keep := r.notes()
		for _, p := range r.prints {
			keep[archivePart(p)] = true
		}
		if err := r.clear(keep); err != nil {
			return nil, err
		}
	}
	done := make([]*archiveDone, len(r.Sources))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(max(1, r.Workers))
	for i := range r.Sources {
		if r.faults[i] != nil {
			continue
		}
		group.Go(func() (err error) {
			if inner.Err() != nil {
				return nil
			}
			if done[i], err = r.one(inner, i); err == nil || inner.Err() != nil {
				return nil
			}
			var at *archiveFault
			if errors.As(err, &at) {
				r.fault(i, err)
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	tally := shard.NewTally(ArchivesName, "records", "candidates")
	manifest := &shard.Manifest{Stage: ArchivesName, Settings: r.settings(), Input: r.input, Tally: tally}
	var result Archived
	n := 0
	bad, first := r.failed()
	for _, d := range done {
		if d == nil {
			continue
		}
		n++
		tally.Add(d.Tally)
		result.Placeholders += d.Placeholders
		result.Cut += d.Cut
		if d.Part != nil {
			manifest.Parts = append(manifest.Parts, *d.Part)
		}
	}
	switch {
	case ctx.Err() != nil:
		return &Outcome{Tally: tally, Result: result}, &StoppedError{Cause: context.Cause(ctx), Kept: keptOf(int64(n), int64(len(done)), "archives")}
	case bad > 0:
		return &Outcome{Tally: tally, Result: result}, cannotRead(bad, len(done), first)
	}
	if err := shard.WriteManifest(r.folder, manifest); err != nil {
		return nil, err
	}
	return &Outcome{Tally: tally, Result: result}, r.tidy(manifest)
}

// notes are the names of what is remembered of the run's archives.
func (r *archiveRun) notes() map[string]bool {
	names := map[string]bool{}
	for _, p := range r.prints {
		names[archiveNote(p)], names[archiveRulesNote(p)] = true, true
	}
	return names
}

// tidy removes what a finished folder does not hold. Notes of its archives stay for a
// run that names them again among others.
func (r *archiveRun) tidy(m *shard.Manifest) error {
	keep := r.notes()
	keep[shard.ManifestName] = true
	for _, p := range m.Parts {
		keep[p.Name] = true
	}
	return r.clear(keep)
}

// clear removes all of the folder's files but those to keep.
func (r *archiveRun) clear(keep map[string]bool) error {
	if err := shard.Clear(r.folder, func(name string) bool { return keep[name] }); err != nil {
		return err
	}
	for _, pattern := range []string{"done-*.json", "rules-*.json"} {
		notes, err := filepath.Glob(filepath.Join(r.folder, pattern))
		if err != nil {
			return err
		}
		for _, path := range notes {
			if !keep[filepath.Base(path)] {
				if err := os.Remove(path); err != nil {
					return fmt.Errorf("clear %s: %w", r.folder, err)
				}
			}
		}
	}
	return nil
}

func archivePart(print uint64) string { return fmt.Sprintf("part-%016x.arrow", print) }
func archiveNote(print uint64) string { return fmt.Sprintf("done-%016x.json", print) }

func archiveRulesNote(print uint64) string { return fmt.Sprintf("rules-%016x.json", print) }

// archiveFault is one of an archive's own, not of the dataset's folder.
type archiveFault struct {
	source archive.Source
	err    error
}

func (e *archiveFault) Error() string { return e.source.String() + ": " + e.err.Error() }
func (e *archiveFault) Unwrap() error { return e.err }

var errNoRecord = errors.New("not one record was found in it; it is no WARC, WAT or ARC file, or damaged all through")

// one reads one archive, unless it is done.
func (r *archiveRun) one(ctx context.Context, i int) (*archiveDone, error) {
	source, print := r.Sources[i], r.prints[i]
	origin := shard.Origin{Stage: ArchivesName, Settings: r.settings(), Input: settings.Hash(print)}
	if d := r.finished(origin, print); d != nil {
		if info, err := os.Stat(source.Path); source.URL == "" && err == nil {
			r.advance(info.Size())
		}
		return d, nil
	}
	in, _, err := source.Open(ctx, r.gate)
	if err != nil {
		return nil, &archiveFault{source, err}
	}
	defer in.Close()
	d := &archiveDone{Origin: origin, Tally: shard.NewTally(ArchivesName, "records", "candidates")}
	var part *shard.PartWriter[shard.Candidate]
	defer func() {
		if part != nil {
			part.Discard()
		}
	}()
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
			return nil, &archiveFault{source, err}
		}
		records++
		candidates, reason := extractor.Record(record, source.Name())
		if reason != "" {
			d.Tally.Drop(reason)
			continue
		}
		d.Tally.Keep()
		for c := range candidates {
			if part == nil {
				if part, err = shard.CreatePart[shard.Candidate](r.folder, archivePart(print), origin); err != nil {
					return nil, err
				}
			}
			if err := part.Write(&candidates[c]); err != nil {
				return nil, err
			}
		}
	}
	r.advance(reader.Offset() - told)
	if broken > 0 && records == 0 { // an empty archive has nothing broken either
		return nil, &archiveFault{source, errNoRecord}
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
	if part != nil {
		d.Tally.Out = part.Rows()
		p, err := part.Close()
		part = nil
		if err != nil {
			return nil, err
		}
		d.Part = &p
	}
	return d, r.remember(d, print)
}

// advance shows progress: bytes of archives, or while their whole is not known
// those read so far.
func (r *archiveRun) advance(n int64) {
	read := r.read.Add(n)
	if r.show != nil {
		r.show(read, r.total)
	}
}

// remember notes that an archive is done.
func (r *archiveRun) remember(d *archiveDone, print uint64) error {
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(r.folder, archiveNote(print)), data)
}

// finished reads what an earlier run noted of an archive; nil where it must be read.
func (r *archiveRun) finished(origin shard.Origin, print uint64) *archiveDone {
	data, err := os.ReadFile(filepath.Join(r.folder, archiveNote(print)))
	d := &archiveDone{}
	if err != nil || json.Unmarshal(data, d) != nil || d.Origin != origin || d.Tally == nil || d.Tally.Check() != nil {
		return nil
	}
	var sites []uint64
	for rest := d.Sites; len(rest) >= 8; rest = rest[8:] {
		sites = append(sites, binary.LittleEndian.Uint64(rest))
	}
	if d.Rules != settings.Hash(r.robots.SumOf(sites)) || d.Later > 0 && r.begun.Unix() >= d.Later {
		return nil
	}
	if d.Part == nil {
		return d
	}
	part, ok, err := shard.Recover[shard.Candidate](r.folder, archivePart(print), origin)
	if err != nil || !ok || part.XXH64 != d.Part.XXH64 {
		return nil
	}
	return d
}
