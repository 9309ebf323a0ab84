package browse

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/dedup"
	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
)

// verdict is what became of pairs: where they are, or the stage and reason that
// dropped them.
type verdict struct {
	Is     string // one of the words below
	Reason string // of dropped pairs; of pictures that were not fetched with the status behind "/"
	Count  int
}

// What a pair can be, as the search takes it.
const (
	isTraining = "training"
	isHeldOut  = "held-out"
	isDropped  = "dropped"
	isWaiting  = "waiting" // let stay by the stages so far, and in no shard yet
)

// entry is the number of a pair in the index.
type entry = uint32

// index is what is kept in memory of a dataset. It never changes.
type index struct {
	stamp string // of the manifests that it was built from
	dir   string

	ids     []uint64
	place   []uint32 // row of the view of training or held-out pairs, or of the matched folder
	verdict []uint16
	page    []uint32 // host of the page
	image   []uint32 // host of the picture
	textAt  []uint32 // where the folded text begins, and the end of all
	texts   []byte   // of each pair " word word \n"
	queryAt []uint32 // where the pair's queries begin, and the end of all
	queries []uint32
	byID    []entry // in order of id

	verdicts []verdict
	hosts    []hostCount
	names    map[uint32]*queryCount
	finished int // pairs of the shards come first

	queryLines, hostLines []line // of the pages that list them

	clusters []cluster
	inside   map[entry]int // cluster of each pair that is in one

	training, heldOut views
	// deleted are the finished pairs that are none any more, and why.
	deleted map[uint64]deletion

	matched  *folder[shard.Matched]
	selected *folder[shard.Selection] // nil where curate has not ended with these pairs
	images   *stored
}

// views are finished pairs of one kind: facts without their pictures, so that a page of
// texts from all over the shards reads little; pictures with them. Both are nil before
// the first shards.
type views struct{ facts, pictures *shard.View }

func (v *views) open(dataset *shard.Dataset, prefix string) (err error) {
	if v.facts, err = dataset.Open(prefix, pairFacts...); err == nil {
		v.pictures, err = dataset.Open(prefix)
	}
	return err
}

func (v *views) close() {
	for _, view := range []*shard.View{v.facts, v.pictures} {
		if view != nil {
			view.Close()
		}
	}
}

// deletion is why a pair was deleted from the shards.
type deletion struct{ reason, detail string }

// hostCount is a host, with the port where it is not the scheme's, and its pairs.
type hostCount struct {
	Name                        string
	Pages, Pictures             int // finished pairs whose page, whose picture is there
	DroppedPages, DroppedImages int
}

// queryCount is a query and its pairs.
type queryCount struct {
	Name          string
	Kept, Dropped int
}

// watched are the folders whose manifests an index is built from.
var watched = []string{shard.MatchedFolder, shard.ImagesFolder, shard.SelectionFolder, shard.ShardsFolder}

// stampOf stands for the manifests that are there: their sizes and times.
func stampOf(dir string) string {
	var b strings.Builder
	for _, folder := range watched {
		info, err := os.Stat(filepath.Join(dir, folder, shard.ManifestName))
		if err != nil {
			b.WriteString("none ")
			continue
		}
		fmt.Fprintf(&b, "%d:%d ", info.Size(), info.ModTime().UnixNano())
	}
	return b.String()
}

// errEmpty: no stage has ended that pairs could be read of.
var errEmpty = fmt.Errorf("%w: there are no pairs yet; run pairloom run first", shard.ErrUnfinished)

// building is what only the building of an index needs.
type building struct {
	*index
	kinds  map[[2]string]uint16
	hostOf map[string]uint32
	folded []byte
	edges  []uint32
	stays  []link
}

// link ties a pair that was dropped as a copy to the pair that stays for it.
type link struct {
	dropped entry
	stays   uint64
}

// build reads the folder. nameOf names the queries; it may be nil.
func build(dir string, nameOf func(uint32) string) (x *index, err error) {
	b := &building{
		index:  &index{stamp: stampOf(dir), dir: dir, textAt: []uint32{0}, queryAt: []uint32{0}, names: map[uint32]*queryCount{}, inside: map[entry]int{}, deleted: map[uint64]deletion{}},
		kinds:  map[[2]string]uint16{},
		hostOf: map[string]uint32{},
	}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if err := b.finishedPairs(); err != nil {
		return nil, err
	}
	b.finished = len(b.ids)
	finished := b.sorted()
	if err := b.others(finished); err != nil {
		return nil, err
	}
	if b.training.facts == nil && b.matched == nil {
		return nil, fmt.Errorf("browse %s: %w", dir, errEmpty)
	}
	if b.images, err = openStored(filepath.Join(dir, shard.ImagesFolder)); err != nil {
		return nil, err
	}
	b.byID = b.sorted()
	for id, n := range b.names {
		if nameOf != nil {
			n.Name = strings.Clone(nameOf(id)) // which would hold the whole list
		}
		if n.Name == "" {
			n.Name = fmt.Sprintf("#%d", id) // its list is gone
		}
	}
	b.queryLines, b.hostLines = b.countedLines()
	b.cluster(b.stays)
	return b.index, nil
}

// finishedPairs adds those of the shards.
func (b *building) finishedPairs() error {
	folder := filepath.Join(b.dir, shard.ShardsFolder)
	dataset, err := shard.OpenDataset(folder)
	if errors.Is(err, shard.ErrUnfinished) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, kind := range []struct {
		prefix, is string
		views      *views
	}{{shard.Training, isTraining, &b.training}, {shard.HeldOut, isHeldOut, &b.heldOut}} {
		if err := kind.views.open(dataset, kind.prefix); err != nil {
			return err
		}
		place := uint32(0)
		for row, err := range dataset.Rows(kind.prefix, "pair_id", "text", "image_url", "page_url", "query_ids") {
			if err != nil {
				return err
			}
			if err := b.add(row.PairID, place, b.kind(kind.is, ""), row.PageURL, row.ImageURL, row.Text, row.QueryIDs); err != nil {
				return err
			}
			place++
		}
	}
	for g := range dataset.Generation() {
		for d, err := range dataset.Deletions(g + 1) {
			if err != nil {
				return err
			}
			b.deleted[d.PairID] = deletion{strings.Clone(d.Reason), strings.Clone(d.Detail)}
		}
	}
	return nil
}

// others adds the matched pairs that are in no shard. finished are the numbers of those
// that are, in order of id.
func (b *building) others(finished []entry) error {
	m, err := shard.ReadManifest(filepath.Join(b.dir, shard.MatchedFolder))
	if errors.Is(err, shard.ErrUnfinished) {
		return nil
	}
	if err != nil {
		return err
	}
	if b.matched, err = openFolder[shard.Matched](filepath.Join(b.dir, shard.MatchedFolder), m.Parts); err != nil {
		return err
	}
	decided, err := b.decisions(m)
	if err != nil {
		return err
	}
	next, stop := iter.Pull2(decided)
	defer stop()
	place := uint32(0)
	for m, err := range shard.Rows[shard.Matched](b.matched.path, m.Parts, "pair_id", "text", "image_url", "page_url", "query_ids") {
		if err != nil {
			return err
		}
		s, err, _ := next()
		if err != nil {
			return err
		}
		at := place
		place++
		if _, there := b.search(finished, m.PairID); there {
			continue
		}
		is, reason := isWaiting, ""
		if s != nil && s.Reason != "" {
			if is, reason = isDropped, s.Reason; reason == pipeline.ReasonNotFetched {
				status, _, _ := strings.Cut(s.Detail, ":")
				reason += "/" + status
			}
			if stays, ok := dedup.StaysFor(s.Detail); ok {
				b.stays = append(b.stays, link{entry(len(b.ids)), stays})
			}
		} else if d, gone := b.deleted[m.PairID]; gone {
			is, reason = isDropped, d.reason
		}
		if err := b.add(m.PairID, at, b.kind(is, reason), m.PageURL, m.ImageURL, m.Text, m.QueryIDs); err != nil {
			return err
		}
	}
	return nil
}

// decisions walks those of the curate stage, one for each matched pair, nil ones where
// it has not ended with these pairs.
func (b *building) decisions(matched *shard.Manifest) (iter.Seq2[*shard.Selection, error], error) {
	folder := filepath.Join(b.dir, shard.SelectionFolder)
	m, err := shard.ReadManifest(folder)
	if err != nil && !errors.Is(err, shard.ErrUnfinished) && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	same := func(a, b shard.Part) bool { return a.Name == b.Name && a.Rows == b.Rows }
	if err != nil || !slices.EqualFunc(m.Parts, matched.Parts, same) {
		return func(yield func(*shard.Selection, error) bool) {
			for yield(nil, nil) {
			}
		}, nil
	}
	if b.selected, err = openFolder[shard.Selection](folder, m.Parts); err != nil {
		return nil, err
	}
	return shard.Rows[shard.Selection](folder, m.Parts, "reason", "detail"), nil
}

// kind is the number of a verdict.
func (b *building) kind(is, reason string) uint16 {
	n, ok := b.kinds[[2]string{is, reason}]
	if !ok && len(b.verdicts) < math.MaxUint16 {
		n = uint16(len(b.verdicts))
		reason = strings.Clone(reason)
		b.kinds[[2]string{is, reason}] = n
		b.verdicts = append(b.verdicts, verdict{Is: is, Reason: reason})
	}
	b.verdicts[n].Count++
	return n
}

func (b *building) add(id uint64, place uint32, kind uint16, page, image, text string, queries []uint32) error {
	if len(b.texts)+3*len(text)+64 > math.MaxUint32 || len(b.queries)+len(queries) > math.MaxUint32 {
		return fmt.Errorf("browse %s: it has more than %d pairs, whose texts take 4 GiB; browse a part of it", b.dir, len(b.ids))
	}
	kept := b.verdicts[kind].Is != isDropped
	p, i := b.host(page), b.host(image)
	if kept {
		b.hosts[p].Pages++
		b.hosts[i].Pictures++
	} else {
		b.hosts[p].DroppedPages++
		b.hosts[i].DroppedImages++
	}
	b.ids = append(b.ids, id)
	b.place = append(b.place, place)
	b.verdict = append(b.verdict, kind)
	b.page = append(b.page, p)
	b.image = append(b.image, i)
	b.folded, b.edges = fold.Cut(b.folded[:0], b.edges[:0], text)
	b.texts = appendWords(b.texts, b.folded, b.edges)
	b.textAt = append(b.textAt, uint32(len(b.texts)))
	b.queries = append(b.queries, queries...)
	b.queryAt = append(b.queryAt, uint32(len(b.queries)))
	for _, q := range queries {
		n := b.names[q]
		if n == nil {
			n = &queryCount{}
			b.names[q] = n
		}
		if kept {
			n.Kept++
		} else {
			n.Dropped++
		}
	}
	return nil
}

// appendWords appends a text as the search finds it: each word between two spaces, and
// the end of the line.
func appendWords(dst, folded []byte, edges []uint32) []byte {
	dst = append(dst, ' ')
	for i := 0; i < len(edges); i += 2 {
		dst = append(append(dst, folded[edges[i]:edges[i+1]]...), ' ')
	}
	return append(dst, '\n')
}

func (b *building) host(address string) uint32 {
	name := hostIn(address)
	n, ok := b.hostOf[name]
	if !ok {
		n = uint32(len(b.hosts))
		name = strings.Clone(name)
		b.hostOf[name] = n
		b.hosts = append(b.hosts, hostCount{Name: name})
	}
	return n
}

// hostIn is the host of an address, with its port. Addresses of candidates are parsed
// and written by one function, so that they need not be parsed again; of a picture that
// a list brought along it is "list:" and the list's name.
func hostIn(address string) string {
	_, rest, ok := strings.Cut(address, "://")
	if !ok {
		rest = address
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return rest[strings.LastIndexByte(rest, '@')+1:]
}

// sorted lists all entries in order of id.
func (x *index) sorted() []entry {
	list := make([]entry, len(x.ids))
	for i := range list {
		list[i] = entry(i)
	}
	slices.SortFunc(list, func(a, b entry) int { return cmp.Or(cmp.Compare(x.ids[a], x.ids[b]), cmp.Compare(a, b)) })
	return list
}

// search finds an id among entries in order of id.
func (x *index) search(sorted []entry, id uint64) (entry, bool) {
	i, found := slices.BinarySearchFunc(sorted, id, func(e entry, id uint64) int { return cmp.Compare(x.ids[e], id) })
	if !found {
		return 0, false
	}
	return sorted[i], true
}

// find is the pair of that id.
func (x *index) find(id uint64) (entry, bool) { return x.search(x.byID, id) }

func (x *index) len() int { return len(x.ids) }

// queriesOf are the ids of the pair's queries.
func (x *index) queriesOf(e entry) []uint32 { return x.queries[x.queryAt[e]:x.queryAt[e+1]] }

// close unmaps the files.
func (x *index) close() {
	x.training.close()
	x.heldOut.close()
	if x.matched != nil {
		x.matched.close()
	}
	if x.selected != nil {
		x.selected.close()
	}
	if x.images != nil {
		x.images.close()
	}
}
