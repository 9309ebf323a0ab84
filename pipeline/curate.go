package pipeline

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/dedup"
	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/query"
	"github.com/pairloom/pairloom/query/balance"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

// Curate decides on every matched pair: the picture was fetched, the picture
// rules, deduplication step by step, and the balance of queries, in this order: each
// is given what the one before it lets stay.
//
// A pair's place is its number among all matched pairs. Decisions are gathered
// by place in a sorter and merged with the matched pairs at the end, so that
// memory does not grow with the number of pairs.
type Curate struct {
	Dir     string
	Filter  filter.Options
	Dedup   dedup.Options
	Balance BalanceOptions
	Seed    int64
	// HeldoutShare is that of the shards: of look-alikes what is trained on goes first.
	HeldoutShare float64
	Memory       int // bytes, of sorting and balancing together
	List         *QueryList
	// PictureChild and Workers are for evaluation sets, whose pictures are decoded.
	PictureChild []string
	Workers      int
}

// Stage describes the stage.
func (c Curate) Stage() Stage {
	return Stage{
		Name: CurateName, Doing: "choosing pairs", Dir: c.Dir, Folder: shard.SelectionFolder,
		Inputs: []string{shard.MatchedFolder, shard.ImagesFolder},
		Settings: func() (string, error) {
			hash, err := c.List.Hash()
			if err != nil {
				return "", err
			}
			against, err := againstPrint(c.Dir, c.Dedup.Against)
			if err != nil {
				return "", err
			}
			by := settings.Hash(c.Filter.Picture, fmt.Sprint(c.Filter.Text.Sources), c.Dedup, c.Balance, c.Seed, c.HeldoutShare, hash, against)
			return withRefusals(c.Dir, by, allKinds)
		},
		Run: tallyOnly(c.Run),
	}
}

// PictureJudge decides on pairs by their fetched pictures. It has no state.
type PictureJudge struct {
	rules []filter.Rule[shard.Image]
	// asked says that fetch ended with the pairs at hand, so that a picture which it
	// did not ask for is one that it did not need.
	asked   bool
	refused *refusal.List
}

// fetchedAll tells whether fetch ended with these pairs.
func fetchedAll(images, matched *shard.Manifest) bool {
	return images.Input == settings.Hash(matched.Hash())
}

// fullDetail says to people why a picture was not asked for.
const fullDetail = "its queries have enough good pictures without it; it was not asked for"

// Judge gives the reason for which the picture's pairs are dropped, and the value
// that decided; "" when they go on. A nil picture was never asked for. Of the pair it
// reads the addresses and the id.
func (j *PictureJudge) Judge(m *shard.Matched, i *shard.Image) (reason, detail string) {
	f := refusal.Facts{PageURL: m.PageURL, ImageURL: m.ImageURL, PairID: m.PairID}
	if i != nil {
		f.PictureHash, f.PHash, f.SHA256 = i.PictureHash, i.PHash, i.SHA256
	}
	if e, refused := j.refused.Refuses(&f); refused {
		return ReasonRefused, refusedDetail(e)
	}
	switch {
	case i == nil && j.asked:
		return ReasonQueryFull, fullDetail
	case i == nil:
		return ReasonNotFetched, "the picture was never asked for; run pairloom fetch"
	case i.Status != "":
		return ReasonNotFetched, i.Status + ": " + i.Detail
	}
	if rule := filter.Apply(j.rules, i); rule != nil {
		return rule.Name, rule.Detail(i)
	}
	return "", ""
}

// Run is the stage.
func (c Curate) Run(ctx context.Context, progress Progress) (*shard.Tally, error) {
	matched, err := manifest(c.Dir, shard.MatchedFolder)
	if err != nil {
		return nil, err
	}
	images, err := manifest(c.Dir, shard.ImagesFolder)
	if err != nil {
		return nil, err
	}
	list, err := c.List.Get()
	if err != nil {
		return nil, err
	}
	sets, err := c.openEvaluationSets(ctx, images)
	if err != nil {
		return nil, err
	}
	if sets != nil {
		defer sets.Close()
	}
	steps, err := c.steps(ctx, sets, filepath.Join(c.Dir, nearPicturesName))
	if err != nil {
		return nil, err
	}
	r := &curation{
		Curate: c, ctx: ctx, matched: matched,
		decisions: extsort.New(c.Dir, c.Memory/6),
		steps:     steps,
		overlap:   newOverlap(sets, c.Dir),
	}
	defer r.decisions.Close()
	defer r.overlap.Close()
	for _, s := range r.steps {
		defer s.Close()
	}
	defer collectAt(c.Memory / 3)()
	total := matched.Rows()
	// Three walks over the pairs: pictures, duplicates and balance, writing.
	if err := r.judgePictures(images, func(n int64) { progress(n/2, total) }); err != nil {
		return nil, err
	}
	balancer, err := newBalancer(c.Balance, 0, c.Seed, len(list.Entries), c.Memory/6, c.Dir)
	if err != nil {
		return nil, err
	}
	defer balancer.Close()
	if err := r.judgeDuplicates(balancer); err != nil {
		return nil, err
	}
	if err := balancer.Settle(); err != nil {
		return nil, err
	}
	return r.write(balancer, list, func(n int64) { progress(total/2+n/2, total) })
}

// A step of deduplication takes pairs, decides on all of them when it has them all,
// and is closed. The pairs that stay go to the next step, the last one's to the
// balance of queries.
type step interface {
	Add(*dedup.Pair) error
	// Verdicts has each pair once. What it yields lives until the next one.
	Verdicts() iter.Seq2[*dedup.Verdict, error]
	Close() error
}

// steps are those of deduplication that the settings ask for, in order; there is one
// at least. Each takes a third of the memory, half of that while it takes pairs. Of
// two at work at once the one decides and the other takes: beside these, a half,
// decisions have a sixth throughout; the index of pictures, before anything is decided,
// or the balance's log, at the end, has another.
//
// Evaluation pictures come before near duplicates, so that a picture which is an
// evaluation set's is not what others are dropped for. state is the file that keeps
// which pictures hang together, "" for none.
func (c Curate) steps(ctx context.Context, sets *evaluationSets, state string) (steps []step, err error) {
	defer func() {
		if err != nil {
			for _, s := range steps {
				s.Close()
			}
		}
	}()
	share := c.Memory / 3
	steps = []step{dedup.NewExact(c.Dedup, c.Dir, share)}
	if sets != nil {
		see := func(p *dedup.Pair) (dedup.Sighting, bool, error) { return sets.see(ctx, p) }
		steps = append(steps, dedup.NewAgainst(see, c.Dir, share/2))
	}
	if c.Dedup.PictureDistance > 0 || c.HeldoutShare > 0 {
		near := dedup.NearOptions{Distance: c.Dedup.PictureDistance, Dir: c.Dir, Memory: share, Workers: c.Workers, State: state}
		if near.Distance == 0 {
			near.Distance, near.SidesOnly = dedup.SidesDistance, true
		}
		steps = append(steps, dedup.NewNearPictures(ctx, near))
	}
	if texts := sets.heldTexts(); texts != nil || c.Dedup.TextSimilarity > 0 {
		similarity, name := 0.0, func(uint64) string { return "" }
		if texts != nil {
			similarity, name = c.Dedup.AgainstTextSimilarity, sets.name
		}
		near := dedup.NewNearTexts(c.Dedup.TextOptions, similarity, name, c.Dir, share)
		steps = append(steps, near)
		if texts != nil {
			for rec, err := range texts.Walk() {
				if err == nil {
					err = near.Reference(binary.BigEndian.Uint64(rec.Key), xxhash.Sum64(rec.Value), rec.Value)
				}
				if err != nil {
					return steps, err
				}
			}
		}
	}
	return steps, nil
}

// textsAsked tells whether a step compares texts.
func (c *curation) textsAsked() bool {
	return c.Dedup.TextSimilarity > 0 || c.overlap != nil && c.overlap.sets.heldTexts() != nil
}

// nearPicturesName is the file in the dataset's folder that keeps which pictures hang
// together, so that the next run looks only for what is near to new ones. It may be
// deleted.
const nearPicturesName = "pictures.near"

// newBalancer makes the balancer of one use: before fetching with the margin, at
// the end with none.
func newBalancer(o BalanceOptions, margin float64, seed int64, queries, memory int, dir string) (*balance.Balancer, error) {
	return balance.New(balance.Options{
		Mode: balance.Mode(o.Mode), Limit: o.MaxPairsPerQuery, Margin: margin, Seed: uint64(seed),
		Queries: queries, Memory: memory, Dir: dir,
	})
}

// balanceDetail says to people why no query kept a pair.
func balanceDetail(o BalanceOptions, margin float64) string {
	times := ""
	if margin > 0 {
		times = fmt.Sprintf(" times margin %v", margin)
	}
	if balance.Mode(o.Mode) == balance.Probability {
		return fmt.Sprintf("none of its queries, which have more than max_pairs_per_query %d%s pairs each, drew it", o.MaxPairsPerQuery, times)
	}
	return fmt.Sprintf("each of its queries has max_pairs_per_query %d%s pairs with a smaller hash", o.MaxPairsPerQuery, times)
}

// queryCounts names the counts of all queries of the list.
func queryCounts(list *query.List, counts []balance.Counts) iter.Seq[stats.QueryCount] {
	return func(yield func(stats.QueryCount) bool) {
		for id, n := range counts {
			if !yield(stats.QueryCount{ID: uint32(id), Query: list.Name(uint32(id)), Before: n.Before, Own: n.Own, After: n.After}) {
				return
			}
		}
	}
}

// curation is the state of one run.
type curation struct {
	Curate
	ctx       context.Context
	matched   *shard.Manifest
	steps     []step
	overlap   *overlap // nil where there are no evaluation sets
	decisions *extsort.Sorter
	key       [9]byte
	value     []byte
}

// Kinds of decisions. There is one for each place; its value is where the picture
// lies (part and row, 0 where there is none), then, of a drop, reason, NUL and
// detail, else the picture's hash and the pair's digest.
const (
	decisionDrop    = 'd'
	decisionBalance = 'b' // nothing but the balance of queries may drop it
)

// drop decides that a pair, whose picture lies there, is dropped.
func (c *curation) drop(place, picture uint64, reason, detail string) error {
	c.decides(place, decisionDrop, picture)
	c.value = append(append(append(c.value, reason...), 0), detail...)
	return c.decisions.Add(c.key[:], c.value)
}

// leave decides that only the balance of queries may drop a pair.
func (c *curation) leave(p *dedup.Pair) error {
	c.decides(p.Place, decisionBalance, p.Note)
	c.value = binary.BigEndian.AppendUint64(c.value, p.PictureHash)
	c.value = binary.BigEndian.AppendUint64(c.value, p.Digest)
	return c.decisions.Add(c.key[:], c.value)
}

func (c *curation) decides(place uint64, kind byte, picture uint64) {
	binary.BigEndian.PutUint64(c.key[:], place)
	c.key[8] = kind
	c.value = binary.BigEndian.AppendUint64(c.value[:0], picture)
}

// judgedColumns are those of matched pairs that decide, and those of their digests.
var judgedColumns = []string{"pair_id", "image_id", "query_ids", "text", "text_source", "page_url", "image_url", "language", "license", "opt_out", "opt_out_from", "text_language", "more"}

func (c *curation) matchedFolder() string { return filepath.Join(c.Dir, shard.MatchedFolder) }

// judgePictures walks matched pairs and pictures side by side, both in order
// of the picture's id.
func (c *curation) judgePictures(images *shard.Manifest, progress func(int64)) error {
	refused, err := Refusals(c.Dir)
	if err != nil {
		return err
	}
	judge := PictureJudge{filter.PictureRules(c.Filter.Picture), fetchedAll(images, c.matched), refused}
	rows := shard.Rows[shard.Matched](c.matchedFolder(), c.matched.Parts, judgedColumns...)
	var place uint64
	var folded, text, scratch []byte
	var pair shard.Pair
	columns := slices.Concat(factColumns, digestColumns)
	texts := c.textsAsked()
	for j, err := range joinPictures(rows, pictureIndex(c.Dir, images.Parts, columns, c.Memory/6), nil) {
		if err == nil {
			err = c.ctx.Err()
		}
		if err != nil {
			return err
		}
		var image *shard.Image
		if j.picture != nil {
			image = &j.picture.image
		}
		if reason, detail := judge.Judge(j.matched, image); reason != "" {
			err = c.drop(place, 0, reason, detail)
		} else {
			m := j.matched
			folded = fold.AppendText(folded[:0], m.Text)
			if texts {
				text = folded
			}
			pair = pairOf(m)
			addPicture(&pair, image)
			var digest uint64
			digest, scratch = pair.Digest(scratch)
			err = c.steps[0].Add(&dedup.Pair{
				Place: place, Digest: digest, PairID: m.PairID, ImageID: m.ImageID, PictureHash: image.PictureHash, PHash: image.PHash,
				Pixels:   uint64(image.OriginalWidth) * uint64(image.OriginalHeight),
				TextHash: xxhash.Sum64(folded), Characters: uint32(utf8.RuneCountInString(m.Text)),
				HeldOut:    shard.HeldOutPicture(c.Seed, c.HeldoutShare, image.PictureHash),
				Preference: preference(c.Filter.Text.Sources, m.TextSource),
				Note:       uint64(j.picture.part)<<32 | uint64(j.picture.row), QueryIDs: m.QueryIDs, Text: text,
			})
		}
		if err != nil {
			return err
		}
		if place++; place%1024 == 0 {
			progress(int64(place))
		}
	}
	return nil
}

// judgeDuplicates walks the pairs through the steps, and gives those that stay to the
// balancer.
func (c *curation) judgeDuplicates(balancer *balance.Balancer) error {
	for i, s := range c.steps {
		for v, err := range s.Verdicts() {
			if err == nil {
				err = c.ctx.Err()
			}
			switch {
			case err != nil:
			case v.Reason != "":
				if err = c.drop(v.Place, v.Note, v.Reason, v.Detail); err == nil {
					err = c.overlap.add(v)
				}
			case i+1 < len(c.steps):
				err = c.steps[i+1].Add(&v.Pair)
			default:
				if err = balancer.Add(v.Place, v.PairID, v.QueryIDs); err == nil {
					err = c.leave(&v.Pair)
				}
			}
			if err != nil {
				return err
			}
		}
		if err := s.Close(); err != nil {
			return err
		}
	}
	return nil
}

// write merges the decisions with the matched pairs, one part for one part, and
// writes the counts of queries.
func (c *curation) write(balancer *balance.Balancer, list *query.List, progress func(int64)) (*shard.Tally, error) {
	out, err := newFolderWriter[shard.Selection](c.Stage())
	if err != nil {
		return nil, err
	}
	defer out.discard()
	next, stop := iter.Pull2(c.decisions.Sorted())
	defer stop()
	tally := shard.NewTally(CurateName, "pairs", "pairs")
	verdicts := merging{next: next, balancer: balancer, capped: balanceDetail(c.Balance, 0)}
	verdicts.rec, verdicts.err, verdicts.more = next()
	var place uint64
	var s shard.Selection
	for _, part := range c.matched.Parts {
		for m, err := range shard.Rows[shard.Matched](c.matchedFolder(), []shard.Part{part}, "pair_id", "query_ids") {
			if err == nil {
				err = c.ctx.Err()
			}
			if err != nil {
				return nil, err
			}
			s = shard.Selection{PairID: m.PairID, QueryIDs: m.QueryIDs}
			if err := verdicts.take(place, &s); err != nil {
				return nil, err
			}
			if s.Reason == "" {
				tally.Keep()
			} else {
				tally.Drop(s.Reason)
			}
			if err := out.write(&s); err != nil {
				return nil, err
			}
			if place++; place%1024 == 0 {
				progress(int64(place))
			}
		}
		if err := out.endPart(); err != nil {
			return nil, err
		}
	}
	if verdicts.more || verdicts.err != nil {
		return nil, fmt.Errorf("curate: there are decisions on more pairs than the %d matched: %w", place, verdicts.err)
	}
	if err := stats.WriteQueryCounts(out.path, queryCounts(list, balancer.Counts())); err != nil {
		return nil, err
	}
	files, err := c.writeDuplicates(out.path)
	if err != nil {
		return nil, err
	}
	tally.Out = tally.Kept
	return tally, out.finish(tally, nil, append(files, stats.QueryCountsName)...)
}

// merging reads the decisions in order of the places.
type merging struct {
	next     func() (extsort.Record, error, bool)
	rec      extsort.Record
	err      error
	more     bool
	balancer *balance.Balancer
	capped   string // detail of what the balance drops
	reason   string // the last drop's, kept since reasons are few
}

// take writes the decision on a place into the selection. A place without one, or
// with two, is an error: verdicts are never assumed.
func (v *merging) take(place uint64, s *shard.Selection) error {
	if v.err != nil {
		return v.err
	}
	if !v.more || binary.BigEndian.Uint64(v.rec.Key) != place {
		return fmt.Errorf("curate: there is no decision on pair %s, number %d of the matched, or two on the one before; this is a bug in pairloom, please report it", shard.FormatPairID(s.PairID), place)
	}
	s.ImagePart = binary.BigEndian.Uint32(v.rec.Value)
	s.ImageRow = binary.BigEndian.Uint32(v.rec.Value[4:])
	if v.rec.Key[8] == decisionDrop {
		reason, detail, _ := bytes.Cut(v.rec.Value[8:], []byte{0})
		if v.reason != string(reason) {
			v.reason = string(reason)
		}
		s.Reason, s.Detail = v.reason, string(detail)
	} else if !v.balancer.Stays(place, s.PairID, s.QueryIDs) {
		s.Reason, s.Detail = ReasonQueryCap, v.capped
	} else {
		s.PictureHash, s.Digest = binary.BigEndian.Uint64(v.rec.Value[8:]), binary.BigEndian.Uint64(v.rec.Value[16:])
	}
	v.rec, v.err, v.more = v.next()
	return v.err
}
