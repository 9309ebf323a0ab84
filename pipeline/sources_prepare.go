package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/crawl/lists"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer"
	"github.com/pairloom/pairloom/trainer/checkpoint"
)

// indexSources brings the indexes of the sources among the data, whose names are resolved,
// up to date. A source that changed while a training on it is not complete is refused: the
// rows of its index have other numbers then. Its old index stands, so that it is told
// again, and that all is well when the source is put back. Before it writes it calls begin.
func (t Train) indexSources(ctx context.Context, entries []string, begin func() error) (indexes map[string]string, accounts []trainer.Source, err error) {
	data, err := trainer.ReadData(entries)
	if err != nil {
		return nil, nil, configurationError("train.%w", err)
	}
	log := t.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	refused, err := Refusals(t.Dir)
	if err != nil {
		return nil, nil, err
	}
	o := lists.Options{TextColumn: t.Options.DataText, PictureColumn: t.Options.DataPicture}
	indexes = map[string]string{}
	for _, d := range data {
		s, err := sourceOf(d.Name, o)
		if err != nil {
			return nil, nil, err
		}
		if s == nil || indexes[d.Name] != "" {
			continue
		}
		began := sync.Once{}
		x := &indexer{
			source: s, folder: indexFolder(t.Dir, s), options: o, seed: t.Seed, share: t.HeldoutShare, workers: max(1, t.Workers), refused: refused,
			begins: func() {
				began.Do(func() {
					log.Info("a source is indexed; its pictures stay where they are", "source", s.name, "files", len(s.files))
				})
			},
		}
		if x.by, err = x.settingsOf(t.Dir); err != nil {
			return nil, nil, err
		}
		m, err := x.standing()
		if err == nil && m == nil {
			if err = begin(); err == nil {
				m, err = t.renew(ctx, x, log)
			}
		}
		if err != nil {
			return nil, nil, err
		}
		account := trainer.Source{Name: s.name, LeftOut: m.Tally.Dropped}
		for _, p := range m.Parts {
			if p.IsHeldOut() {
				account.HeldOut += p.Rows
			} else {
				account.Training += p.Rows
			}
		}
		log.Info("source", "name", account.Name, "pairs", account.Training, "held_out", account.HeldOut, "left_out", ReasonsText(account.LeftOut))
		if account.Training+account.HeldOut == 0 {
			return nil, nil, noPairs(s.name, account.LeftOut)
		}
		indexes[d.Name], accounts = x.folder, append(accounts, account)
	}
	return indexes, accounts, nil
}

// ReasonsText says a tally's reasons in one line.
func ReasonsText(reasons map[string]int64) string {
	t := &shard.Tally{Dropped: reasons}
	var parts []string
	for _, reason := range t.Reasons() {
		parts = append(parts, fmt.Sprintf("%s %s", Grouped(reasons[reason]), reason))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// indexFolder is that of the index of a source.
func indexFolder(dir string, s *source) string {
	name := producerName(strings.TrimRight(s.base, "/"))
	return filepath.Join(dir, shard.IndexesFolder, fmt.Sprintf("%s-%08x", name[:min(len(name), maxProducerName)], uint32(xxhash.Sum64String(s.name))))
}

// renew makes the index what the source is now.
func (t Train) renew(ctx context.Context, x *indexer, log *slog.Logger) (*shard.Manifest, error) {
	before, err := shard.ReadManifest(x.folder)
	if err != nil {
		before = nil // it is made again
	}
	m, groups, err := x.make(ctx, func(int64) {})
	if err != nil || before == nil {
		if err == nil {
			err = x.accept(m)
		}
		return m, err
	}
	same := slices.EqualFunc(before.Parts, m.Parts, func(a, b shard.Part) bool { return a.Name == b.Name && a.XXH64 == b.XXH64 })
	if !same {
		what := x.differences(before, groups)
		if step := t.unfinishedOn(x.folder); step != "" && !t.Options.Replace {
			return nil, configurationError("%w: %s has changed since: %s; put it back as it was and training goes on %s, or train anew on what is there with --replace",
				trainer.ErrForeign, x.name, what, step)
		}
		log.Warn("a source has changed", "source", x.name, "what", what)
	}
	return m, x.accept(m)
}

// unfinishedOn says at which step a training stands that is not complete and was begun on
// the pairs of an index; "" for none.
func (t Train) unfinishedOn(folder string) string {
	d, err := shard.OpenDataset(folder)
	if err != nil {
		return ""
	}
	home := filepath.Join(t.Dir, shard.CheckpointsFolder)
	for _, folder := range []string{home, filepath.Join(home, checkpoint.AnewFolder)} {
		c, err := checkpoint.Latest(folder)
		if err != nil || c.State.Step >= c.State.Total || len(c.State.Segments) == 0 {
			continue
		}
		for _, of := range c.State.Segments[len(c.State.Segments)-1].Data {
			if of.Hash == d.Hash() {
				return fmt.Sprintf("at step %s of %s", Grouped(c.State.Step), Grouped(c.State.Total))
			}
		}
	}
	return ""
}

// mostDifferences is how many files are named in one message.
const mostDifferences = 5

// differences says which files are not what they were in an index, and how.
func (x *indexer) differences(before *shard.Manifest, now []*indexedGroup) string {
	var was []*indexedGroup
	for _, g := range x.notes {
		if slices.ContainsFunc(before.Files, func(f shard.File) bool { return f.Name == g.name }) {
			was = append(was, g)
		}
	}
	files := func(groups []*indexedGroup) (list []string, of map[string]indexedFile) {
		of = map[string]indexedFile{}
		for _, g := range groups {
			for _, f := range g.Files {
				list, of[f.Label] = append(list, f.Label), f
			}
		}
		return list, of
	}
	oldList, old := files(was)
	newList, present := files(now)
	var parts []string
	for _, label := range oldList {
		o, n := old[label], present[label]
		switch {
		case n.Label == "":
			parts = append(parts, fmt.Sprintf("%s (%s pairs) is gone", x.path(label), Grouped(o.Pairs)))
		case o.XXH64 != n.XXH64 && o.Pairs != n.Pairs:
			parts = append(parts, fmt.Sprintf("%s had %s pairs and has %s", x.path(label), Grouped(o.Pairs), Grouped(n.Pairs)))
		case o.XXH64 != n.XXH64:
			parts = append(parts, fmt.Sprintf("%s has %s pairs as before, and not the same", x.path(label), Grouped(n.Pairs)))
		}
	}
	for _, label := range newList {
		if old[label].Label == "" {
			parts = append(parts, fmt.Sprintf("%s (%s pairs) is new", x.path(label), Grouped(present[label].Pairs)))
		}
	}
	if len(parts) == 0 {
		return "its files lie in another order, or other pairs are held out"
	}
	if more := len(parts) - mostDifferences; more > 0 {
		parts = append(parts[:mostDifferences], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

// path is that of a file by its label.
func (x *indexer) path(label string) string { return filepath.Join(x.base, filepath.FromSlash(label)) }
