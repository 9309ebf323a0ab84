package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/internal/picture"
	"github.com/pairloom/pairloom/shard"
)

// Statuses that are this room's own.
const (
	// OptOut: the response, or a file of its site, asks that the picture not be
	// used, and the gate obeys that wish.
	OptOut = gate.OptOut
	// BadURL: the address is no absolute http or https URL.
	BadURL = "bad_url"
)

// accept names the formats that are decoded, best first, so that servers that
// choose by it do not choose one that is refused.
const accept = "image/jpeg, image/png, image/webp, image/gif, image/avif;q=0.9, image/bmp;q=0.8, image/tiff;q=0.8, image/heic;q=0.7, image/jp2;q=0.7, */*;q=0.1"

// Request is one picture to fetch. With the ETag or LastModified of a copy at hand
// it is conditional (RFC 9110, 13.1): the answer may be that the copy still holds.
type Request struct {
	ImageID      uint64
	URL          string
	ETag         string
	LastModified string
	// Place is where the picture lies that a list brought along; see [Fetcher.ReadBy].
	Place string
}

// Conditional tells whether the answer may be that the copy at hand holds.
func (r Request) Conditional() bool { return r.ETag != "" || r.LastModified != "" }

// Unchanged tells whether the row is the answer that the copy at hand still holds;
// such a row has no picture.
func Unchanged(row *shard.Image) bool {
	return row.Status == "" && row.HTTPStatus == http.StatusNotModified
}

// Fetcher fetches pictures. Its methods may be called concurrently.
type Fetcher struct {
	options Options
	gate    *gate.Gate
	pool    *picture.Pool
	now     func() time.Time
	read    ReadPicture // of those that have a place
	bodies  *bodies
	grace   time.Duration // for what is under way when the work is stopped
}

// grace is how long a server may take to answer, and a picture to be decoded, when the
// work is stopped meanwhile.
const grace = 10 * time.Second

// New returns a fetcher that asks through g, decodes in pool and dates its rows
// by now. Neither g nor pool is closed by it.
func New(o Options, g *gate.Gate, pool *picture.Pool, now func() time.Time) *Fetcher {
	if o.Workers <= 0 {
		o.Workers = 1
	}
	return &Fetcher{options: o, gate: g, pool: pool, now: now, bodies: newBodies(), grace: grace}
}

// All fetches the pictures that requests give. It takes these in up to ahead of the
// first that has no answer yet, so that a slow server holds up nobody but its own
// pictures; other goroutines walk them. answered is called for each, with its place
// among the requests and its row, in the order in which the answers come; its error
// ends the work. When ctx ends, what has been asked for comes in still, if it does
// within seconds, and All returns the cause: what was answered stands.
func (f *Fetcher) All(ctx context.Context, requests iter.Seq2[Request, error], ahead int, answered func(i int, row *shard.Image) error) error {
	work, done := newSchedule(f.gate, requests, ahead)
	defer done()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	eg, ctx := errgroup.WithContext(ctx)
	hard, cut := context.WithCancel(gate.WithTurn(context.WithoutCancel(ctx), ctx))
	defer cut()
	defer context.AfterFunc(ctx, func() {
		work.stop()
		late := time.AfterFunc(f.grace, cut)
		context.AfterFunc(hard, func() { late.Stop() })
	})()
	answers := make(chan answer, f.options.Workers)
	for range f.options.Workers {
		eg.Go(func() error { return f.work(ctx, hard, work, answers) })
	}
	var worked error
	go func() {
		worked = eg.Wait()
		close(answers)
	}()
	var err error
	for a := range answers {
		if err == nil {
			if err = answered(a.place, &a.row); err != nil {
				end(err)
			}
		}
	}
	if err == nil {
		err = worked
	}
	if err != nil {
		return fmt.Errorf("fetch pictures: %w", err)
	}
	return nil
}

// answer is the row of the request at a place.
type answer struct {
	place int
	row   shard.Image
}

// work is one worker.
func (f *Fetcher) work(ctx, hard context.Context, work *schedule, answers chan<- answer) error {
	var buffer bytes.Buffer
	for f.bodies.room(ctx) == nil {
		r, from, ok, err := work.take(ctx)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		row, err := f.one(ctx, hard, r.Request, &buffer)
		if err != nil {
			return err
		}
		work.answered(r, from)
		answers <- answer{r.place, row}
	}
	return context.Cause(ctx)
}

// one fetches one picture. The error is never the picture's fault. What is under way
// when ctx ends goes on until hard does.
func (f *Fetcher) one(ctx, hard context.Context, r Request, buffer *bytes.Buffer) (shard.Image, error) {
	row := shard.Image{ImageID: r.ImageID, ImageURL: r.URL}
	in := body{all: f.bodies}
	defer in.release()
	original, err := f.original(ctx, hard, r, &row, buffer, &in)
	// Times are taken after the download, as a server's Date would be.
	row.FetchTime = f.now().Unix()
	if err != nil || row.Status != "" || Unchanged(&row) {
		return row, err
	}
	row.OriginalBytes = int64(len(original))
	res, err := f.pool.Process(hard, original)
	if err != nil {
		return row, err
	}
	row.Status, row.Detail = res.Reason, res.Detail
	row.OriginalFormat = res.OriginalFormat
	row.OriginalWidth, row.OriginalHeight = int32(res.OriginalWidth), int32(res.OriginalHeight)
	row.PictureHash, row.SHA256 = res.PictureHash, res.SHA256
	if res.Reason == "" {
		row.Bytes, row.Format = res.Bytes, res.Format
		row.Width, row.Height, row.PHash = int32(res.Width), int32(res.Height), res.PHash
		row.Frames, row.Spread = int32(res.Frames), int32(res.Spread)
		row.License, row.Credit = res.License, res.Credit
	}
	return row, nil
}

// download reads the response through in into buffer, or leaves in row a status, or
// that the copy at hand holds.
func (f *Fetcher) download(ctx, hard context.Context, r Request, row *shard.Image, buffer *bytes.Buffer, in *body) ([]byte, error) {
	req, err := http.NewRequestWithContext(gate.WithKind(hard, gate.Picture), http.MethodGet, r.URL, nil)
	if err != nil || req.URL.Scheme == "" || req.URL.Host == "" {
		row.Status, row.Detail = BadURL, fmt.Sprintf("%.200q is no absolute URL", r.URL)
		return nil, nil
	}
	req.Header.Set("Accept", accept)
	if r.ETag != "" {
		req.Header.Set("If-None-Match", r.ETag)
	}
	if r.LastModified != "" {
		req.Header.Set("If-Modified-Since", r.LastModified)
	}
	resp, err := f.gate.Do(req)
	if resp != nil {
		defer resp.Body.Close()
		row.HTTPStatus = int32(resp.StatusCode)
	}
	if err != nil {
		return nil, f.fault(ctx, err, row)
	}
	verdict := f.gate.Judge(f.now(), nil, resp.Header)
	row.OptOut, row.OptOutFrom = verdict.Words, verdict.From
	holds := resp.StatusCode == http.StatusNotModified && r.Conditional()
	if row.Status = gate.StatusReason(resp.StatusCode); row.Status != "" && !holds {
		row.Detail = http.StatusText(resp.StatusCode)
		return nil, nil
	}
	if verdict.Obeyed {
		row.Status, row.Detail = OptOut, verdict.Wish.String()
		return nil, nil
	}
	row.ETag, row.LastModified = validator(resp.Header.Get("ETag")), validator(resp.Header.Get("Last-Modified"))
	if holds {
		row.Status = ""
		return nil, nil
	}
	if buffer.Cap() > keepBuffer {
		*buffer = bytes.Buffer{}
	}
	buffer.Reset()
	if n := resp.ContentLength; n > 0 { // and the room that ReadFrom wants to see its end
		buffer.Grow(int(min(n, keepBuffer-bytes.MinRead)) + bytes.MinRead)
	}
	in.in = resp.Body
	if _, err := buffer.ReadFrom(in); err != nil {
		return nil, f.fault(ctx, err, row)
	}
	return buffer.Bytes(), nil
}

// validator is a header's value as it can be sent back unharmed, else "".
func validator(value string) string {
	if len(value) > 512 || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return value
}

// fault puts the reason for err into row. It returns an error only when the run
// itself has ended.
func (f *Fetcher) fault(ctx context.Context, err error, row *shard.Image) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	row.Status, row.Detail = gate.Reason(err)
	var refusal *gate.Refusal
	if !errors.As(err, &refusal) {
		row.Detail = withoutLocalAddress(row.Detail)
	} else if refusal.Wishes != nil {
		row.OptOut, row.OptOutFrom = refusal.Wishes.Words(), refusal.Wishes.From()
	}
	return nil
}

// localAddress is our end of a connection in the text of a network error.
var localAddress = regexp.MustCompile(`\S+:[0-9]+->`)

// withoutLocalAddress leaves our own port out, which is another in every run:
// rows must not depend on it.
func withoutLocalAddress(s string) string { return localAddress.ReplaceAllString(s, "") }
