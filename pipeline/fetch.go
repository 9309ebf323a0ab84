package pipeline

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/pairloom/pairloom/crawl/fetch"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/internal/picture"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
)

// Fetch fetches the pictures of matched pairs that are not there yet, and asks again
// for those that are due (see revisit.go).
//
// New pictures are added to the images folder in parts, in order of the pictures'
// ids. A picture that was replaced or withdrawn is so in its own part, which is
// written anew beside the old one and takes its place, so that the old bytes are gone
// from the disk. Parts are complete one after another: a run that was killed leaves
// the first of the parts that an unbroken run would have written, and what it had in
// hand as far as it was saved.
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
// fetched again, and stay until then.
func (f Fetch) Stage() Stage {
	return Stage{
		Name: FetchName, Doing: "fetching pictures", Dir: f.Dir, Folder: shard.ImagesFolder, Inputs: []string{shard.MatchedFolder},
		Settings: func() (string, error) { return settings.Hash(f.Options.Options, picture.HashVersion), nil },
		Due:      f.dueNow, Run: tallyOnly(f.Run), Stopped: f.stopped,
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
	w := fetching{
		Fetch: f, out: out, began: f.Now(), progress: progress,
		tally: shard.NewTally(FetchName, "pictures", "pictures"), calendar: newCalendar(),
		missing: extsort.New(f.Dir, f.Memory/4), due: extsort.New(f.Dir, f.Memory/4), apart: extsort.New(f.Dir, f.Memory/8),
	}
	defer w.apart.Close()
	defer w.missing.Close()
	defer w.due.Close()
	defer collectAt(f.Memory / 8)()
	if w.stored, err = storedPictures(out.path, out.origin); err != nil {
		return nil, err
	}
	if w.hand, err = readHand(out.path, out.origin); err != nil {
		return nil, err
	}
	if err := w.account(ctx, matched); err != nil {
		return nil, err
	}
	if w.total = w.missing.Len() + w.due.Len(); w.total > 0 {
		if err := w.fetch(ctx); err != nil {
			w.tally.Out = w.tally.Kept
			return w.tally, err
		}
	}
	if err := w.dropUnnamed(ctx); err != nil {
		return nil, err
	}
	return w.tally, w.finish()
}

// fetching is the state of one run.
type fetching struct {
	Fetch
	out      *folderWriter[shard.Image]
	began    time.Time
	progress Progress
	tally    *shard.Tally
	calendar *calendar
	stored   map[int]storedPart
	hand     hand
	missing  *extsort.Sorter // id of a picture that has yet to be asked for -> its URL
	due      *extsort.Sorter // part and row of one to be asked for again -> its URL
	apart    *extsort.Sorter // id of one that no matched pair points at -> its part and row
	done     int64           // of total requests, those whose outcome is in a part
	total    int64
	opened   bool
	saving   time.Duration // what the last save took: it stays a twentieth of the time, at most
	saved    time.Time     // when what is in hand was last saved
}

// account tallies the distinct pictures of the matched pairs that have an outcome
// and gathers the others, and those that are due.
func (w *fetching) account(ctx context.Context, matched *shard.Manifest) error {
	rows := shard.Rows[shard.Matched](filepath.Join(w.Dir, shard.MatchedFolder), matched.Parts, "image_id", "image_url", "crawl_time")
	pictures := pictureIndex(w.Dir, partsOf(w.stored), askedColumns, w.Memory/2)
	var key [8]byte
	var url []byte
	var place picturePlace // of the picture at hand, whose texts do not outlive a step
	var id uint64
	var crawled int64
	first, there, due := true, false, false
	settle := func() error {
		if first {
			return nil
		}
		i := &place.image
		switch {
		case !there:
			binary.BigEndian.PutUint64(key[:], id)
			return w.missing.Add(key[:], url)
		case due || w.Fetch.due(i, crawled, w.began):
			binary.BigEndian.PutUint32(key[:], place.part)
			binary.BigEndian.PutUint32(key[4:], place.row)
			return w.due.Add(key[:], url)
		}
		w.count(i)
		return nil
	}
	apart := func(p *picturePlace) error {
		var at [8]byte
		binary.BigEndian.PutUint64(key[:], p.image.ImageID)
		binary.BigEndian.PutUint32(at[:], p.part)
		binary.BigEndian.PutUint32(at[4:], p.row)
		return w.apart.Add(key[:], at[:])
	}
	for j, err := range joinPictures(rows, pictures, apart) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if !first && j.matched.ImageID == id {
			crawled = max(crawled, j.matched.CrawlTime)
			continue
		}
		if err := settle(); err != nil {
			return err
		}
		first, id, crawled, url = false, j.matched.ImageID, j.matched.CrawlTime, append(url[:0], j.matched.ImageURL...)
		if there = j.picture != nil; there {
			place.part, place.row = j.picture.part, j.picture.row
			due = w.stored[int(place.part)].foreign
			// Only a picture with a word of its own costs memory of its own.
			place.image = j.picture.image
			if i := &place.image; i.Status != "" || i.Setting != "" || i.OptOut != "" {
				if *i, err = ownImage(i); err != nil {
					return err
				}
			}
		}
	}
	return settle()
}

// count tallies one picture's outcome.
func (w *fetching) count(i *shard.Image) {
	w.calendar.add(i, w.Options)
	if i.Status != "" {
		w.tally.Drop(i.Status)
	} else {
		w.tally.Keep()
	}
}

// fetch asks for the missing pictures and then for those that are due.
func (w *fetching) fetch(ctx context.Context) error {
	f, closeFetcher, err := w.fetcher()
	if err != nil {
		return err
	}
	defer closeFetcher()
	w.saved = w.Now()
	var b asking
	flush := func(write func(*asking) error) error {
		if len(b.requests) == 0 {
			return nil
		}
		if err := w.ask(ctx, f, &b); err != nil {
			return err
		}
		if err := write(&b); err != nil {
			return err
		}
		w.done += int64(len(b.requests))
		b = asking{}
		return nil
	}
	for rec, err := range w.missing.Sorted() {
		if err != nil {
			return err
		}
		b.requests = append(b.requests, fetch.Request{ImageID: binary.BigEndian.Uint64(rec.Key), URL: string(rec.Value)})
		if len(b.requests) >= w.Options.PartPictures {
			if err := flush(w.addPart); err != nil {
				return err
			}
		}
	}
	if err := flush(w.addPart); err != nil {
		return err
	}
	var olds oldPictures
	defer olds.close()
	for rec, err := range w.due.Sorted() {
		if err != nil {
			return err
		}
		number, row := int(binary.BigEndian.Uint32(rec.Key)), int(binary.BigEndian.Uint32(rec.Key[4:]))
		if number != olds.number && len(b.requests) >= w.Options.PartPictures {
			if err := flush(w.renewParts); err != nil {
				return err
			}
		}
		old, err := olds.read(w.out.path, w.stored[number].Part, number, row)
		if err != nil {
			return err
		}
		old.ImageURL = string(rec.Value)
		b.requests = append(b.requests, w.request(&old, w.stored[number].foreign))
		b.old = append(b.old, oldPicture{old, number, row})
	}
	return flush(w.renewParts)
}

// asking is what is asked for at one time, and its outcome.
type asking struct {
	requests []fetch.Request
	old      []oldPicture // of pictures that are asked for again
	rows     []shard.Image
}

// ask fills the rows: from what the last run had in hand, as far as it still holds,
// and by asking. Every now and then, and when it does not come to its end, it saves
// what is in hand.
func (w *fetching) ask(ctx context.Context, f *fetch.Fetcher, b *asking) error {
	b.rows = make([]shard.Image, len(b.requests))
	answered := make([]*shard.Image, 0, len(b.requests))
	var open []int // places of those to ask for
	var requests []fetch.Request
	for i, r := range b.requests {
		row, ok := w.hand[r.ImageID]
		if ok && row.FetchTime <= w.began.Unix() && !w.Fetch.due(&row, 0, w.began) && (r.Conditional() || !fetch.Unchanged(&row)) {
			b.rows[i] = row
			answered = append(answered, &b.rows[i])
			delete(w.hand, r.ImageID)
			continue
		}
		open, requests = append(open, i), append(requests, r)
	}
	fresh := false // there is something in hand that is not saved
	save := func() error {
		began := w.Now()
		rows := slices.Clone(answered)
		for _, row := range w.hand { // of a later part
			rows = append(rows, &row)
		}
		_, err := writeImages(w.out.path, handName, w.out.origin, rows)
		w.saved, fresh = w.Now(), false
		w.saving = w.saved.Sub(began)
		return err
	}
	err := f.Part(ctx, requests, func(i int, row *shard.Image) error {
		i = open[i]
		row.Setting = fetch.Setting(row, w.Gate)
		if gate.Transient(row.Status) {
			row.Tries = 1
		}
		b.rows[i] = *row
		answered, fresh = append(answered, &b.rows[i]), true
		w.progress(w.done+int64(len(answered)), w.total)
		if w.Options.SaveEvery > 0 && w.Now().Sub(w.saved) >= max(w.Options.SaveEvery, 20*w.saving) {
			return save()
		}
		return nil
	})
	if err == nil {
		return answers(b.requests, b.rows)
	}
	if fresh {
		if saveErr := save(); saveErr != nil {
			return saveErr
		}
	}
	if ctx.Err() != nil {
		all := w.tally.In + w.total - w.done
		for _, row := range answered {
			w.count(row)
		}
		return &StoppedError{context.Cause(ctx), keptOf(w.tally.In, all, "pictures")}
	}
	return err
}

// open makes ready to write parts: the folder is unfinished from now on, and holds
// nothing but parts that count.
func (w *fetching) open() error {
	if w.opened {
		return nil
	}
	w.opened = true
	return shard.Clear(w.out.path, func(name string) bool { return name == handName || w.holds(name) })
}

// holds tells whether the file belongs to a part that is there.
func (w *fetching) holds(name string) bool {
	i, ok := partNumber(name)
	if !ok {
		i, ok = visitsNumber(name)
	}
	_, there := w.stored[i]
	return ok && there
}

// addPart writes new pictures as one part, of the least number that none has: what
// replaces a lost part bears its name.
func (w *fetching) addPart(b *asking) error {
	if err := w.open(); err != nil {
		return err
	}
	number := 0
	for ; ; number++ {
		if _, taken := w.stored[number]; !taken {
			break
		}
	}
	rows := make([]*shard.Image, len(b.rows))
	for i := range b.rows {
		rows[i] = &b.rows[i]
		w.count(rows[i])
	}
	part, err := writeImages(w.out.path, partName(number), w.out.origin, rows)
	w.stored[number] = storedPart{Part: part}
	return err
}

// finish writes the manifest and leaves nothing that no part needs.
func (w *fetching) finish() error {
	for i, p := range w.stored {
		if p.foreign { // no pair has one of its pictures
			delete(w.stored, i)
		}
	}
	w.out.manifest.Parts = partsOf(w.stored)
	w.tally.Out = w.tally.Kept
	if err := w.out.finish(w.tally, nil); err != nil {
		return err
	}
	if err := w.calendar.write(w.out.path); err != nil {
		return err
	}
	return shard.Clear(w.out.path, func(name string) bool { return name == shard.ManifestName || w.holds(name) })
}

// partsOf lists stored parts in order of their numbers.
func partsOf(stored map[int]storedPart) []shard.Part {
	var parts []shard.Part
	for _, i := range slices.Sorted(maps.Keys(stored)) {
		parts = append(parts, stored[i].Part)
	}
	return parts
}

// answers checks that each request has its outcome: one that is missing must not
// pass for a picture that was fetched.
func answers(requests []fetch.Request, rows []shard.Image) error {
	if len(rows) != len(requests) {
		return fmt.Errorf("fetch: %d outcomes of %d pictures; this is a bug in pairloom, please report it", len(rows), len(requests))
	}
	for i, r := range requests {
		if row := &rows[i]; row.ImageID != r.ImageID || row.Status == "" && len(row.Bytes) == 0 && !(fetch.Unchanged(row) && r.Conditional()) {
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
	pool, err := picture.NewPool(w.PictureChild, children, o.PoolOptions())
	if err != nil {
		g.Close()
		return nil, nil, err
	}
	return fetch.New(o.Options, g, pool, w.Now), func() { pool.Close(); g.Close() }, nil
}
