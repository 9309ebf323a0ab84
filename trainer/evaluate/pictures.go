package evaluate

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/pairloom/pairloom/trainer/batch"
)

// Pictures is a list of pictures, ready for a model.
type Pictures interface {
	Len() int
	// Centre writes picture i to dst[side,side,3], scaled and cut as the public
	// models want it: red, green and blue, row by row. One that cannot be shown gives a *BadPicture;
	// any other error is none of the picture's. Several goroutines call it.
	Centre(ctx context.Context, dst []byte, i, side int) error
}

// A BadPicture is counted by its reason and left out.
type BadPicture struct {
	Name   string // file, or row of a shard
	Reason string
	Err    error
	Number int // in its list; Embedder.Pictures sets it
}

func (e *BadPicture) Error() string {
	return fmt.Sprintf("picture %s: %s: %v", e.Name, e.Reason, e.Err)
}
func (e *BadPicture) Unwrap() error { return e.Err }

// ShardPictures are those of a shard folder's pairs.
type ShardPictures struct{ *batch.Source }

// Centre is that of [Pictures].
func (p ShardPictures) Centre(_ context.Context, dst []byte, i, side int) error {
	pair, err := p.Pair(i)
	if err != nil {
		return err
	}
	return centre(dst, fmt.Sprintf("row %d", i), pair.Image, side)
}

// Vectors are embedded pictures.
type Vectors struct {
	Rows   []float32 // [len(Kept), dim]
	Pooled []float32 // before the projection to the shared space, len(Kept) rows; see clip.Model.Pooled
	Kept   []int     // numbers of the pictures, ascending
	Bad    []*BadPicture
}

// Pictures embeds count pictures from number first on, at once.
func (e *Embedder) Pictures(ctx context.Context, pictures Pictures, first, count int) (v Vectors, err error) {
	side := e.model.Config.Resolution
	size := 3 * side * side
	pixels, bad := make([]byte, count*size), make([]*BadPicture, count)
	group, ctx := errgroup.WithContext(ctx)
	for worker := range e.threads {
		group.Go(func() error {
			for i := worker; i < count; i += e.threads {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				err := pictures.Centre(ctx, pixels[i*size:(i+1)*size], first+i, side)
				if err != nil && !errors.As(err, &bad[i]) {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return v, err
	}
	for i, b := range bad {
		if b != nil {
			b.Number = first + i
			v.Bad = append(v.Bad, b)
			continue
		}
		copy(pixels[len(v.Kept)*size:], pixels[i*size:(i+1)*size])
		v.Kept = append(v.Kept, first+i)
	}
	if len(v.Kept) > 0 {
		v.Rows, v.Pooled, err = e.images(pixels[:len(v.Kept)*size])
	}
	return v, err
}

// EachPictures embeds all pictures, batch at a time, and hands on each batch.
func (e *Embedder) EachPictures(ctx context.Context, pictures Pictures, batch int, visit func(done int, v Vectors) error) error {
	n, batch := pictures.Len(), max(1, batch)
	for first := 0; first < n; first += batch {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		count := min(batch, n-first)
		v, err := e.Pictures(ctx, pictures, first, count)
		if err == nil {
			err = visit(first+count, v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
