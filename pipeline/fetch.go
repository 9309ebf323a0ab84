package pipeline

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/pairloom/pairloom/crawl/fetch"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/internal/picture"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
)

// Fetch fetches the pictures of matched pairs that are not there yet. Parts are
// added to the images folder, in order of the pictures' ids, and are complete
// one after another, so that a run that was killed leaves the first of the parts
// that an unbroken run would have written.
type Fetch struct {
	Dir          string
	Options      FetchOptions
	Gate         gate.Options
	Memory       int // bytes of sorting
	Version      string
	PictureChild []string
	Now          func() time.Time
}

// Stage describes the stage. Pictures that were stored by other settings are
// fetched again.
func (f Fetch) Stage() Stage {
	return Stage{
		Name: FetchName, Doing: "fetching pictures", Dir: f.Dir, Folder: shard.ImagesFolder, Inputs: []string{shard.MatchedFolder},
		Settings: func() (string, error) { return settings.Hash(f.Options.Options), nil },
		Run:      tallyOnly(f.Run),
	}
}

// Run is the stage.
func (f Fetch) Run(ctx context.Context, progress Progress) (*shard.Tally, error) {
	matched, err := manifest(f.Dir, shard.MatchedFolder)
	if err != nil {
		return nil, err
	}
	out, err := resumeFolder[shard.Image](f.Stage())
	if err != nil {
		return nil, err
	}
	defer out.discard()
	out.origin.Input = "" // a picture does not depend on who else points at it
	parts, err := storedPictures(out.path, out.origin)
	if err != nil {
		return nil, err
	}
	w := fetching{Fetch: f, out: out, tally: shard.NewTally(FetchName, "pictures", "pictures"),
		missing: extsort.New(f.Dir, f.Memory/2)}
	defer w.missing.Close()
	defer collectAt(f.Memory / 8)()
	if err := w.account(ctx, matched, parts); err != nil {
		return nil, err
	}
	if w.missing.Len() > 0 {
		if err := w.fetch(ctx, parts, progress); err != nil {
			return nil, err
		}
	} else {
		out.manifest.Parts = parts
	}
	keep := map[string]bool{shard.ManifestName: true}
	for _, p := range out.manifest.Parts {
		keep[p.Name] = true
	}
	w.tally.Out = w.tally.Kept
	if err := out.finish(w.tally, nil); err != nil {
		return nil, err
	}
	return w.tally, shard.Clear(out.path, func(name string) bool { return keep[name] })
}

// fetching is the state of one run.
type fetching struct {
	Fetch
	out     *folderWriter[shard.Image]
	tally   *shard.Tally
	missing *extsort.Sorter // id of a picture that has yet to be asked for -> its URL
}

// account tallies the distinct pictures of the matched pairs that have an outcome
// and gathers the others.
func (w *fetching) account(ctx context.Context, matched *shard.Manifest, parts []shard.Part) error {
	rows := shard.Rows[shard.Matched](filepath.Join(w.Dir, shard.MatchedFolder), matched.Parts, "image_id", "image_url")
	pictures := pictureIndex(w.Dir, parts, outcomeColumns, w.Memory/2)
	var key [8]byte
	first, last := true, uint64(0)
	for j, err := range joinPictures(rows, pictures) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if !first && j.matched.ImageID == last {
			continue
		}
		first, last = false, j.matched.ImageID
		if j.picture == nil || w.Options.Retry && gate.Transient(j.picture.image.Status) {
			binary.BigEndian.PutUint64(key[:], last)
			if err := w.missing.Add(key[:], []byte(j.matched.ImageURL)); err != nil {
				return err
			}
			continue
		}
		w.count(j.picture.image.Status)
	}
	return nil
}

// count tallies one picture's outcome.
func (w *fetching) count(status string) {
	if status != "" {
		w.tally.Drop(status)
	} else {
		w.tally.Keep()
	}
}

// fetch asks for the missing pictures, a part at a time. Each new part takes the
// least number from firstNumber on that no part has.
func (w *fetching) fetch(ctx context.Context, parts []shard.Part, progress Progress) error {
	f, closeFetcher, err := w.fetcher()
	if err != nil {
		return err
	}
	defer closeFetcher()
	// The folder is unfinished from now on, and holds nothing but parts that count.
	byName := map[string]shard.Part{}
	for _, p := range parts {
		byName[p.Name] = p
	}
	if err := shard.Clear(w.out.path, func(name string) bool { _, ok := byName[name]; return ok }); err != nil {
		return err
	}
	number, done, total := firstNumber(parts, w.Options.Retry), int64(0), w.missing.Len()
	for _, p := range parts {
		if i, _ := partNumber(p.Name); i < number {
			w.out.manifest.Parts = append(w.out.manifest.Parts, p)
		}
	}
	requests := make([]fetch.Request, 0, w.Options.PartPictures)
	flush := func() error {
		if len(requests) == 0 {
			return nil
		}
		rows, err := f.Part(ctx, requests, func(n, _ int64) { progress(done+n, total) })
		if err != nil {
			return err
		}
		if err := answers(requests, rows); err != nil {
			return err
		}
		for ; ; number++ {
			if _, taken := byName[partName(number)]; !taken {
				break
			}
			w.out.manifest.Parts = append(w.out.manifest.Parts, byName[partName(number)])
		}
		for i := range rows {
			if err := w.out.writePart(partName(number), &rows[i]); err != nil {
				return err
			}
			w.count(rows[i].Status)
		}
		number++
		done += int64(len(requests))
		requests = requests[:0]
		return w.out.endPart()
	}
	for rec, err := range w.missing.Sorted() {
		if err != nil {
			return err
		}
		requests = append(requests, fetch.Request{ImageID: binary.BigEndian.Uint64(rec.Key), URL: string(rec.Value)})
		if len(requests) == w.Options.PartPictures {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	for _, p := range parts { // those behind the last new one
		if i, _ := partNumber(p.Name); i >= number {
			w.out.manifest.Parts = append(w.out.manifest.Parts, p)
		}
	}
	return nil
}

// firstNumber is the least number that a new part may have: 0, so that what
// replaces a lost part bears its name, but behind all others where pictures are
// asked for again, since of a picture's outcomes that in the last part counts.
func firstNumber(parts []shard.Part, retry bool) int {
	first := 0
	for _, p := range parts {
		if i, ok := partNumber(p.Name); ok && retry {
			first = max(first, i+1)
		}
	}
	return first
}

// answers checks that each request has its outcome: one that is missing must not
// pass for a picture that was fetched.
func answers(requests []fetch.Request, rows []shard.Image) error {
	if len(rows) != len(requests) {
		return fmt.Errorf("fetch: %d outcomes of %d pictures; this is a bug in pairloom, please report it", len(rows), len(requests))
	}
	for i, r := range requests {
		if row := &rows[i]; row.ImageID != r.ImageID || row.Status == "" && len(row.Bytes) == 0 {
			return fmt.Errorf("fetch: picture %s has no outcome; this is a bug in pairloom, please report it", r.URL)
		}
	}
	return nil
}

// fetcher opens the gate and starts the pool of decoding children.
func (w *fetching) fetcher() (*fetch.Fetcher, func(), error) {
	g, err := gate.New(w.Gate, w.Version)
	if err != nil {
		return nil, nil, &ConfigurationError{err}
	}
	o := w.Options
	children := o.DecodeChildren
	if children == 0 {
		children = runtime.GOMAXPROCS(0)
	}
	pool, err := picture.NewPool(w.PictureChild, children, picture.PoolOptions{
		ShortSide: o.ShortSide, Quality: o.Quality,
		MaxPixels: int64(o.MaxMegapixels) * 1_000_000, Timeout: o.PictureTimeout,
	})
	if err != nil {
		g.Close()
		return nil, nil, err
	}
	return fetch.New(o.Options, g, pool, w.Now), func() { pool.Close(); g.Close() }, nil
}
