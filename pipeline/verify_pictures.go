package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pairloom/pairloom/internal/still"
	"github.com/pairloom/pairloom/shard"
	"golang.org/x/sync/errgroup"
)

// pictures decodes all pictures of a folder that has some.
func (f *folderCheck) pictures(ctx context.Context) error {
	switch f.out.Folder {
	case shard.ImagesFolder:
		return decodeFolder(ctx, f, func(i *shard.Image) stored {
			return stored{func() string { return strings.Clone(i.ImageURL) }, i.Bytes, i.Format, i.Width, i.Height}
		})
	case shard.ShardsFolder:
		return decodeFolder(ctx, f, func(p *shard.Pair) stored {
			return stored{func() string { return "pair " + shard.FormatPairID(p.PairID) }, p.Image, p.Format, p.Width, p.Height}
		})
	}
	return nil
}

// stored is a picture as its row has it.
type stored struct {
	name          func() string // of what the row is
	picture       []byte        // empty where there is none
	format        string
	width, height int32
}

// decode says what is wrong with the picture; "" for nothing. The header comes
// first: what has another size than its row says is not decoded.
func (s *stored) decode() string {
	wrong := ""
	err := withoutPanic(func() error {
		w, h, err := still.Size(s.picture)
		if err == nil && (w != int(s.width) || h != int(s.height)) {
			wrong = fmt.Sprintf("its picture has %d x %d pixels, but the row says %d x %d", w, h, s.width, s.height)
			return nil
		}
		if err == nil {
			_, err = still.Decode(s.picture)
		}
		if errors.Is(err, still.ErrFormat) && s.format != "" && s.format != "jpeg" {
			return nil // it decoded when it was fetched, and its bytes have a checksum
		}
		return err
	})
	if err != nil {
		wrong = fmt.Sprintf("its picture does not decode: %v", err)
	}
	if wrong != "" {
		wrong = s.name() + ": " + wrong
	}
	return wrong
}

// decodeFolder decodes the pictures of the parts that can be read, one part after
// another, each on all workers.
func decodeFolder[T shard.Record](ctx context.Context, f *folderCheck, of func(*T) stored) error {
	for i, part := range f.manifest.Parts {
		if !f.readable[i] {
			f.note("the pictures of %s were not decoded, since it is faulty", part.Name)
			continue
		}
		wrong, pictures, err := decodePart(ctx, f, part, of)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			f.fault(part.Name, causeOf(err), f.again())
		}
		f.out.Pictures += pictures
		slices.SortFunc(wrong, func(a, b wrongRow) int { return a.row - b.row })
		var list counted
		for _, w := range wrong {
			list.fault(int64(w.row), w.what)
		}
		list.list(f, part.Name, f.again())
	}
	f.checked("pictures")
	return nil
}

type wrongRow struct {
	row  int
	what string
}

// decodeChunk is how many rows a worker takes at a time.
const decodeChunk = 16

func decodePart[T shard.Record](ctx context.Context, f *folderCheck, part shard.Part, of func(*T) stored) (wrong []wrongRow, pictures int64, err error) {
	part.Batches = nil // held against the manifest before
	r, err := shard.OpenPart[T](f.path, part)
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	var mu sync.Mutex
	var next, decoded atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range f.Options.workers() {
		g.Go(func() error {
			var row T
			for {
				first := int(next.Add(decodeChunk)) - decodeChunk
				if first >= r.Len() || ctx.Err() != nil {
					return context.Cause(ctx)
				}
				last := min(first+decodeChunk, r.Len())
				for i := first; i < last; i++ {
					if err := r.Read(i, &row); err != nil {
						return err
					}
					s := of(&row)
					if len(s.picture) == 0 {
						continue // told of before, where there should be one
					}
					decoded.Add(1)
					if what := s.decode(); what != "" {
						mu.Lock()
						wrong = append(wrong, wrongRow{i, what})
						mu.Unlock()
					}
				}
				f.step(last - first)
			}
		})
	}
	err = g.Wait()
	return wrong, decoded.Load(), err
}
