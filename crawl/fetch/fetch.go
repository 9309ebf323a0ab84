package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/internal/picture"
	"github.com/pairloom/pairloom/shard"
)

// Statuses that are this room's own.
const (
	// OptOut: the response asks not to be used, and the gate obeys that wish.
	OptOut = "opt_out"
	// BadURL: the address is no absolute http or https URL.
	BadURL = "bad_url"
)

// accept names the formats that are decoded, best first, so that servers that
// choose by it do not choose one that is refused.
const accept = "image/jpeg, image/png, image/webp, image/gif, image/avif;q=0.9, image/tiff;q=0.8, */*;q=0.1"

// keepBuffer is the most that a worker's buffer keeps between pictures.
const keepBuffer = 4 << 20

// Request is one picture to fetch.
type Request struct {
	ImageID uint64
	URL     string
}

// Fetcher fetches parts. Its methods may be called concurrently.
type Fetcher struct {
	options Options
	gate    *gate.Gate
	pool    *picture.Pool
	now     func() time.Time
}

// New returns a fetcher that asks through g, decodes in pool and dates its rows
// by now. Neither g nor pool is closed by it.
func New(o Options, g *gate.Gate, pool *picture.Pool, now func() time.Time) *Fetcher {
	if o.Workers <= 0 {
		o.Workers = 16
	}
	return &Fetcher{options: o, gate: g, pool: pool, now: now}
}

// Part fetches the pictures of one part and returns a row for each request, in
// the same order. progress, which may be nil, hears of pictures done in this
// part. When ctx ends, Part returns its cause as soon as the requests in flight
// have noticed.
func (f *Fetcher) Part(ctx context.Context, requests []Request, progress func(done, total int64)) ([]shard.Image, error) {
	rows := make([]shard.Image, len(requests))
	work := newHosts(requests)
	count := counter{total: int64(len(requests)), report: progress}
	eg, ctx := errgroup.WithContext(ctx)
	for range min(f.options.Workers, len(requests)) {
		eg.Go(func() error {
			var body bytes.Buffer
			var mine *group
			for {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				i, from, ok := work.take(mine)
				if !ok {
					return nil
				}
				mine = from
				row, err := f.one(ctx, requests[i], &body)
				if err != nil {
					return err
				}
				rows[i] = row
				count.add()
			}
		})
	}
	if err := eg.Wait(); err != nil {
		return nil, fmt.Errorf("fetch pictures: %w", err)
	}
	count.last()
	return rows, nil
}

// one fetches one picture. The error is never the picture's fault.
func (f *Fetcher) one(ctx context.Context, r Request, body *bytes.Buffer) (shard.Image, error) {
	row := shard.Image{ImageID: r.ImageID, ImageURL: r.URL}
	original, err := f.download(ctx, r.URL, &row, body)
	// Times are taken after the download, as a server's Date would be.
	row.FetchTime = f.now().Unix()
	if err != nil || row.Status != "" {
		return row, err
	}
	row.OriginalBytes = int64(len(original))
	res, err := f.pool.Process(ctx, original)
	if err != nil {
		return row, err
	}
	row.Status, row.Detail = res.Reason, res.Detail
	row.OriginalFormat = res.OriginalFormat
	row.OriginalWidth, row.OriginalHeight = int32(res.OriginalWidth), int32(res.OriginalHeight)
	row.PictureHash = res.PictureHash
	if res.Reason == "" {
		row.Bytes, row.Width, row.Height, row.PHash = res.JPEG, int32(res.Width), int32(res.Height), res.PHash
	}
	return row, nil
}

// download reads the response of url into body, or leaves a status in row.
func (f *Fetcher) download(ctx context.Context, url string, row *shard.Image, body *bytes.Buffer) ([]byte, error) {
	req, err := http.NewRequestWithContext(gate.WithKind(ctx, gate.Picture), http.MethodGet, url, nil)
	if err != nil || req.URL.Scheme == "" || req.URL.Host == "" {
		row.Status, row.Detail = BadURL, fmt.Sprintf("%.200q is no absolute URL", url)
		return nil, nil
	}
	req.Header.Set("Accept", accept)
	resp, err := f.gate.Do(req)
	if resp != nil {
		defer resp.Body.Close()
		row.HTTPStatus = int32(resp.StatusCode)
	}
	if err != nil {
		return nil, f.fault(ctx, err, row)
	}
	wishes := f.gate.Wishes(resp.Header)
	row.OptOut, row.OptOutFrom = wishes.Words(), wishes.From()
	if row.Status = gate.StatusReason(resp.StatusCode); row.Status != "" {
		row.Detail = http.StatusText(resp.StatusCode)
		return nil, nil
	}
	if wish, obeyed := f.gate.Respects(wishes); obeyed {
		row.Status, row.Detail = OptOut, wish.String()
		return nil, nil
	}
	if body.Cap() > keepBuffer {
		*body = bytes.Buffer{}
	}
	body.Reset()
	if n := resp.ContentLength; n > 0 {
		body.Grow(int(min(n, keepBuffer)))
	}
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return nil, f.fault(ctx, err, row)
	}
	return body.Bytes(), nil
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
	}
	return nil
}

// localAddress is our end of a connection in the text of a network error.
var localAddress = regexp.MustCompile(`\S+:[0-9]+->`)

// withoutLocalAddress leaves our own port out, which is another in every run:
// rows must not depend on it.
func withoutLocalAddress(s string) string { return localAddress.ReplaceAllString(s, "") }

// counter tells progress about pictures done, at most ten times a second.
type counter struct {
	mu          sync.Mutex
	done, total int64
	report      func(done, total int64)
	said        time.Time
}

func (c *counter) add() {
	if c.report == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done++
	if t := time.Now(); t.Sub(c.said) >= 100*time.Millisecond {
		c.said = t
		c.report(c.done, c.total)
	}
}

func (c *counter) last() {
	if c.report != nil {
		c.report(c.done, c.total)
	}
}
