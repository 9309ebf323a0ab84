package pipeline

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
)

// Shard writes the kept pairs, shuffled by the seed, into shards. The first pairs
// of the shuffled order are the held-out pairs, which training never sees. A
// shard that a killed run completed is not written again.
type Shard struct {
	Dir     string
	Options ShardOptions
	Seed    int64
	Memory  int // bytes of sorting
}

// Stage describes the stage.
func (s Shard) Stage() Stage {
	return Stage{
		Name: ShardName, Doing: "writing shards", Dir: s.Dir, Folder: shard.ShardsFolder,
		Inputs:   []string{shard.MatchedFolder, shard.ImagesFolder, shard.SelectionFolder},
		Settings: func() (string, error) { return settings.Hash(s.Options, s.Seed), nil },
		Run:      tallyOnly(s.Run),
		Tidy:     func() error { return os.RemoveAll(filepath.Join(s.Dir, shard.ShardsFolder, nextFolder)) },
	}
}

// Run is the stage.
func (s Shard) Run(ctx context.Context, progress Progress) (*shard.Tally, error) {
	images, err := manifest(s.Dir, shard.ImagesFolder)
	if err != nil {
		return nil, err
	}
	out, err := resumeFolder[shard.Pair](s.Stage())
	if err != nil {
		return nil, err
	}
	defer out.discard()
	// A part that the manifest knows is kept if it still is as written; one that is
	// damaged is not to be summed anew.
	sums := map[string]string{}
	if m, err := shard.ReadManifestAlone(out.path); err == nil && m.Settings == out.origin.Settings && m.Input == out.origin.Input {
		for _, p := range m.Parts {
			sums[p.Name] = p.XXH64
		}
	}
	stage := s.Stage()
	out.path = filepath.Join(stage.path(), nextFolder)
	kept, err := s.shuffle(ctx)
	if err != nil {
		return nil, err
	}
	defer kept.Close()
	defer collectAt(s.Memory / 8)()
	if err := kept.Settle(); err != nil {
		return nil, err
	}
	mapped := s.Memory + residentSlack - kept.Held() - openPartSize*min(len(images.Parts), maxOpenPictures)
	pictures := newOpenPictures(filepath.Join(s.Dir, shard.ImagesFolder), images, mapped)
	defer pictures.close()
	next, stop := iter.Pull2(kept.Sorted())
	defer stop()
	total := kept.Len()
	r := &sharding{
		Shard: s, ctx: ctx, out: out, sums: sums, moves: map[string]bool{}, pictures: pictures, next: next,
		tally:    shard.NewTally(ShardName, "pairs", "pairs"),
		progress: func(done int64) { progress(done, total) },
	}
	heldout := int64(s.Options.HeldoutShare * float64(total))
	if err = r.write(shard.HeldOut, heldout); err == nil {
		err = r.write(shard.Training, total-heldout)
	}
	if err != nil && ctx.Err() != nil { // whole shards stay where they are
		return nil, &StoppedError{context.Cause(ctx), keptOf(r.tally.In, total, "pairs")}
	}
	if err != nil {
		return nil, err
	}
	r.tally.Out = r.tally.Kept
	return r.tally, r.replace(stage.path())
}

// replace moves the new parts to their places and finishes the folder. A kill
// within leaves parts in both, which the next run finds.
func (s *sharding) replace(folder string) error {
	next := s.out.path
	names := map[string]bool{}
	for _, p := range s.out.manifest.Parts {
		names[p.Name] = true
	}
	if err := shard.Clear(folder, func(name string) bool { return name != shard.ManifestName }); err != nil {
		return err
	}
	for name := range s.moves {
		if err := os.Rename(filepath.Join(next, name), filepath.Join(folder, name)); err != nil {
			return fmt.Errorf("replace shards: %w", err)
		}
	}
	if err := shard.Clear(folder, func(name string) bool { return names[name] }); err != nil {
		return err
	}
	s.out.path = folder
	if err := atomicfile.WriteFile(filepath.Join(folder, shard.SplitsName), []byte(shard.Splits(s.out.manifest.Parts))); err != nil {
		return err
	}
	if err := s.out.finish(s.tally, nil); err != nil { // it syncs the folder's names
		return err
	}
	if err := os.RemoveAll(next); err != nil {
		return fmt.Errorf("replace shards: %w", err)
	}
	return nil
}

const (
	// openPartSize is about what a part that is open takes on the heap.
	openPartSize = 12 << 10
	// residentSlack is what mapped files may take beside the memory that was asked
	// for: the program itself is one, and forgetting pictures costs time.
	residentSlack = 64 << 20
)

// shuffle sorts the kept pairs by a hash of seed and pair id. Keys are hash and
// id; values are where the picture lies and the pair without it.
func (s Shard) shuffle(ctx context.Context) (*extsort.Sorter, error) {
	matched, err := manifest(s.Dir, shard.MatchedFolder)
	if err != nil {
		return nil, err
	}
	selection, err := manifest(s.Dir, shard.SelectionFolder)
	if err != nil {
		return nil, err
	}
	sorter := extsort.New(s.Dir, s.Memory/8*7)
	next, stop := iter.Pull2(shard.Rows[shard.Selection](filepath.Join(s.Dir, shard.SelectionFolder), selection.Parts,
		"pair_id", "reason", "image_part", "image_row"))
	defer stop()
	var key, value []byte
	for m, err := range shard.Rows[shard.Matched](filepath.Join(s.Dir, shard.MatchedFolder), matched.Parts) {
		if err == nil {
			err = ctx.Err()
		}
		c, chosenErr, more := next()
		if err == nil {
			err = chosenErr
		}
		if err == nil && (!more || m.PairID != c.PairID) {
			err = configurationError("selection and matched are not of one run; run pairloom curate")
		}
		if err == nil && c.Reason == "" {
			key = appendShuffleKey(key[:0], uint64(s.Seed), m.PairID)
			value = binary.BigEndian.AppendUint32(value[:0], c.ImagePart)
			value = binary.BigEndian.AppendUint32(value, c.ImageRow)
			pair := pairOf(m)
			value = shard.AppendRow(value, &pair)
			err = sorter.Add(key, value)
		}
		if err != nil {
			sorter.Close()
			return nil, err
		}
	}
	return sorter, nil
}

func appendShuffleKey(key []byte, seed, pairID uint64) []byte {
	var b [24]byte
	copy(b[:], "shuffle:")
	binary.LittleEndian.PutUint64(b[8:], seed)
	binary.LittleEndian.PutUint64(b[16:], pairID)
	key = binary.BigEndian.AppendUint64(key, xxhash.Sum64(b[:]))
	return binary.BigEndian.AppendUint64(key, pairID)
}

// pairOf is the finished record as far as the matched one knows it.
func pairOf(m *shard.Matched) shard.Pair {
	return shard.Pair{
		PairID: m.PairID, PageURL: m.PageURL, ImageURL: m.ImageURL,
		Text: m.Text, TextSource: m.TextSource, Language: m.Language,
		License: m.License, OptOut: m.OptOut, OptOutFrom: m.OptOutFrom, Source: m.Source,
		CrawlTime: m.CrawlTime, QueryIDs: m.QueryIDs, TextLanguage: m.TextLanguage, More: m.More,
	}
}

// addPicture completes the record with what the fetched picture knows.
func addPicture(p *shard.Pair, i *shard.Image) {
	p.Image, p.Width, p.Height = i.Bytes, i.Width, i.Height
	p.OriginalFormat, p.OriginalWidth, p.OriginalHeight = i.OriginalFormat, i.OriginalWidth, i.OriginalHeight
	p.PictureHash, p.PHash = i.PictureHash, i.PHash
	p.Format, p.SHA256, p.Frames, p.Credit = i.Format, i.SHA256, i.Frames, i.Credit
	if p.License == "" {
		p.License = i.License
	}
	if p.OptOut == "" {
		p.OptOut, p.OptOutFrom = i.OptOut, i.OptOutFrom
	}
}

// sharding is the state of one run.
type sharding struct {
	Shard
	ctx      context.Context
	out      *folderWriter[shard.Pair]
	sums     map[string]string // of parts that the manifest knows, by name
	moves    map[string]bool   // parts that lie among the new ones
	pictures *openPictures
	next     func() (extsort.Record, error, bool)
	tally    *shard.Tally
	progress func(done int64)
	pair     shard.Pair
	image    shard.Image
}

// write takes the next pairs of the shuffled order into parts of the given
// prefix, numbered from 0.
func (s *sharding) write(prefix string, pairs int64) error {
	for i := 0; pairs > 0; i++ {
		rows := min(pairs, int64(s.Options.Pairs))
		pairs -= rows
		name := fmt.Sprintf("%s%05d.arrow", prefix, i)
		part, done, err := s.whole(name, rows)
		if err != nil {
			return err
		}
		if done {
			for range rows {
				if _, err, _ := s.next(); err != nil {
					return err
				}
			}
			s.out.manifest.Parts = append(s.out.manifest.Parts, part)
		} else {
			if err := s.writePart(name, rows); err != nil {
				return err
			}
			s.moves[name] = true
		}
		s.tally.In += rows
		s.tally.Kept += rows
		s.progress(s.tally.In)
	}
	return nil
}

// whole looks for a part that need not be written: one that a killed run left among
// the new ones, or one in its place that is as its manifest says, where there is one.
func (s *sharding) whole(name string, rows int64) (shard.Part, bool, error) {
	part, done, err := shard.Recover[shard.Pair](s.out.path, name, s.out.origin)
	if err != nil {
		return part, false, err
	}
	if done && part.Rows == rows {
		s.moves[name] = true
		return part, true, nil
	}
	part, done, err = shard.Recover[shard.Pair](filepath.Dir(s.out.path), name, s.out.origin)
	sum, known := s.sums[name]
	return part, done && part.Rows == rows && (!known || part.XXH64 == sum), err
}

func (s *sharding) writePart(name string, rows int64) error {
	for n := range rows {
		rec, err, more := s.next()
		if err == nil {
			err = s.ctx.Err()
		}
		if err == nil && !more {
			err = fmt.Errorf("write %s: the shuffled pairs end early", name)
		}
		if err != nil {
			return err
		}
		if _, err := shard.ReadRow(rec.Value[8:], &s.pair); err != nil {
			return err
		}
		if err := s.pictures.read(binary.BigEndian.Uint32(rec.Value), binary.BigEndian.Uint32(rec.Value[4:]), &s.image); err != nil {
			return err
		}
		addPicture(&s.pair, &s.image)
		if err := s.out.writePart(name, &s.pair); err != nil {
			return err
		}
		if n%256 == 0 {
			s.progress(s.tally.In + n)
		}
	}
	return s.out.endPart()
}
