package main

import (
	"context"
	"fmt"
	"iter"
	"os"
	"runtime"

	"github.com/pairloom/pairloom/cmd/pairloom/config"
	"github.com/pairloom/pairloom/crawl/fetch"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/internal/picture"
	"github.com/pairloom/pairloom/shard"
)

// pictureSettings is the fingerprint of what decides how a picture is stored.
// Pictures that were stored otherwise are fetched again.
func pictureSettings(w *workspace) string { return config.Hash(w.cfg.Fetch.Options) }

// fetchStage fetches the pictures of matched pairs that are not there yet.
// Parts are appended to the images folder, in order of the pictures' ids, and
// are complete one after another, so that a run that was killed leaves the
// first of the parts that an unbroken run would have written.
func fetchStage(ctx context.Context, w *workspace, progress func(done, total int64)) (*shard.Tally, error) {
	matched, err := w.manifest("matched")
	if err != nil {
		return nil, err
	}
	out, err := resumeFolder[shard.Image](w, stageFetch)
	if err != nil {
		return nil, err
	}
	defer out.discard()
	origin := shard.Origin{Stage: stageFetch, Settings: pictureSettings(w)}
	parts, err := completeImageParts(out.path, origin)
	if err != nil {
		return nil, err
	}
	keep := map[string]bool{}
	for _, p := range parts {
		keep[p.Name] = true
	}
	if err := shard.Clear(out.path, func(name string) bool { return keep[name] }); err != nil {
		return nil, err
	}
	out.manifest.Parts = parts
	f, closeFetcher, err := newFetcher(w)
	if err != nil {
		return nil, err
	}
	defer closeFetcher()
	have := &shard.Manifest{Parts: parts}
	total, err := countMissing(w, matched, have)
	if err != nil {
		return nil, err
	}
	done := int64(0)
	requests := make([]fetch.Request, 0, w.cfg.Fetch.PartPictures)
	flush := func() error {
		if len(requests) == 0 {
			return nil
		}
		rows, err := f.Part(ctx, requests, func(n, _ int64) { progress(done+n, total) })
		if err != nil {
			return err
		}
		for i := range rows {
			if err := out.writePart(partName(len(out.manifest.Parts)), origin, &rows[i]); err != nil {
				return err
			}
		}
		done += int64(len(requests))
		requests = requests[:0]
		return out.endPart()
	}
	for r, err := range missing(w, matched, have) {
		if err != nil {
			return nil, err
		}
		requests = append(requests, r)
		if len(requests) == w.cfg.Fetch.PartPictures {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	tally, err := tallyPictures(w, matched, &out.manifest)
	if err != nil {
		return nil, err
	}
	return tally, out.finish(tally)
}

// newFetcher opens the gate and starts the pool of decoding children.
func newFetcher(w *workspace) (*fetch.Fetcher, func(), error) {
	g, err := gate.New(w.cfg.Gate, version)
	if err != nil {
		return nil, nil, &exitError{exitConfiguration, err}
	}
	program, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program to start children: %w", err)
	}
	o := w.cfg.Fetch
	children := o.DecodeChildren
	if children == 0 {
		children = runtime.GOMAXPROCS(0)
	}
	pool, err := picture.NewPool([]string{program, pictureChildCommand}, children, picture.PoolOptions{
		ShortSide: o.ShortSide, Quality: o.Quality,
		MaxPixels: int64(o.MaxMegapixels) * 1_000_000, Timeout: o.PictureTimeout,
	})
	if err != nil {
		g.Close()
		return nil, nil, err
	}
	return fetch.New(o.Options, g, pool, w.now), func() { pool.Close(); g.Close() }, nil
}

// wanted walks the distinct pictures of the matched pairs, in order of their
// ids, each with its outcome when there is one.
func wanted(w *workspace, matched, images *shard.Manifest) iter.Seq2[wantedPicture, error] {
	return func(yield func(wantedPicture, error) bool) {
		next, stop := iter.Pull2(pictureIndex(w, images))
		defer stop()
		current, err, more := next()
		first, last := true, uint64(0)
		for m, rowErr := range shard.Rows[shard.Matched](w.path("matched"), matched.Parts) {
			for rowErr == nil && err == nil && more && current.image.ImageID < m.ImageID {
				current, err, more = next()
			}
			if rowErr == nil {
				rowErr = err
			}
			if rowErr != nil {
				yield(wantedPicture{}, rowErr)
				return
			}
			if !first && m.ImageID == last {
				continue
			}
			first, last = false, m.ImageID
			p := wantedPicture{matched: m}
			if more && current.image.ImageID == m.ImageID {
				p.place = &current
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

// wantedPicture is one picture of the matched pairs; its fields live until the
// next step.
type wantedPicture struct {
	matched *shard.Matched
	place   *picturePlace // nil when the picture was never asked for
}

// missing walks the pictures that have yet to be asked for.
func missing(w *workspace, matched, images *shard.Manifest) iter.Seq2[fetch.Request, error] {
	return func(yield func(fetch.Request, error) bool) {
		for p, err := range wanted(w, matched, images) {
			if err != nil {
				yield(fetch.Request{}, err)
				return
			}
			if p.place != nil && !retry(w, &p.place.image) {
				continue
			}
			// The URL outlives the row that it stands in.
			if !yield(fetch.Request{ImageID: p.matched.ImageID, URL: string([]byte(p.matched.ImageURL))}, nil) {
				return
			}
		}
	}
}

// retry tells whether a failure may have been the network's, and the user asked
// to try such pictures again.
func retry(w *workspace, image *shard.Image) bool {
	return w.retryFailed && gate.Transient(image.Status)
}

func countMissing(w *workspace, matched, images *shard.Manifest) (int64, error) {
	var n int64
	for _, err := range missing(w, matched, images) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// tallyPictures accounts for every picture of the matched pairs.
func tallyPictures(w *workspace, matched, images *shard.Manifest) (*shard.Tally, error) {
	tally := shard.NewTally(stageFetch, "pictures", "pictures")
	for p, err := range wanted(w, matched, images) {
		switch {
		case err != nil:
			return nil, err
		case p.place == nil:
			return nil, fmt.Errorf("fetch: picture %s has no outcome; this is a bug in pairloom, please report it", p.matched.ImageURL)
		case p.place.image.Status != "":
			tally.Drop(p.place.image.Status)
		default:
			tally.Keep()
		}
	}
	tally.Out = tally.Kept
	return tally, nil
}
