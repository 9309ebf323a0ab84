package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/pairloom/pairloom/internal/picture"
	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/shard"
)

// ReasonRemoved is why rows of shards are deleted that a removal takes out.
const ReasonRemoved = "removed"

// What the lines of a request may be; each may also be a whole line of the refusal list.
var (
	RequestURLs   = []refusal.Kind{refusal.Address}
	RequestHosts  = []refusal.Kind{refusal.Host}
	RequestHashes = []refusal.Kind{refusal.Hash, refusal.Picture, refusal.Pair, refusal.SHA256, refusal.Similar}
	RequestAny    = slices.Concat(RequestURLs, RequestHosts, RequestHashes)
)

// ReadRequest reads a file of addresses, hosts or hashes, a line each. Lines that are none
// are the list's faults.
func ReadRequest(path string, among []refusal.Kind) (*refusal.List, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &ConfigurationError{err}
	}
	defer f.Close()
	return readRequest(f, path, among)
}

func readRequest(r io.Reader, path string, among []refusal.Kind) (*refusal.List, error) {
	var entries []refusal.Entry
	parser := RefusalParser()
	found, err := refusal.Each(r, func(_ int, text string) error {
		e, ok, err := parser.Bare(text, among...)
		if ok {
			entries = append(entries, e)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	list := refusal.New(entries)
	list.Faults = found
	return list, nil
}

// LikePicture is the entry that refuses what looks like the picture in a file, which is
// hashed as fetch hashes pictures: within that many bits, at most [refusal.MostDistance].
func LikePicture(ctx context.Context, path string, distance int, child []string) (e refusal.Entry, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return e, &ConfigurationError{err}
	}
	if distance < 0 || distance > refusal.MostDistance {
		return e, configurationError("--distance %d is not 0 to %d bits", distance, refusal.MostDistance)
	}
	pool, err := picture.NewPool(child, 1, picture.PoolOptions{Format: picture.Nothing})
	if err != nil {
		return e, err
	}
	defer pool.Close()
	result, err := pool.Process(ctx, data)
	switch {
	case err != nil:
		return e, err
	case result.Reason != "":
		return e, configurationError("%s is no picture that can be read: %s: %s", path, result.Reason, result.Detail)
	case refusal.SaysNothing(result.PHash):
		return e, configurationError("%s is of one flat colour, and so like all others of that kind; name its addresses or hashes", path)
	}
	return refusal.Entry{Kind: refusal.Similar, Number: result.PHash, Distance: uint8(distance)}, nil
}

// Removal takes out of a dataset what a request names. The caller holds the folder's lock.
type Removal struct {
	Work
	Request *refusal.List
	// Copies takes the equal and near copies too that lie under other addresses, near
	// being within Distance bits.
	Copies   bool
	Distance int
	// Compact also takes the bytes and texts from the disk at once; DryRun only says what
	// would go.
	Compact, DryRun bool
}

// Removed is what a removal came to.
type Removed struct {
	Entries []string `json:"entries"` // of the request, first some of many
	Asked   int      `json:"asked"`   // entries
	Added   int      `json:"added"`   // to the refusal list, those of copies too
	Pairs   int      `json:"pairs"`   // excluded from reading by this removal, or in a dry run those that would be
	// Before is what the folder held of it, and After what it holds still.
	Before []Place `json:"before"`
	After  []Place `json:"after,omitempty"`
	// EqualCopies and NearCopies count pictures under other addresses that have the same
	// bytes, or look alike, and are not among what was asked for.
	EqualCopies int64 `json:"equal_copies"`
	NearCopies  int64 `json:"near_copies"`
	// Unmatched are addresses and hosts of the request that nothing in the folder has, and
	// Redirected the pages that the crawl was led to from what it names, or from: they go too.
	Unmatched  []string `json:"matched_nothing"`
	Redirected []string `json:"redirected,omitempty"`
	Copies     bool     `json:"copies"` // they are taken out too
	DryRun     bool     `json:"dry_run,omitempty"`
	Compacted  bool     `json:"compacted,omitempty"`
}

// mostEntries is how many entries of a request are repeated to people.
const mostEntries = 10

// Run does it. What it does is in order: the refusal list, then the shards' deletion
// vector, then, with Compact, candidates, pictures, and the folders made of them; a run
// that was killed is gone on with by the same command.
func (r Removal) Run(ctx context.Context) (*Removed, error) {
	out := &Removed{Asked: r.Request.Len(), DryRun: r.DryRun, Copies: r.Copies, Entries: []string{}}
	for _, e := range r.Request.Entries[:min(mostEntries, r.Request.Len())] {
		out.Entries = append(out.Entries, e.String())
	}
	if r.Request.Len() == 0 {
		return nil, configurationError("the request names nothing that can be taken out")
	}
	with, redirected, err := WithRedirects(r.Dir, r.Request)
	if err != nil {
		return nil, err
	}
	r.Request = with
	for _, e := range redirected {
		out.Redirected = append(out.Redirected, e.String())
	}
	copies, err := r.copies(ctx, out)
	if err != nil {
		return nil, err
	}
	request := r.Request
	if r.Copies && len(copies) > 0 {
		request = refusal.New(append(slices.Clone(request.Entries), copies...))
	}
	if out.Before, out.Unmatched, err = (Absence{Dir: r.Dir, Options: r.Options, List: request}).Look(ctx); err != nil {
		return nil, err
	}
	if r.DryRun {
		for _, p := range out.Before {
			if p.Place == shard.ShardsFolder {
				out.Pairs = int(p.Found - p.Excluded)
			}
		}
		return out, nil
	}
	if out.Added, err = Refuse(r.Dir, request.Entries...); err != nil {
		return nil, err
	}
	if out.Pairs, err = r.exclude(request); err != nil {
		return nil, err
	}
	if !r.Compact {
		return out, nil
	}
	if err := r.compact(ctx); err != nil {
		return nil, err
	}
	out.Compacted = true
	out.After, err = Absence{Dir: r.Dir, Options: r.Options, List: request}.Run(ctx)
	return out, err
}

// exclude takes the pairs out of the shards' reading.
func (r Removal) exclude(request *refusal.List) (int, error) {
	folder := filepath.Join(r.Dir, shard.ShardsFolder)
	if !shard.IsFinished(folder) && !exists(filepath.Join(folder, nextFolder)) {
		return 0, nil
	}
	n, err := DeleteRows(r.Dir, func(row *shard.Row) (reason, detail string) {
		if e, refused := refusesPair(request, &row.Pair); refused {
			return ReasonRemoved, refusedDetail(e)
		}
		return "", ""
	})
	if errors.Is(err, shard.ErrUnfinished) {
		return n, nil
	}
	return n, err
}

// copies looks for pictures with the bytes or the look of those that the request names
// by addresses, under other addresses, and gives the entries that refuse them.
func (r Removal) copies(ctx context.Context, out *Removed) ([]refusal.Entry, error) {
	if !r.Request.Has(refusal.Address, refusal.Host) {
		return nil, nil
	}
	named := map[uint64]bool{} // pictures of pages that are refused
	matched, err := arrowFilesBelow(filepath.Join(r.Dir, shard.MatchedFolder))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	for _, path := range matched {
		err := eachRow(ctx, path, func(_ int, m *shard.Matched) error {
			if _, refused := refusesCandidate(r.Request, &m.Candidate); refused {
				named[m.ImageID] = true
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	paths, err := arrowFilesBelow(filepath.Join(r.Dir, shard.ImagesFolder))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var entries []refusal.Entry
	each := func(visit func(i *shard.Image, taken bool)) error {
		for _, path := range paths {
			err := eachRow(ctx, path, func(_ int, i *shard.Image) error {
				_, refused := refusesPicture(r.Request, i)
				visit(i, refused || named[i.ImageID])
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	err = each(func(i *shard.Image, taken bool) {
		if !taken || i.PictureHash == 0 {
			return
		}
		entries = append(entries, refusal.Entry{Kind: refusal.Picture, Number: i.PictureHash})
		if !refusal.SaysNothing(i.PHash) {
			entries = append(entries, refusal.Entry{Kind: refusal.Similar, Number: i.PHash, Distance: uint8(r.Distance)})
		}
	})
	if err != nil {
		return nil, err
	}
	alike := refusal.New(entries)
	err = each(func(i *shard.Image, taken bool) {
		if taken || len(i.Bytes) == 0 {
			return
		}
		switch e, copied := refusesPicture(alike, i); {
		case !copied:
		case e.Kind == refusal.Picture:
			out.EqualCopies++
		default:
			out.NearCopies++
		}
	})
	return alike.Entries, err
}
