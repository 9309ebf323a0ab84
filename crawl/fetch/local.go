package fetch

import (
	"bytes"
	"context"

	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/shard"
)

// Statuses of pictures that a list brought along and that are read where they lie.
// All may be mended by hand, so that they are passing reasons; see [Transient].
const (
	// PictureGone: the file is not there any more, or not to be opened.
	PictureGone = "picture_gone"
	// PictureChanged: the file is another than when the list was imported.
	PictureChanged = "picture_changed"
	// PictureUnreadable: the file is the same, but the picture cannot be taken out.
	PictureUnreadable = "picture_unreadable"
)

// ReadPicture reads the picture at a place, as [shard.Candidate] has it in PictureAt,
// into body. When that cannot be done it gives the status and what to do; an error is
// never the picture's fault. It is called by many goroutines at a time.
type ReadPicture func(place string, body *bytes.Buffer) (status, detail string, err error)

// ReadBy makes f read pictures that have a place by read; without it a request for one
// goes to its URL. It returns f.
func (f *Fetcher) ReadBy(read ReadPicture) *Fetcher {
	f.read = read
	return f
}

// Local tells whether a stored picture was read where a list has it: no server
// answered for it, and none is asked whether it changed.
func Local(row *shard.Image) bool { return row.Status == "" && row.HTTPStatus == 0 }

// Transient tells whether asking again later may succeed.
func Transient(status string) bool {
	switch status {
	case PictureGone, PictureChanged, PictureUnreadable:
		return true
	}
	return gate.Transient(status)
}

// original gets the picture's bytes into buffer, from its place or, through in, from its
// URL, or leaves in row a status, or that the copy at hand holds.
func (f *Fetcher) original(ctx, hard context.Context, r Request, row *shard.Image, buffer *bytes.Buffer, in *body) ([]byte, error) {
	if r.Place == "" || f.read == nil {
		return f.download(ctx, hard, r, row, buffer, in)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if buffer.Cap() > keepBuffer {
		*buffer = bytes.Buffer{}
	}
	buffer.Reset()
	var err error
	if row.Status, row.Detail, err = f.read(r.Place, buffer); err != nil || row.Status != "" {
		return nil, err
	}
	if n := int64(buffer.Cap()); n > keepBuffer {
		in.hold(n)
	}
	return buffer.Bytes(), nil
}
