package pipeline

import (
	"context"
	"encoding/binary"
	"iter"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pairloom/pairloom/crawl/fetch"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/internal/picture"
	"github.com/pairloom/pairloom/internal/places"
	"github.com/pairloom/pairloom/internal/refusal"
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
	Picture      filter.PictureOptions // with Balance and Seed: which pictures are needed; see full.go
	Balance      BalanceOptions
	Seed         int64
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
		Due:      f.dueNow, Run: f.Run, Stopped: f.stopped,
	}
}

// Run is the stage. At fetch.max_duration and fetch.max_bytes it is stopped as at the
// end of the time of the whole run.
func (f Fetch) Run(ctx context.Context, progress Progress) (*Outcome, error) {
	ctx, cancel := WithLimit(ctx, f.Options.MaxDuration)
	defer cancel()
	outcome, err := f.run(ctx, progress)
	return outcome, Stopped(ctx, err)
}

// Fetched are the figures of a run over pictures, where there is more to say than its
// tally does.
type Fetched struct {
	// Older is how many pictures are stored as other settings made them, since they could
	// not be had anew.
	Older int64 `json:"as_other_settings"`
}

func (f Fetch) run(ctx context.Context, progress Progress) (*Outcome, error) {
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
	refused, err := Refusals(f.Dir)
	if err != nil {
		return nil, err
	}
	w := &fetching{
		refused: refused, erase: map[int]bool{}, Fetch: f, out: out, began: f.Now(), progress: progress, matched: matched, counting: newCounting(f.Balance, matched),
		tally: shard.NewTally(FetchName, "pictures", "pictures"), calendar: newCalendar(),
		missing: extsort.New(f.Dir, f.Memory/4), due: extsort.New(f.Dir, f.Memory/4), apart: extsort.New(f.Dir, f.Memory/8),
	}
	defer w.apart.Close()
	defer func() { w.missing.Close() }() // each round has its own
	defer w.due.Close()
	defer collectAt(handBytes + fetch.MostBodies)() // the balance of queries, an eighth, comes while there are none
	if err := carryOutErasure(out.path); err != nil {
		return nil, err
	}
	if w.stored, err = storedPictures(out.path, out.origin); err != nil {
		return nil, err
	}
	if w.hand, err = openHand(out.path, out.origin, f.Now()); err != nil {
		return nil, err
	}
	defer w.hand.close()
	if err := w.account(ctx); err != nil {
		return nil, err
	}
	if err := w.eraseRefused(ctx); err != nil {
		return nil, err
	}
	if w.full = w.counting.over(); w.full {
		w.total, w.unasked = w.due.Len(), w.missing.Len()
		if err := w.resumeRound(); err != nil {
			return nil, err
		}
		if w.due.Len() == 0 {
			if err := w.nextRound(ctx); err != nil {
				return nil, err
			}
		}
	} else {
		w.total = w.missing.Len() + w.due.Len()
	}
	if w.total > 0 {
		if err := w.fetch(ctx); err != nil {
			return w.outcome(), err
		}
	}
	w.fullQueries()
	if err := w.dropUnnamed(ctx); err != nil {
		return nil, err
	}
	if err := w.finish(); err != nil {
		return nil, err
	}
	return w.outcome(), nil
}

// outcome is what the run came to so far.
func (w *fetching) outcome() *Outcome {
	w.tally.Out = w.tally.Kept
	o := &Outcome{Tally: w.tally}
	if w.older > 0 {
		o.Result = Fetched{w.older}
	}
	return o
}

// fetching is the state of one run.
type fetching struct {
	Fetch
	out      *folderWriter[shard.Image]
	matched  *shard.Manifest
	began    time.Time
	progress Progress
	tally    *shard.Tally
	older    int64 // pictures as other settings made them
	calendar *calendar
	stored   map[int]storedPart
	hand     *hand
	missing  *extsort.Sorter // id of a picture that has yet to be asked for -> its address and place
	due      *extsort.Sorter // part and row of one to be asked for again -> the same
	apart    *extsort.Sorter // id of one that no matched pair points at -> its part and row
	done     int64           // of total requests, those whose outcome is in a part
	total    int64
	bytes    int64 // of the pictures that came in
	opened   bool
	network  bool // one of the requests goes to a server
	counting counting
	refused  *refusal.List
	erase    map[int]bool // parts with a picture that is refused
	full     bool         // a query may be, so that pictures are asked for in rounds
	known    map[int]bool // parts that the round at hand goes by; nil between rounds
	unasked  int64        // pictures that no round asked for

	mu       sync.Mutex // of what follows, and of asking
	answered int64      // of total requests, those that have an answer
}

// account tallies the distinct pictures of the matched pairs that have an outcome
// and gathers the others, and those that are due.
func (w *fetching) account(ctx context.Context) error {
	columns := append([]string{"image_id", "image_url", "crawl_time", "picture_at"}, w.counting.columns()...)
	rows := shard.Rows[shard.Matched](filepath.Join(w.Dir, shard.MatchedFolder), w.matched.Parts, columns...)
	asked := askedColumns
	if w.refused.Has(pictureKinds...) {
		asked = slices.Concat(asked, refusalColumns)
	}
	pictures := pictureIndex(w.Dir, partsOf(w.stored), asked, w.Memory/2)
	var key [8]byte
	var address []byte     // of the picture at hand, and its place; see appendAddress
	var place picturePlace // of the picture at hand, whose texts do not outlive a step
	var id uint64
	var crawled int64
	first, there, due, refused := true, false, false, false
	settle := func() error {
		if first {
			return nil
		}
		i := &place.image
		switch {
		case !there && w.refusesAddress(request(id, address).URL):
			w.tally.Drop(ReasonRefused)
			return nil
		case !there:
			binary.BigEndian.PutUint64(key[:], id)
			w.needs(address)
			return w.missing.Add(key[:], address)
		case refused:
			w.tally.Drop(ReasonRefused)
			return nil
		case due || w.Fetch.due(i, crawled, w.began):
			binary.BigEndian.PutUint32(key[:], place.part)
			binary.BigEndian.PutUint32(key[4:], place.row)
			w.needs(address)
			return w.due.Add(key[:], address)
		}
		w.count(i)
		return nil
	}
	apart := func(p *picturePlace) error {
		w.toErase(p)
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
		if err == nil {
			err = w.counting.add(j.matched.QueryIDs)
		}
		if err != nil {
			return err
		}
		if !first && j.matched.ImageID == id {
			crawled = max(crawled, j.matched.CrawlTime)
			address = addPlace(address, j.matched.PictureAt)
			continue
		}
		if err := settle(); err != nil {
			return err
		}
		refused = false
		first, id, crawled, address = false, j.matched.ImageID, j.matched.CrawlTime, appendAddress(address[:0], j.matched.ImageURL, j.matched.PictureAt)
		if there = j.picture != nil; there {
			w.toErase(j.picture)
			place.part, place.row = j.picture.part, j.picture.row
			due = w.stored[int(place.part)].foreign
			_, refused = refusesPicture(w.refused, &j.picture.image)
			due = due || w.lifted(&j.picture.image)
			// Only a picture with a word of its own costs memory of its own.
			place.image = j.picture.image
			place.image.ImageURL, place.image.SHA256 = "", "" // what they were read for is done
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
	w.tallyStatus(i.Status)
	if i.Status == "" && strings.HasPrefix(i.Setting, storedBy) {
		w.older++
	}
}

func (w *fetching) tallyStatus(status string) {
	if status != "" {
		w.tally.Drop(status)
	} else {
		w.tally.Keep()
	}
}

// fetch asks for the missing pictures and then for those that are due; where queries may
// be full the other way round, since it depends on these which others are needed.
func (w *fetching) fetch(ctx context.Context) error {
	g, closeGate, err := w.openGate()
	if err != nil {
		return err
	}
	defer closeGate()
	f, closeFetcher, err := w.fetcher(g)
	if err != nil {
		return err
	}
	defer closeFetcher()
	if g != nil {
		leaveAlone(g, w.out.path)
		g.Refuse(refusalsOf(w.refused).Address)
	}
	if !w.full {
		err = w.ask(ctx, f, w.newOnes(), w.addPart)
	}
	if err == nil && w.due.Len() > 0 {
		if err = w.ask(ctx, f, w.dueOnes(), w.renewParts); err == nil && w.full {
			err = w.nextRound(ctx)
		}
	}
	for w.full && err == nil && w.missing.Len() > 0 {
		if err = w.ask(ctx, f, w.newOnes(), w.addPart); err == nil {
			w.known = nil
			err = w.nextRound(ctx)
		}
	}
	if g != nil {
		if shutErr := keepShut(g, w.out.path); err == nil {
			err = shutErr
		}
	}
	return err
}

// newOnes asks for the missing pictures, in batches of a part.
func (w *fetching) newOnes() iter.Seq2[question, error] {
	return func(yield func(question, error) bool) {
		n := 0
		for rec, err := range w.missing.Sorted() {
			if err != nil {
				yield(question{}, err)
				return
			}
			q := question{Request: request(binary.BigEndian.Uint64(rec.Key), rec.Value)}
			q.begins = n%w.Options.PartPictures == 0
			n++
			if !yield(q, nil) {
				return
			}
		}
	}
}

// dueOnes asks for those that are due, in batches of whole parts.
func (w *fetching) dueOnes() iter.Seq2[question, error] {
	return func(yield func(question, error) bool) {
		var olds oldPictures
		defer olds.close()
		n := 0
		for rec, err := range w.due.Sorted() {
			var old shard.Image
			number, row := 0, 0
			begins := false
			if err == nil {
				number, row = int(binary.BigEndian.Uint32(rec.Key)), int(binary.BigEndian.Uint32(rec.Key[4:]))
				begins = number != olds.number && n >= w.Options.PartPictures
				old, err = olds.read(w.out.path, w.stored[number].Part, number, row)
			}
			if err != nil {
				yield(question{}, err)
				return
			}
			if begins {
				n = 0
			}
			n++
			again := request(old.ImageID, rec.Value)
			old.ImageURL = again.URL
			if !yield(question{w.onCondition(again, &old, w.stored[number].foreign), oldPicture{old, number, row}, begins}, nil) {
				return
			}
		}
	}
}

// open makes ready to write parts: the folder is unfinished from now on, and holds
// nothing but parts that count.
func (w *fetching) open() error {
	if w.opened {
		return nil
	}
	w.opened = true
	return shard.Clear(w.out.path, func(name string) bool { return name == roundName || w.hand.holds(name) || w.holds(name) })
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
func (w *fetching) addPart(b *batch) error {
	if err := w.open(); err != nil {
		return err
	}
	number := 0
	for ; ; number++ {
		if _, taken := w.stored[number]; !taken {
			break
		}
	}
	part, err := shard.CreatePart[shard.Image](w.out.path, partName(number), w.out.origin)
	if err != nil {
		return err
	}
	for i := range b.questions {
		row, err := b.row(i)
		if err == nil {
			w.count(row)
			err = part.Write(row)
		}
		if err != nil {
			part.Discard()
			return err
		}
	}
	done, err := part.Close()
	w.stored[number] = storedPart{Part: done}
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
	if err := unlink(w.out.path, roundName); err != nil { // what it is for comes to its end
		return err
	}
	if err := w.out.finish(w.tally, nil); err != nil {
		return err
	}
	w.calendar.Refusals = w.refused.Sum(pictureKinds...)
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

// fetcher starts the pool of decoding children. Where every picture is read where it
// lies, g may be nil.
func (w *fetching) fetcher(g *gate.Gate) (*fetch.Fetcher, func(), error) {
	o := w.Options
	children := o.DecodeChildren
	if children == 0 {
		children = runtime.GOMAXPROCS(0)
	}
	decoding := o.PoolOptions()
	decoding.SHA256 = decoding.SHA256 || w.refused.Has(refusal.SHA256)
	pool, err := picture.NewPool(w.PictureChild, children, decoding)
	if err != nil {
		return nil, nil, err
	}
	pictures := places.New(w.Gate.MaxPictureBytes, importAdvice)
	return fetch.New(o.Options, g, pool, w.Now).ReadBy(readBy(pictures)), func() { pictures.Close(); pool.Close() }, nil
}
