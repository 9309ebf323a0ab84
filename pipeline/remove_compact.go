package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pairloom/pairloom/crawl"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/shard"
)

// compact makes the folders anew without what the refusal list names, and asks nobody.
func (r Removal) compact(ctx context.Context) error {
	list, err := Refusals(r.Dir)
	if err != nil {
		return err
	}
	if err := r.forgetCrawled(list); err != nil {
		return err
	}
	stored, err := unnamedPictures(ctx, r.Dir, list, r.Options.Filter.Text.PersonalData == "mask")
	if err != nil {
		return err
	}
	if err := r.purgeProducers(ctx, list); err != nil {
		return err
	}
	if _, err := eraseStored(ctx, r.Dir, list, stored); err != nil {
		return err
	}
	if err := purgeWARC(ctx, r.Dir, r.Options.Gate.UserAgent, list); err != nil {
		return err
	}
	r.Options.Shard.Compact = true
	for _, s := range Road(r.Work) {
		if !slices.Contains([]string{MatchName, CurateName, ShardName, ReportName}, s.Name) || !exists(s.path()) {
			continue
		}
		if _, err := s.inputs(); err != nil { // nothing came so far
			continue
		}
		if _, err := s.Run(ctx, func(int64, int64) {}); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

// forgetCrawled takes refused pages and candidates out of the crawl, and writes those of
// all pages that are known, as a crawl does that is stopped: also where a kill left the
// folder unfinished. It stays due, since it says nothing of settings that changed.
func (r Removal) forgetCrawled(list *refusal.List) error {
	c := Crawl{Dir: r.Dir, Options: r.Options.Crawl, Gate: r.Options.Gate, Now: r.Now}
	folder := filepath.Join(r.Dir, shard.ProducerFolder(shard.ProducerCrawl))
	if err := crawl.Forget(r.Dir, r.now().Unix(), refusalsOf(list), c.write); err != nil || !exists(crawl.File(r.Dir)) {
		return err
	}
	m, err := shard.ReadManifest(folder)
	if err != nil {
		return err
	}
	m.Settings = "after remove"
	return shard.WriteManifest(folder, m)
}

func (r Removal) now() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}

// purgeProducers writes the parts of archives and lists anew that have refused
// candidates. The files that they were made of are as they were: an import of these
// obeys the list.
func (r Removal) purgeProducers(ctx context.Context, list *refusal.List) error {
	entries, err := os.ReadDir(filepath.Join(r.Dir, shard.CandidatesFolder))
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	mask := r.Options.Filter.Text.PersonalData == "mask"
	for _, e := range entries {
		if !e.IsDir() || e.Name() == shard.ProducerCrawl {
			continue
		}
		if err := purge(ctx, filepath.Join(r.Dir, shard.ProducerFolder(e.Name())), list, mask); err != nil {
			return err
		}
	}
	return nil
}

// purge does so in one folder. A part is written beside the old one, under a name of its
// own; the manifest that names it is the moment at which it counts.
func purge(ctx context.Context, folder string, list *refusal.List, mask bool) error {
	m, err := shard.ReadManifestAlone(folder)
	if errors.Is(err, shard.ErrUnfinished) {
		return purgeUnfinished(folder, list, mask)
	}
	if err != nil {
		return err
	}
	changed := false
	for i := range m.Parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		part, lost, err := purgePart(folder, m.Parts[i], list, mask)
		if err != nil {
			return err
		}
		if lost == 0 {
			continue
		}
		m.Parts[i], changed = part, true
		if m.Tally.Out -= lost; m.Stage == ImportName { // which counts rows, not pages
			m.Tally.Kept -= lost
			m.Tally.Dropped[ReasonRefused] += lost
		}
	}
	if changed {
		if err := shard.WriteManifest(folder, m); err != nil {
			return err
		}
	}
	names := map[string]bool{}
	for _, p := range m.Parts {
		names[p.Name] = true
	}
	return removeParts(folder, func(name string) bool { return !names[name] })
}

// purgeUnfinished removes the parts with refused candidates of a folder that is not
// finished: the command that finishes it reads their files again.
func purgeUnfinished(folder string, list *refusal.List, mask bool) error {
	return removeParts(folder, func(name string) bool {
		refused := true // what cannot be read is made again too
		if r, err := shard.OpenFile[shard.Candidate](filepath.Join(folder, name)); err == nil {
			refused = false
			var c shard.Candidate
			for i := 0; i < r.Len() && !refused; i++ {
				refused = r.Read(i, &c) != nil || refusesText(list, &c, mask)
			}
			r.Close()
		}
		return refused
	})
}

func removeParts(folder string, which func(name string) bool) error {
	paths, err := filepath.Glob(filepath.Join(folder, "*.arrow"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if which(filepath.Base(path)) {
			if err := atomicfile.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// refusesText is refusesCandidate, also by the pair's id with personal data masked.
func refusesText(list *refusal.List, c *shard.Candidate, mask bool) bool {
	_, refused := refusesCandidate(list, c)
	if !refused && mask {
		masked := *c
		(&TextJudge{mask: true}).prepare(&masked)
		_, refused = refusesCandidate(list, &masked)
	}
	return refused
}

// purgePart writes a part anew without refused candidates, if it has any.
func purgePart(folder string, part shard.Part, list *refusal.List, mask bool) (purged shard.Part, lost int64, err error) {
	r, err := shard.OpenPart[shard.Candidate](folder, part)
	if err != nil {
		return part, 0, err
	}
	defer r.Close()
	var c shard.Candidate
	for i := range r.Len() {
		if err := r.Read(i, &c); err != nil {
			return part, 0, err
		}
		if refusesText(list, &c, mask) {
			lost++
		}
	}
	if lost == 0 {
		return part, 0, nil
	}
	base, _, _ := strings.Cut(strings.TrimSuffix(part.Name, ".arrow"), ".")
	out, err := shard.CreatePart[shard.Candidate](folder, base+".purged.arrow", r.Origin())
	if err != nil {
		return part, 0, err
	}
	for i := range r.Len() {
		if err = r.Read(i, &c); err == nil && !refusesText(list, &c, mask) {
			err = out.Write(&c)
		}
		if err != nil {
			out.Discard()
			return part, 0, err
		}
	}
	if purged, err = out.Close(); err != nil {
		return part, 0, err
	}
	name := fmt.Sprintf("%s.%s.arrow", base, purged.XXH64)
	if err := atomicfile.Rename(filepath.Join(folder, purged.Name), filepath.Join(folder, name)); err != nil {
		return part, 0, err
	}
	purged.Name = name
	return purged, lost, nil
}
