package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"strings"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/s3blob" // s3://
	"gocloud.dev/gcerrors"
)

// bucket is a bucket, or what lies below a prefix in one. Nothing there can be locked:
// who exports to one place from two machines at once has the files of the last.
type bucket struct {
	*blob.Bucket
	name string
}

// openBucket opens the bucket of an address. What else a driver must know stands in the
// address's query (see gocloud.dev/blob/s3blob.URLOpener); keys come from the
// environment, as the cloud's own tools have it.
func openBucket(ctx context.Context, u *url.URL) (place, error) {
	if !blob.DefaultURLMux().ValidBucketScheme(u.Scheme) {
		var known []string
		for _, scheme := range blob.DefaultURLMux().BucketSchemes() {
			known = append(known, scheme+"://")
		}
		return nil, refused("%s:// is none of %s; gs:// and azblob:// are in what make build TAGS=clouds makes", u.Scheme, strings.Join(known, ", "))
	}
	name := u.Scheme + "://" + u.Host + u.Path
	root := *u
	root.Path = ""
	b, err := blob.DefaultURLMux().OpenBucketURL(ctx, &root)
	if err != nil {
		return nil, refused("open %s: %w", name, err)
	}
	if prefix := strings.Trim(u.Path, "/"); prefix != "" {
		b = blob.PrefixedBucket(b, prefix+"/")
	}
	return &bucket{b, name}, nil
}

func (b *bucket) String() string { return b.name }

// notExist makes fs.ErrNotExist of what a driver says.
func notExist(err error) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		return errors.Join(fs.ErrNotExist, err)
	}
	return err
}

func (b *bucket) list(ctx context.Context, prefix string) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		it := b.Bucket.List(&blob.ListOptions{Prefix: prefix})
		for {
			o, err := it.Next(ctx)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(entry{}, fmt.Errorf("list %s: %w", b.name, err))
				return
			}
			if !o.IsDir && !yield(entry{o.Key, o.Size}, nil) {
				return
			}
		}
	}
}

// upload is an object that is being written. It appears when it is closed, and not if
// its context ended before.
type upload struct {
	*blob.Writer
	cancel context.CancelFunc
}

func (u *upload) Commit() error {
	defer u.cancel()
	return u.Close()
}

func (u *upload) Discard() {
	u.cancel()
	u.Close()
}

func (b *bucket) create(ctx context.Context, name string, _ bool) (output, error) {
	ctx, cancel := context.WithCancel(ctx)
	w, err := b.NewWriter(ctx, name, &blob.WriterOptions{ContentType: contentType(name), MaxConcurrency: 2})
	if err != nil {
		cancel()
		return nil, err
	}
	return &upload{w, cancel}, nil
}

// contentType is what a browser is told; without it the driver would look at the bytes.
func contentType(name string) string {
	switch end := name[strings.LastIndexByte(name, '.')+1:]; end {
	case "json", "jsonl":
		return "application/json"
	case "md":
		return "text/markdown; charset=utf-8"
	case "jpg":
		return "image/jpeg"
	case "png", "webp", "gif":
		return "image/" + end
	}
	return "application/octet-stream"
}

// object is an object that is being read.
type object struct {
	b      *bucket
	ctx    context.Context
	name   string
	size   int64
	stream *blob.Reader // of Read, once that was called
}

func (b *bucket) open(ctx context.Context, name string) (input, error) {
	about, err := b.Attributes(ctx, name)
	if err != nil {
		return nil, notExist(err)
	}
	return &object{b: b, ctx: ctx, name: name, size: about.Size}, nil
}

func (o *object) Size() int64 { return o.size }

func (o *object) Read(p []byte) (int, error) {
	if o.stream == nil {
		stream, err := o.b.NewReader(o.ctx, o.name, nil)
		if err != nil {
			return 0, notExist(err)
		}
		o.stream = stream
	}
	return o.stream.Read(p)
}

func (o *object) ReadAt(p []byte, at int64) (int, error) {
	if at >= o.size {
		return 0, io.EOF
	}
	r, err := o.b.NewRangeReader(o.ctx, o.name, at, int64(len(p)), nil)
	if err != nil {
		return 0, notExist(err)
	}
	defer r.Close()
	n, err := io.ReadFull(r, p)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}

func (o *object) Close() error {
	if o.stream == nil {
		return nil
	}
	return o.stream.Close()
}

func (b *bucket) copyFile(ctx context.Context, from, to string) error {
	return b.Copy(ctx, to, from, nil)
}

func (b *bucket) move(ctx context.Context, from, to string) error {
	if err := b.copyFile(ctx, from, to); err != nil {
		return err
	}
	return b.remove(ctx, from)
}

func (b *bucket) remove(ctx context.Context, name string) error {
	if err := b.Delete(ctx, name); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return err
	}
	return nil
}

func (b *bucket) sync() error { return nil }

func (b *bucket) close() error { return b.Close() }
