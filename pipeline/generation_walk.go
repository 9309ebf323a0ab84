package pipeline

import (
	"context"
	"encoding/binary"
	"path/filepath"
	"slices"

	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/shard"
)

// sharding is one run: what is new, found by [Shard.compare], and the writing of it.
type sharding struct {
	Shard
	ctx    context.Context
	folder string
	origin shard.Origin    // of the stage, with its input
	base   *shard.Manifest // nil where all is new
	images *shard.Manifest
	refuse refusing

	added    *extsort.Sorter // see add
	deleted  *extsort.Sorter // by part and row: deletions
	heldOut  int64           // of the added
	tally    *shard.Tally
	pictures *openPictures // nil before one is needed

	anew     string       // why all shards are written anew
	mendable []shard.Part // that can stay where they are, if they are whole

	key, value []byte
	image      shard.Image
}

// refusing says why a pair that is kept is not taken in all the same, "" when it is; nil
// where none is ever refused. Pairs that are in the dataset already are not asked about:
// who refuses these deletes them, see [DeleteRows].
type refusing func(p *shard.Pair) (reason string)

// refusal is what refuses pairs: the refusal list.
func (s Shard) refusal() (refusing, error) {
	list, err := Refusals(s.Dir)
	if err != nil || list.Len() == 0 {
		return nil, err
	}
	return func(p *shard.Pair) string {
		if _, refused := refusesPair(list, p); refused {
			return ReasonRefused
		}
		return ""
	}, nil
}

// compare walks matched pairs, selection and, where there is a base, the rows of the
// dataset side by side, for what is to be added and what to be deleted.
func (s Shard) compare(ctx context.Context, origin shard.Origin, base *shard.Manifest) (r *sharding, err error) {
	r = &sharding{
		Shard: s, ctx: ctx, folder: filepath.Join(s.Dir, shard.ShardsFolder), origin: origin, base: base,
		added: extsort.New(s.Dir, s.Memory/8*6), deleted: extsort.New(s.Dir, s.Memory/8), tally: shard.NewTally(ShardName, "pairs", "pairs"),
	}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	matched, err := manifest(s.Dir, shard.MatchedFolder)
	if err != nil {
		return r, err
	}
	selection, err := manifest(s.Dir, shard.SelectionFolder)
	if err != nil {
		return r, err
	}
	if r.images, err = manifest(s.Dir, shard.ImagesFolder); err != nil {
		return r, err
	}
	if r.refuse, err = s.refusal(); err != nil {
		return r, err
	}
	if !slices.EqualFunc(matched.Parts, selection.Parts, func(a, b shard.Part) bool { return a.Name == b.Name && a.Rows == b.Rows }) {
		return r, errNotOneRun
	}
	live := &liveRows{}
	if base != nil {
		if live, err = openLive(r.folder, base, s.Memory/8); err != nil {
			return r, err
		}
	}
	defer live.close()
	for i := range matched.Parts {
		if err := r.part(matched.Parts[i], selection.Parts[i], live); err != nil {
			return r, err
		}
	}
	for live.more {
		if err := r.withdraw(live); err != nil {
			return r, err
		}
	}
	return r, nil
}

var errNotOneRun = configurationError("selection and matched are not of one run; run pairloom curate")

// sideBySide reads a part of matched pairs and that of the selection batch by batch.
type sideBySide struct {
	matched      *shard.PartReader[shard.Matched]
	selection    *shard.PartReader[shard.Selection]
	matchedRows  shard.Batch[shard.Matched]
	selectedRows shard.Batch[shard.Selection]
}

func (w *sideBySide) open(dir string, matched, selection shard.Part, ofMatched, ofSelection []string) (err error) {
	if w.matched, err = shard.OpenPart[shard.Matched](filepath.Join(dir, shard.MatchedFolder), matched, ofMatched...); err != nil {
		return err
	}
	if w.selection, err = shard.OpenPart[shard.Selection](filepath.Join(dir, shard.SelectionFolder), selection, ofSelection...); err == nil && w.selection.Batches() != w.matched.Batches() {
		err = errNotOneRun
	}
	return err
}

func (w *sideBySide) load(batch int) error {
	if err := w.matched.Load(batch, &w.matchedRows); err != nil {
		return err
	}
	err := w.selection.Load(batch, &w.selectedRows)
	if err == nil && w.matchedRows.Len() != w.selectedRows.Len() {
		err = errNotOneRun
	}
	return err
}

func (w *sideBySide) close() {
	if w.matched != nil {
		w.matchedRows.Close()
		w.matched.Close()
	}
	if w.selection != nil {
		w.selectedRows.Close()
		w.selection.Close()
	}
}

// part walks a part. Only the columns that tell what is new are read of all rows; the
// others of the batches that have such.
func (r *sharding) part(matched, selection shard.Part, live *liveRows) error {
	var ids, whole sideBySide
	defer ids.close()
	defer whole.close()
	if err := ids.open(r.Dir, matched, selection, []string{"pair_id", "image_id"}, []string{"pair_id", "reason", "digest", "picture_hash"}); err != nil {
		return err
	}
	var m shard.Matched
	var s shard.Selection
	for batch := range ids.matched.Batches() {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if err := ids.load(batch); err != nil {
			return err
		}
		loaded := false
		// rest reads the row with all its columns.
		rest := func(row int) error {
			if !loaded {
				if whole.matched == nil {
					if err := whole.open(r.Dir, matched, selection, nil, nil); err != nil {
						return err
					}
				}
				if err := whole.load(batch); err != nil {
					return err
				}
				loaded = true
			}
			whole.matchedRows.Read(row, &m)
			whole.selectedRows.Read(row, &s)
			return nil
		}
		for row := range ids.matchedRows.Len() {
			ids.matchedRows.Read(row, &m)
			ids.selectedRows.Read(row, &s)
			if m.PairID != s.PairID {
				return errNotOneRun
			}
			for live.more && comparePlaces(live.row.ImageID, live.row.PairID, m.ImageID, m.PairID) < 0 {
				if err := r.withdraw(live); err != nil {
					return err
				}
			}
			there := live.more && live.row.PairID == m.PairID && live.row.ImageID == m.ImageID
			kept := s.Reason == ""
			if kept && s.Digest == 0 && s.PictureHash == 0 {
				return configurationError("the selection is of an older version; run pairloom curate")
			}
			same := there && kept && live.row.Digest == s.Digest
			if there && !same {
				if err := rest(row); err != nil {
					return err
				}
				reason, detail := s.Reason, s.Detail
				if kept {
					reason, detail = ReasonChanged, "its new row is of a later generation"
				}
				if err := r.delete(live.row, reason, detail); err != nil {
					return err
				}
			}
			switch {
			case same:
				r.tally.Keep()
			case kept:
				if err := rest(row); err != nil {
					return err
				}
				if err := r.add(&m, &s); err != nil {
					return err
				}
			}
			if there {
				if err := live.step(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// withdraw deletes the row at hand, whose pair is not matched any more.
func (r *sharding) withdraw(live *liveRows) error {
	if err := r.delete(live.row, ReasonWithdrawn, "no candidate that passes names the pair any more"); err != nil {
		return err
	}
	return live.step()
}

func (r *sharding) delete(p *shard.Place, reason, detail string) error {
	d := shard.Deletion{PairID: p.PairID, Part: p.Part, Row: p.Row, Reason: reason, Detail: detail}
	r.key = append(append(r.key[:0], p.Part...), 0)
	r.key = binary.BigEndian.AppendUint32(r.key, p.Row)
	r.value = shard.AppendRow(r.value[:0], &d)
	return r.deleted.Add(r.key, r.value)
}

// Sides of the records of added, which the held-out ones begin.
const (
	sideHeldOut  = 0
	sideTraining = 1
)

// add takes a pair in, unless it is refused. The record's key is its side and its place
// in the shuffled order of that; its value is what addedPair reads.
func (r *sharding) add(m *shard.Matched, s *shard.Selection) error {
	pair := pairOf(m)
	if r.refuse != nil {
		facts := pair
		if err := r.picture(s.ImagePart, s.ImageRow); err != nil {
			return err
		}
		addPicture(&facts, &r.image)
		if reason := r.refuse(&facts); reason != "" {
			r.tally.Drop(reason)
			return nil
		}
	}
	r.tally.Keep()
	side := byte(sideTraining)
	if shard.HeldOutPicture(r.Seed, r.Options.HeldoutShare, s.PictureHash) {
		side = sideHeldOut
		r.heldOut++
	}
	r.key = appendShuffleKey(append(r.key[:0], side), uint64(r.Seed), m.PairID)
	r.value = binary.BigEndian.AppendUint32(r.value[:0], s.ImagePart)
	r.value = binary.BigEndian.AppendUint32(r.value, s.ImageRow)
	r.value = binary.BigEndian.AppendUint64(r.value, m.ImageID)
	r.value = binary.BigEndian.AppendUint64(r.value, s.Digest)
	r.value = shard.AppendRow(r.value, &pair)
	return r.added.Add(r.key, r.value)
}

// addedPair is a record of added.
type addedPair struct {
	imagePart, imageRow uint32
	imageID, digest     uint64
	pair                []byte // as AppendRow wrote it, without the picture
}

func readAdded(value []byte) addedPair {
	be := binary.BigEndian
	return addedPair{be.Uint32(value), be.Uint32(value[4:]), be.Uint64(value[8:]), be.Uint64(value[16:]), value[24:]}
}

// picture reads a picture into r.image.
func (r *sharding) picture(part, row uint32) error { return r.openPictures().read(part, row, &r.image) }

func (r *sharding) openPictures() *openPictures {
	if r.pictures == nil {
		mapped := r.Memory/8*7 + residentSlack - r.added.Held() - openPartSize*min(len(r.images.Parts), maxOpenPictures)
		r.pictures = newOpenPictures(filepath.Join(r.Dir, shard.ImagesFolder), r.images, mapped)
	}
	return r.pictures
}

const (
	// openPartSize is about what a part that is open takes on the heap.
	openPartSize = 12 << 10
	// residentSlack is what mapped files may take beside the memory that was asked
	// for: the program itself is one, and forgetting pictures costs time.
	residentSlack = 64 << 20
)

// some tells whether anything is new.
func (r *sharding) some() bool { return r.added.Len() > 0 || r.deleted.Len() > 0 }

func (r *sharding) close() {
	r.added.Close()
	r.deleted.Close()
	if r.pictures != nil {
		r.pictures.close()
		r.pictures = nil
	}
}
