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
	"sync/atomic"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
	"golang.org/x/sync/errgroup"
)

// Producers that read files, a part for each: what a run over archives and one over
// lists have in common.

// maxProducerName keeps the name of a folder below the 255 bytes of file systems.
const maxProducerName = 200

// producerName makes the name of a run's folder of the first of what the user named:
// its file name without the ends that say of what kind it is.
func producerName(first string, ends ...string) string {
	name := filepath.Base(first)
	for cut := true; cut; {
		cut = false
		for _, end := range ends {
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

// producing is a run over files, each of which is known by a fingerprint. Beside the
// part of a file lies a note that it is done, from which a later run goes on.
type producing struct {
	folder string
	kind   string // of the files, for people: archive, file
	names  []string
	prints []uint64
	seen   map[uint64]bool // of files that can be read
	faults []error         // of each file that cannot be read; nil for the others
	log    *slog.Logger
	read   atomic.Int64 // bytes
	total  int64
	show   Progress
	// standing is the manifest of an earlier run, which counts until this one is whole:
	// what it names stays in its place; nil where there is none.
	standing *shard.Manifest
	// incomplete makes, where some files cannot be read, the manifest that says which the
	// folder lacks; nil where those that can be read do not count without the others.
	incomplete func(m *shard.Manifest, missing []string) *shard.Manifest
	lacks      int // files that the standing manifest says are missing
}

// partOfFile begins the name of a file's part, which goes on with the hash of what is in
// it: the part of a file that is read anew, by other settings, lies beside the old one.
func partOfFile(print uint64) string { return fmt.Sprintf("part-%016x", print) }
func noteOfFile(print uint64) string { return fmt.Sprintf("done-%016x.json", print) }

// add takes in a file, unless it is one that is there under another name.
func (r *producing) add(name string, print uint64, err error) bool {
	if r.seen == nil {
		r.seen = map[uint64]bool{}
	}
	if err == nil && r.seen[print] {
		return false
	}
	r.seen[print] = r.seen[print] || err == nil
	r.names, r.prints, r.faults = append(r.names, name), append(r.prints, print), append(r.faults, nil)
	if err != nil {
		r.fault(len(r.names)-1, err)
	}
	return true
}

// fault notes that a file cannot be read.
func (r *producing) fault(i int, err error) {
	r.faults[i] = err
	r.log.Warn("a file cannot be read", r.kind, r.names[i], "error", err)
}

// failed counts the files that cannot be read.
func (r *producing) failed() (n int, first error) {
	for _, err := range r.faults {
		if err != nil {
			if n++; first == nil {
				first = err
			}
		}
	}
	return n, first
}

// cannotRead says that so many of all files cannot be read.
func (r *producing) cannotRead(bad int, first error) error {
	switch all := len(r.names); {
	case all == 1:
		return fmt.Errorf("the %s cannot be read: %w", r.kind, first)
	case bad == all:
		return fmt.Errorf("none of the %d %ss can be read, the first: %w", all, r.kind, first)
	default:
		return fmt.Errorf("%d of %d %ss cannot be read, the first: %w; the others are done: run again to go on, or without these", bad, all, r.kind, first)
	}
}

// holdsOne tells whether the folder remembers one of the run's files.
func (r *producing) holdsOne() bool {
	for _, p := range r.prints {
		if exists(filepath.Join(r.folder, noteOfFile(p))) {
			return true
		}
	}
	return false
}

// begin makes the folder ready: it removes what is of other files. All stays while an
// earlier run's result counts, and where files cannot be read, since what is remembered
// of these is not known.
func (r *producing) begin() error {
	if bad, _ := r.failed(); bad > 0 || r.standing != nil {
		return shard.Clear(r.folder, func(string) bool { return true })
	}
	keep := r.notes()
	entries, err := os.ReadDir(r.folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		keep[e.Name()] = keep[e.Name()] || slices.ContainsFunc(r.prints, func(p uint64) bool { return strings.HasPrefix(e.Name(), partOfFile(p)) })
	}
	keep[shard.ManifestName] = false
	return r.clear(keep)
}

// notes are the names of what is remembered of the run's files.
func (r *producing) notes() map[string]bool {
	names := map[string]bool{}
	for _, p := range r.prints {
		names[noteOfFile(p)], names[archiveRulesNote(p)] = true, true
	}
	return names
}

// tidy removes what a finished folder does not hold. Notes of its files stay for a run
// that names them again among others.
func (r *producing) tidy(m *shard.Manifest) error {
	keep := r.notes()
	keep[shard.ManifestName] = true
	for _, p := range m.Parts {
		keep[p.Name] = true
	}
	return r.clear(keep)
}

// clear removes all of the folder's files but those to keep.
func (r *producing) clear(keep map[string]bool) error {
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

// advance shows progress: bytes of the files, or while their whole is not known those
// read so far.
func (r *producing) advance(n int64) {
	read := r.read.Add(n)
	if r.show != nil {
		r.show(read, r.total)
	}
}

// fileDone remembers a file that is done, in a file beside its part.
type fileDone struct {
	Origin shard.Origin `json:"origin"`
	Tally  *shard.Tally `json:"tally"`
	Part   *shard.Part  `json:"part,omitempty"` // none where there was no candidate
}

// remember notes that a file is done.
func (r *producing) remember(done any, print uint64) error {
	data, err := json.Marshal(done)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(r.folder, noteOfFile(print)), data)
}

// recall reads what an earlier run noted of a file into done, whose own d is.
func (r *producing) recall(done any, d *fileDone, origin shard.Origin, print uint64) bool {
	data, err := os.ReadFile(filepath.Join(r.folder, noteOfFile(print)))
	return err == nil && json.Unmarshal(data, done) == nil && d.Origin == origin && d.Tally != nil && d.Tally.Check() == nil
}

// whole tells whether the part of a file that is done is there.
func (r *producing) whole(d *fileDone, print uint64) bool {
	if d.Part == nil {
		return true
	}
	if !strings.HasPrefix(d.Part.Name, partOfFile(print)) || filepath.Base(d.Part.Name) != d.Part.Name {
		return false
	}
	part, ok, err := shard.Recover[shard.Candidate](r.folder, d.Part.Name, d.Origin)
	return err == nil && ok && part.XXH64 == d.Part.XXH64
}

// candidateWriter writes the part of a file, which is begun with its first candidate.
type candidateWriter struct {
	folder, name string
	origin       shard.Origin
	part         *shard.PartWriter[shard.Candidate]
}

func (r *producing) writer(print uint64, origin shard.Origin) *candidateWriter {
	return &candidateWriter{folder: r.folder, name: partOfFile(print), origin: origin}
}

func (w *candidateWriter) write(c *shard.Candidate) (err error) {
	if w.part == nil {
		if w.part, err = shard.CreatePart[shard.Candidate](w.folder, w.name+".arrow", w.origin); err != nil {
			return err
		}
	}
	return w.part.Write(c)
}

// close makes the part appear and enters it in d.
func (w *candidateWriter) close(d *fileDone) error {
	if w.part == nil {
		return nil
	}
	d.Tally.Out = w.part.Rows()
	p, err := w.part.Close()
	w.part = nil
	if err != nil {
		return err
	}
	unnamed := filepath.Join(w.folder, p.Name)
	p.Name = fmt.Sprintf("%s-%s.arrow", w.name, p.XXH64)
	d.Part = &p
	return os.Rename(unnamed, filepath.Join(w.folder, p.Name))
}

// discard abandons a part that was not closed.
func (w *candidateWriter) discard() {
	if w.part != nil {
		w.part.Discard()
	}
}

// fileFault is a fault of one file, not of the dataset's folder.
type fileFault struct{ err error }

func (e *fileFault) Error() string { return e.err.Error() }
func (e *fileFault) Unwrap() error { return e.err }

// each reads the files, workers at a time, and returns what one noted of each, nil of
// those that were not read. A fileFault is noted, and the others go on; any other error
// ends the run, but for what comes of the end of ctx.
func (r *producing) each(ctx context.Context, workers int, one func(ctx context.Context, i int) (*fileDone, error)) ([]*fileDone, error) {
	done := make([]*fileDone, len(r.names))
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(max(1, workers))
	for i := range r.names {
		if r.faults[i] != nil {
			continue
		}
		group.Go(func() (err error) {
			if inner.Err() != nil {
				return nil
			}
			if done[i], err = one(inner, i); err == nil || inner.Err() != nil {
				return nil
			}
			var own *fileFault
			if errors.As(err, &own) {
				r.fault(i, err)
				return nil
			}
			return err
		})
	}
	return done, group.Wait()
}

// end finishes the folder with the manifest of n files, unless ctx has ended. Where
// files cannot be read it does so only with incomplete, and never in the place of a
// result that lacks fewer.
func (r *producing) end(ctx context.Context, outcome *Outcome, m *shard.Manifest, n int) (*Outcome, error) {
	bad, first := r.failed()
	switch {
	case ctx.Err() != nil:
		return outcome, &StoppedError{Cause: context.Cause(ctx), Kept: keptOf(int64(n), int64(len(r.names)), r.kind+"s")}
	case bad > 0 && n > 0 && r.incomplete != nil && (r.standing == nil || bad <= r.lacks):
		var missing []string
		for i, err := range r.faults {
			if err != nil {
				missing = append(missing, r.names[i])
			}
		}
		if err := shard.WriteManifest(r.folder, r.incomplete(m, missing)); err != nil {
			return nil, err
		}
		return outcome, fmt.Errorf("%w; until then the candidates of the others count", r.cannotRead(bad, first))
	case bad > 0 && r.standing != nil:
		return outcome, fmt.Errorf("%w; until then the candidates of the last run that finished count", r.cannotRead(bad, first))
	case bad > 0:
		return outcome, r.cannotRead(bad, first)
	}
	if err := shard.WriteManifest(r.folder, m); err != nil {
		return nil, err
	}
	return outcome, r.tidy(m)
}

// manifest is that of all files that are done, of which done says what was noted.
func (r *producing) manifest(stage, unit, by, input string, done []*fileDone) (m *shard.Manifest, n int) {
	m = &shard.Manifest{Stage: stage, Settings: by, Input: input, Tally: shard.NewTally(stage, unit, "candidates")}
	for _, d := range done {
		if d == nil {
			continue
		}
		n++
		m.Tally.Add(d.Tally)
		if d.Part != nil {
			m.Parts = append(m.Parts, *d.Part)
		}
	}
	return m, n
}

// inputOf is the hash of all files.
func (r *producing) inputOf(more ...any) string {
	return settings.Hash(append([]any{r.prints}, more...)...)
}
