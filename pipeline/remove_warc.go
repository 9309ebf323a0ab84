package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/crawl/archive"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/shard"
)

// mostPage is more than any crawl keeps of a page.
const mostPage = 256 << 20

// warcPages finds, in WARC files, the records that are refused: those of a refused
// address, and pages that name a refused picture or pair.
type warcPages struct {
	list      *refusal.List
	robots    *archive.Robots
	extractor *archive.Extractor
}

func newWARCPages(list *refusal.List, token string) (*warcPages, error) {
	robots, err := archive.NewRobots(token, os.TempDir())
	if err != nil {
		return nil, err
	}
	return &warcPages{list, robots, archive.NewExtractor(archive.Options{Token: token, MaxPageBytes: mostPage}, robots)}, nil
}

func (w *warcPages) close() { w.robots.Close() }

// each calls visit for each record of a file: what is refused in it, "" for nothing, by
// which entry, its address, and where its member begins. broken counts what is no record.
func (w *warcPages) each(ctx context.Context, path string, visit func(offset int64, uri, refused string, by refusal.Entry)) (broken int, err error) {
	source := archive.Source{Path: path}
	in, _, err := source.Open(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	reader := archive.NewReader(in, func(string, int64) { broken++ })
	defer reader.Close()
	for {
		r, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return broken, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return broken, err
		}
		by, refused := w.list.RefusesAddress(r.URI)
		what := r.URI
		if !refused {
			candidates, _ := w.extractor.Record(r, source.Name())
			for i := 0; i < len(candidates) && !refused; i++ {
				by, refused = refusesCandidate(w.list, &candidates[i])
				what = candidates[i].ImageURL
			}
		}
		if !refused {
			what = ""
		}
		visit(r.Offset, r.URI, what, by)
	}
}

// purgeWARC takes the refused records out of the WARC files that crawls wrote, and the
// requests that they answer: a file is
// written anew beside the old one and takes its place, its other records byte for byte.
// One that is damaged stays as it is.
func purgeWARC(ctx context.Context, dir, token string, list *refusal.List) error {
	if !list.Has(candidateKinds...) {
		return nil
	}
	paths, err := filepath.Glob(filepath.Join(dir, shard.WARCFolder, "pairloom-*.warc.gz"))
	if err != nil || len(paths) == 0 {
		return err
	}
	pages, err := newWARCPages(list, token)
	if err != nil {
		return err
	}
	defer pages.close()
	for _, path := range paths {
		var starts []int64
		var of []uint64 // of each record the hash of its address
		gone := map[uint64]bool{}
		plain := true // each record is a member of its own
		broken, err := pages.each(ctx, path, func(offset int64, uri, refused string, _ refusal.Entry) {
			plain = plain && (len(starts) == 0 && offset == 0 || len(starts) > 0 && offset > starts[len(starts)-1])
			hash := xxhash.Sum64String(uri)
			if starts, of = append(starts, offset), append(of, hash); refused != "" {
				gone[hash] = true
			}
		})
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		if len(gone) == 0 || !plain || broken > 0 {
			continue
		}
		if err := copyMembers(path, starts, func(i int) bool { return gone[of[i]] }); err != nil {
			return err
		}
	}
	return nil
}

// copyMembers writes the file at path anew without the members to drop; all begin where
// starts says and lie end to end.
func copyMembers(path string, starts []int64, drop func(i int) bool) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	return atomicfile.WriteStream(path, func(out io.Writer) error {
		for i, start := range starts {
			end := info.Size()
			if i+1 < len(starts) {
				end = starts[i+1]
			}
			if drop(i) {
				continue
			}
			if _, err := io.Copy(out, io.NewSectionReader(in, start, end-start)); err != nil {
				return err
			}
		}
		return nil
	})
}
