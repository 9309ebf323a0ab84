package browse

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"

	"github.com/pairloom/pairloom/internal/still"
	"github.com/pairloom/pairloom/shard"
)

// row is all that is known of a pair, as its files have it. Its strings and bytes live
// as long as the index.
type row struct {
	shard.Pair
	Detail string // of a dropped pair
}

// pairFacts are the columns of pairs that are shown beside the picture, and imageFacts
// those of pictures.
var (
	pairFacts = []string{"pair_id", "text", "width", "height", "image_url", "page_url", "text_source", "language", "license", "opt_out", "opt_out_from", "source",
		"crawl_time", "query_ids", "original_format", "original_width", "original_height", "picture_hash", "phash", "format", "sha256", "frames", "credit", "text_language", "more"}
	imageFacts = []string{"image_id", "format", "width", "height", "picture_hash", "phash", "sha256", "frames", "license", "credit", "original_format", "original_width", "original_height"}
)

// row reads a pair; with picture its bytes too, where they are stored.
func (x *index) row(e entry, picture bool) (r row, err error) {
	if int(e) < x.finished {
		views := &x.training
		if x.verdicts[x.verdict[e]].Is == isHeldOut {
			views = &x.heldOut
		}
		view := views.facts
		if picture {
			view = views.pictures
		}
		r.Pair, err = view.Pair(int(x.place[e]))
		if err == nil && r.PairID != x.ids[e] {
			err = fmt.Errorf("read pair %s: the shards changed; load the page again", shard.FormatPairID(x.ids[e]))
		}
		return r, err
	}
	m, err := x.matched.read(int(x.place[e]))
	if err != nil {
		return r, err
	}
	r.Pair = shard.Pair{
		PairID: m.PairID, PageURL: m.PageURL, ImageURL: m.ImageURL, Text: m.Text, TextSource: m.TextSource, Language: m.Language,
		License: m.License, OptOut: m.OptOut, OptOutFrom: m.OptOutFrom, Source: m.Source, CrawlTime: m.CrawlTime, QueryIDs: m.QueryIDs,
		TextLanguage: m.TextLanguage, More: m.More,
	}
	if x.selected != nil {
		s, err := x.selected.read(int(x.place[e]))
		if err != nil {
			return r, err
		}
		if r.Detail = s.Detail; s.Reason == "" {
			r.Detail = x.deleted[m.PairID].detail
		}
	}
	i, ok, err := x.images.read(m.ImageID, picture)
	if err != nil || !ok {
		return r, err
	}
	r.Image = i.Bytes
	r.Format, r.Width, r.Height = i.Format, i.Width, i.Height
	r.PictureHash, r.PHash, r.SHA256, r.Frames, r.Credit = i.PictureHash, i.PHash, i.SHA256, i.Frames, i.Credit
	r.OriginalFormat, r.OriginalWidth, r.OriginalHeight = i.OriginalFormat, i.OriginalWidth, i.OriginalHeight
	if r.License == "" {
		r.License = i.License
	}
	return r, nil
}

// mediaType is that of a picture as it is served: of the formats that a browser may
// show, all others are bytes.
func mediaType(format string) string {
	switch format {
	case "", "jpeg", "png", "gif", "webp", "avif", "bmp", "ico":
		return still.MediaType(format)
	}
	return "application/octet-stream"
}

// heldBatches bounds the batches of compressed parts that are kept decompressed: some
// MB each folder.
const heldBatches = 32

// folder reads rows of compressed parts by their number among those of all parts. It
// keeps the batches that were used last. Any number of goroutines may read.
type folder[T shard.Record] struct {
	path  string
	parts []*shard.PartReader[T]
	first []int // number of each batch's first row, and the total
	of    []int // part of each batch
	in    []int // number of each batch in its part

	mu   sync.Mutex
	held []heldBatch[T] // last used first
}

type heldBatch[T shard.Record] struct {
	number int
	rows   *shard.Batch[T]
}

func openFolder[T shard.Record](path string, parts []shard.Part) (*folder[T], error) {
	f := &folder[T]{path: path, first: []int{0}}
	for i, p := range parts {
		r, err := shard.OpenPart[T](path, p)
		if err != nil {
			f.close()
			return nil, err
		}
		f.parts = append(f.parts, r)
		total := f.first[len(f.first)-1]
		for b := range r.Batches() {
			f.first = append(f.first, total+r.First(b+1))
			f.of, f.in = append(f.of, i), append(f.in, b)
		}
	}
	return f, nil
}

// read is row i of all. Its strings live until close.
func (f *folder[T]) read(i int) (row T, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	number := sort.SearchInts(f.first, i+1) - 1
	at := slices.IndexFunc(f.held, func(h heldBatch[T]) bool { return h.number == number })
	if at < 0 {
		rows := &shard.Batch[T]{}
		defer rows.Close()
		if err := f.parts[f.of[number]].Load(f.in[number], rows); err != nil {
			return row, err
		}
		if len(f.held) < heldBatches {
			f.held = append(f.held, heldBatch[T]{})
		}
		at = len(f.held) - 1
		f.held[at] = heldBatch[T]{number, rows}
	}
	used := f.held[at]
	copy(f.held[1:at+1], f.held[:at])
	f.held[0] = used
	used.rows.Read(i-f.first[number], &row)
	return row, nil
}

func (f *folder[T]) close() {
	for _, p := range f.parts {
		p.Close()
	}
}

// stored finds the pictures of the images folder by the id of their address.
type stored struct {
	// facts and pictures are the parts without and with the pictures.
	facts, pictures []*shard.PartReader[shard.Image]

	places []picturePlace // in order of id
}

type picturePlace struct {
	id        uint64
	part, row uint32
}

// openStored lists the pictures that were fetched. Of several rows of one picture the
// last part's counts.
func openStored(path string) (*stored, error) {
	s := &stored{}
	m, err := shard.ReadManifest(path)
	if errors.Is(err, shard.ErrUnfinished) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	open := func(p shard.Part, into *[]*shard.PartReader[shard.Image], columns ...string) {
		var r *shard.PartReader[shard.Image]
		if err == nil {
			r, err = shard.OpenPart[shard.Image](path, p, columns...)
		}
		if err == nil {
			*into = append(*into, r)
		}
	}
	for i, p := range m.Parts {
		open(p, &s.facts, imageFacts...)
		if open(p, &s.pictures); err != nil {
			s.close()
			return nil, err
		}
		n := uint32(0)
		for image, err := range shard.Rows[shard.Image](path, []shard.Part{p}, "image_id", "status") {
			if err != nil {
				s.close()
				return nil, err
			}
			if image.Status == "" {
				s.places = append(s.places, picturePlace{image.ImageID, uint32(i), n})
			}
			n++
		}
	}
	slices.SortFunc(s.places, func(a, b picturePlace) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(b.part, a.part), cmp.Compare(a.row, b.row))
	})
	s.places = slices.CompactFunc(s.places, func(a, b picturePlace) bool { return a.id == b.id })
	return s, nil
}

// read is the picture with that id, with its bytes or without; ok is false where none is
// stored.
func (s *stored) read(id uint64, picture bool) (image shard.Image, ok bool, err error) {
	i, found := s.find(id)
	if !found {
		return image, false, nil
	}
	p, parts := s.places[i], s.facts
	if picture {
		parts = s.pictures
	}
	err = parts[p.part].Read(int(p.row), &image)
	return image, err == nil, err
}

// has tells whether there is one.
func (s *stored) has(id uint64) bool {
	_, found := s.find(id)
	return found
}

func (s *stored) find(id uint64) (int, bool) {
	return slices.BinarySearchFunc(s.places, id, func(p picturePlace, id uint64) int { return cmp.Compare(p.id, id) })
}

func (s *stored) close() {
	for _, p := range slices.Concat(s.facts, s.pictures) {
		p.Close()
	}
}
