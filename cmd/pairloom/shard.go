package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/shard"
)

// shardStage writes the kept pairs, shuffled by the seed, into shards. The
// first pairs of the shuffled order are the held-out pairs, which training
// never sees. A shard that a killed run completed is not written again.
func shardStage(ctx context.Context, w *workspace, progress func(done, total int64)) (*shard.Tally, error) {
	selection, err := w.manifest("selection")
	if err != nil {
		return nil, err
	}
	out, err := resumeFolder[shard.Pair](w, stageShard)
	if err != nil {
		return nil, err
	}
	defer out.discard()
	if err := shard.Clear(out.path, func(name string) bool { return name != shard.ManifestName }); err != nil {
		return nil, err
	}
	kept, err := shuffle(ctx, w, selection)
	if err != nil {
		return nil, err
	}
	defer kept.Close()
	total := kept.Len()
	pictures := newOpenPictures(w.path("images"))
	defer pictures.close()
	s := &sharding{w: w, out: out, pictures: pictures, tally: shard.NewTally(stageShard, "pairs", "pairs")}
	heldout := min(int64(w.cfg.Shard.Heldout), total/10)
	next, stop := iter.Pull2(kept.Sorted())
	defer stop()
	report := func(n int64) { progress(s.tally.In+n, total) }
	if err := s.write(ctx, "heldout", heldout, next, report); err != nil {
		return nil, err
	}
	if err := s.write(ctx, "shard", total-heldout, next, report); err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, p := range out.manifest.Parts {
		names[p.Name] = true
	}
	if err := shard.Clear(out.path, func(name string) bool { return names[name] }); err != nil {
		return nil, err
	}
	s.tally.Out = s.tally.Kept
	return s.tally, out.finish(s.tally)
}

// shuffle sorts the kept pairs by a hash of seed and pair id. Keys are hash and
// id, values the pair without its picture, and where that lies.
func shuffle(ctx context.Context, w *workspace, selection *shard.Manifest) (*extsort.Sorter, error) {
	matched, err := w.manifest("matched")
	if err != nil {
		return nil, err
	}
	sorter := extsort.New(w.dir, w.memory())
	next, stop := iter.Pull2(shard.Rows[shard.Matched](w.path("matched"), matched.Parts))
	defer stop()
	var value []byte
	for s, err := range shard.Rows[shard.Selection](w.path("selection"), selection.Parts) {
		if err == nil {
			err = ctx.Err()
		}
		m, matchedErr, more := next()
		if err == nil {
			err = matchedErr
		}
		if err == nil && (!more || m.PairID != s.PairID) {
			err = fmt.Errorf("selection and matched are not of one run; run pairloom curate")
		}
		if err == nil && s.Reason == "" {
			value = binary.BigEndian.AppendUint32(value[:0], s.ImagePart)
			value = binary.BigEndian.AppendUint32(value, s.ImageRow)
			pair := pairOf(m)
			value = shard.AppendRow(value, &pair)
			err = sorter.Add(shuffleKey(uint64(w.cfg.Seed), m.PairID), value)
		}
		if err != nil {
			sorter.Close()
			return nil, err
		}
	}
	return sorter, nil
}

func shuffleKey(seed, pairID uint64) []byte {
	var b [24]byte
	copy(b[:], "shuffle:")
	binary.LittleEndian.PutUint64(b[8:], seed)
	binary.LittleEndian.PutUint64(b[16:], pairID)
	key := binary.BigEndian.AppendUint64(nil, xxhash.Sum64(b[:]))
	return binary.BigEndian.AppendUint64(key, pairID)
}

// pairOf is the finished record as far as the matched one knows it.
func pairOf(m *shard.Matched) shard.Pair {
	return shard.Pair{
		PairID: m.PairID, PageURL: m.PageURL, ImageURL: m.ImageURL,
		Text: m.Text, TextSource: m.TextSource, Language: m.Language,
		License: m.License, OptOut: m.OptOut, Source: m.Source,
		CrawlTime: m.CrawlTime, QueryIDs: m.QueryIDs,
	}
}

// addPicture completes the record with what the fetched picture knows.
func addPicture(p *shard.Pair, i *shard.Image) {
	p.Image, p.Width, p.Height = i.Bytes, i.Width, i.Height
	p.OriginalFormat, p.OriginalWidth, p.OriginalHeight = i.OriginalFormat, i.OriginalWidth, i.OriginalHeight
	p.PictureHash, p.PHash = i.PictureHash, i.PHash
	if p.OptOut == "" {
		p.OptOut = i.OptOut
	}
}

type sharding struct {
	w        *workspace
	out      *folderWriter[shard.Pair]
	pictures *openPictures
	tally    *shard.Tally
}

// write takes the next pairs of the shuffled order into parts of the given
// prefix, numbered from 0.
func (s *sharding) write(ctx context.Context, prefix string, pairs int64, next func() (extsort.Record, error, bool), progress func(int64)) error {
	for i := 0; pairs > 0; i++ {
		rows := min(pairs, int64(s.w.cfg.Shard.Pairs))
		pairs -= rows
		name := fmt.Sprintf("%s-%05d.arrow", prefix, i)
		part, done, err := shard.Recover[shard.Pair](s.out.path, name, s.out.origin())
		if err != nil {
			return err
		}
		if done && part.Rows == rows {
			for range rows {
				if _, err, _ := next(); err != nil {
					return err
				}
			}
			s.out.manifest.Parts = append(s.out.manifest.Parts, part)
		} else if err := s.writePart(ctx, name, rows, next, progress); err != nil {
			return err
		}
		s.tally.In += rows
		s.tally.Kept += rows
		progress(0)
	}
	return nil
}

func (s *sharding) writePart(ctx context.Context, name string, rows int64, next func() (extsort.Record, error, bool), progress func(int64)) error {
	var image shard.Image
	for n := range rows {
		rec, err, more := next()
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && !more {
			err = fmt.Errorf("write %s: the shuffled pairs end early", name)
		}
		if err != nil {
			return err
		}
		var pair shard.Pair
		if _, err := shard.ReadRow(rec.Value[8:], &pair); err != nil {
			return err
		}
		if err := s.pictures.read(binary.BigEndian.Uint32(rec.Value), binary.BigEndian.Uint32(rec.Value[4:]), &image); err != nil {
			return err
		}
		addPicture(&pair, &image)
		if err := s.out.writePart(name, s.out.origin(), &pair); err != nil {
			return err
		}
		progress(n)
	}
	return s.out.endPart()
}
