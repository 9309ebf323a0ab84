package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/crawl"
	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/shard"
)

// Absence looks for what a list refuses in all that a dataset's folder holds, and in
// exports, by reading it: every file of a folder, also what no manifest names. It takes
// no lock and writes nothing.
//
// Pairs and pictures that are refused by what their picture is are found by way of the
// images folder, which keeps by what refused pictures are known. It takes some 40 bytes
// for each pair that is refused.
type Absence struct {
	Dir     string
	Options Options
	List    *refusal.List
	Exports []string // folders or buckets
}

// What was found of a place.
const (
	PlaceAbsent   = "absent"
	PlaceFound    = "found"
	PlaceExcluded = "excluded" // from reading, but still on the disk
	PlaceUnknown  = "unknown"
	PlaceMissing  = "not there"
	// PlaceTrained is of a model that learned from what is refused. What it learned cannot
	// be taken out, so that it is named, and is no fault.
	PlaceTrained = "trained on it"
	// PlaceUntold is of a model of which it is not known what it learned from.
	PlaceUntold = "not known"
)

// Place is what was found in a folder, a file or an export.
type Place struct {
	Place    string   `json:"place"` // under the dataset's folder
	State    string   `json:"state"`
	Unit     string   `json:"unit,omitempty"` // what was looked at
	Looked   int64    `json:"looked"`
	Found    int64    `json:"found"`
	Excluded int64    `json:"excluded,omitempty"` // among Found
	First    []string `json:"first,omitempty"`    // some of what was found, and by which entry
	Note     string   `json:"note,omitempty"`
	Cure     string   `json:"cure,omitempty"`
}

// Absent tells whether the place holds nothing that is refused.
func (p *Place) Absent() bool {
	return p.State == PlaceAbsent || p.State == PlaceMissing || p.State == PlaceTrained || p.State == PlaceUntold
}

// mostFirst is how much of what was found is named.
const mostFirst = 2

// found counts one thing that is refused.
func (p *Place) found(what string, by refusal.Entry) {
	p.Found++
	if len(p.First) < mostFirst {
		what = strings.Clone(what)
		if by.Kind != refusal.Address || !strings.HasSuffix(what, by.Text) {
			what += " (" + by.String() + ")"
		}
		p.First = append(p.First, what)
	}
}

// settle names the state of what was counted.
func (p *Place) settle(cure string) {
	switch {
	case p.State != "":
	case p.Found > p.Excluded:
		p.State = PlaceFound
	case p.Found > 0:
		p.State = PlaceExcluded
	default:
		p.State = PlaceAbsent
		return
	}
	if p.Cure == "" {
		p.Cure = cure
	}
}

// looking is one run of an Absence.
type looking struct {
	Absence
	ctx      context.Context
	mask     bool
	pictures map[uint64]refusal.Entry // of image ids, refused by what the pictures are
	pairs    map[uint64]refusal.Entry // ids that are known to be refused
	spelled  map[uint64]refusal.Entry // of image ids, refused by address or host as the dataset spells it
	stored   namedPictures            // that have bytes, and are not refused by themselves
	byTexts  map[uint64]refusal.Entry // of image ids, what refuses a text that names the picture
	met      map[refusal.Entry]bool   // entries that something in the folder has
	places   []Place
}

// Run looks everywhere. An error is of the disk or ctx; what cannot be read of the dataset
// is a place of which nothing is known.
func (a Absence) Run(ctx context.Context) ([]Place, error) {
	places, _, err := a.Look(ctx)
	return places, err
}

// Look is Run, and lists the addresses and hosts that nothing in the folder has, not even
// the row of a page or a picture that was refused: of these absence says little.
func (a Absence) Look(ctx context.Context) (places []Place, unmatched []string, err error) {
	s := &looking{Absence: a, ctx: ctx, mask: a.Options.Filter.Text.PersonalData == "mask", pictures: map[uint64]refusal.Entry{}, pairs: map[uint64]refusal.Entry{}, byTexts: map[uint64]refusal.Entry{}, spelled: map[uint64]refusal.Entry{}, met: map[refusal.Entry]bool{}}
	for _, step := range []func() error{
		s.images, s.frontier, s.candidates, s.matched, s.unnamed, s.selection, s.shards, s.embeddings, s.pages, s.warc, s.exports, s.strangers, s.checkpoints,
	} {
		if err := step(); err != nil {
			return nil, nil, err
		}
	}
	unmatched, err = s.unmatched()
	return s.places, unmatched, err
}

// place looks at one, whose error says that it is not known what is in it.
func (s *looking) place(name, unit, cure string, look func(*Place) error) error {
	p := Place{Place: filepath.ToSlash(name), Unit: unit}
	err := withoutPanic(func() error { return look(&p) })
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	switch {
	case err != nil && (errors.Is(err, fs.ErrNotExist) && p.Looked == 0):
		p.State = PlaceMissing
	case err != nil:
		p.State, p.Note = PlaceUnknown, err.Error()
	}
	p.settle(cure)
	s.places = append(s.places, p)
	return nil
}

// arrowFilesBelow lists the Arrow files of a folder and of those in it that hold what
// is prepared. Names that begin with a line are tables of numbers.
func arrowFilesBelow(folder string) (paths []string, err error) {
	if _, err := os.Stat(folder); err != nil {
		return nil, err
	}
	err = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(e.Name(), ".arrow") && !strings.HasPrefix(e.Name(), "_") {
			paths = append(paths, path)
		}
		return err
	})
	return paths, err
}

// eachRow walks the rows of a file, whatever a manifest says of it.
func eachRow[T shard.Record](ctx context.Context, path string, visit func(row int, r *T) error) error {
	r, err := shard.OpenFile[T](path)
	if err != nil {
		return err
	}
	defer r.Close()
	var row T
	for i := range r.Len() {
		if i%4096 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := r.Read(i, &row); err != nil {
			return err
		}
		if err := visit(i, &row); err != nil {
			return err
		}
	}
	return nil
}

// images looks for pictures that have bytes, and notes which pictures are refused.
func (s *looking) images() error {
	return s.place(shard.ImagesFolder, "pictures", "run pairloom fetch, or pairloom remove --compact", func(p *Place) error {
		paths, err := arrowFilesBelow(filepath.Join(s.Dir, shard.ImagesFolder))
		if err != nil {
			return err
		}
		sums := int64(0)
		for _, path := range paths {
			err := eachRow(s.ctx, path, func(_ int, i *shard.Image) error {
				p.Looked++
				if i.Status == "" && i.SHA256 == "" && len(i.Bytes) > 0 {
					sums++
				}
				e, refused := refusesPicture(s.List, i)
				if !refused {
					if len(i.Bytes) > 0 {
						s.stored.ids = append(s.stored.ids, i.ImageID)
					}
					return nil
				}
				s.met[e] = true
				if e.Kind != refusal.Address && e.Kind != refusal.Host {
					s.pictures[i.ImageID] = e
				} else {
					s.spelled[i.ImageID] = e
				}
				if len(i.Bytes) > 0 {
					p.found(i.ImageURL, e)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		s.stored.sort()
		if s.List.Has(refusal.SHA256) && sums > 0 {
			p.State = PlaceUnknown
			p.Note = fmt.Sprintf("%s pictures were stored without a SHA-256 (fetch.sha256: false), so that entries sha256 cannot find them", Grouped(sums))
			p.Cure = "name the picture by its address, its picture_hash, or remove --similar"
		}
		return nil
	})
}

// candidate decides on a candidate, also by the id that its pair has when personal data
// are masked.
func (s *looking) candidate(p *Place, c *shard.Candidate) (named bool) {
	p.Looked++
	e, refused := refusesCandidate(s.List, c)
	text := c.Text
	if s.mask {
		masked := *c
		masked.Text = filter.MaskPersonal(c.Text)
		if text = masked.Text; !refused && text != c.Text {
			e, refused = refusesCandidate(s.List, &masked)
		}
	}
	if refused {
		s.pairs[shard.PairID(c.ImageURL, text)] = e
		s.byTexts[shard.ImageID(c.ImageURL)], s.met[e] = e, true
		p.found(c.ImageURL, e)
		return false
	}
	s.stored.name(shard.ImageID(c.ImageURL))
	e, named = s.pictures[shard.ImageID(c.ImageURL)]
	if named {
		s.pairs[shard.PairID(c.ImageURL, text)] = e
	}
	return named
}

// noteNamed says how many texts are of pictures that are refused for what they are: the
// picture is gone, and what was said of it is not asked for.
func noteNamed(p *Place, named int64) {
	if named > 0 {
		p.Note = fmt.Sprintf("%s texts here name the address of a picture that is refused for what it is; to take these too, run remove --urls with the addresses", Grouped(named))
	}
}

func (s *looking) frontier() error {
	return s.place(filepath.Base(crawl.File(s.Dir)), "texts", "run pairloom crawl, or pairloom remove --compact", func(p *Place) error {
		named := int64(0)
		clean := *p
		err := frontier.ReadCandidates(crawl.File(s.Dir), func() { *p, named = clean, 0 }, func(c *shard.Candidate) error {
			if s.candidate(p, c) {
				named++
			}
			return s.ctx.Err()
		})
		noteNamed(p, named)
		return err
	})
}

func (s *looking) candidates() error {
	entries, err := os.ReadDir(filepath.Join(s.Dir, shard.CandidatesFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		folder := shard.ProducerFolder(e.Name())
		cure := "run pairloom crawl, or pairloom remove --compact"
		if e.Name() != shard.ProducerCrawl {
			cure = "run pairloom " + shard.Maker(filepath.Join(s.Dir, folder)) + " again, or pairloom remove --compact"
		}
		err := s.place(folder, "texts", cure, func(p *Place) error {
			named := int64(0)
			paths, err := arrowFilesBelow(filepath.Join(s.Dir, folder))
			for _, path := range paths {
				if err == nil {
					err = eachRow(s.ctx, path, func(_ int, c *shard.Candidate) error {
						if s.candidate(p, c) {
							named++
						}
						return nil
					})
				}
			}
			noteNamed(p, named)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *looking) matched() error {
	return s.place(shard.MatchedFolder, "texts", "run pairloom match, or pairloom remove --compact", func(p *Place) error {
		named := int64(0)
		paths, err := arrowFilesBelow(filepath.Join(s.Dir, shard.MatchedFolder))
		for _, path := range paths {
			if err == nil {
				err = eachRow(s.ctx, path, func(_ int, m *shard.Matched) error {
					p.Looked++
					if e, refused := refusesCandidate(s.List, &m.Candidate); refused {
						s.pairs[m.PairID], s.byTexts[m.ImageID], s.met[e] = e, e, true
						p.found(m.ImageURL, e)
						return nil
					}
					s.stored.name(m.ImageID)
					if e, ok := s.pictures[m.ImageID]; ok {
						s.pairs[m.PairID] = e
						named++
					}
					return nil
				})
			}
		}
		noteNamed(p, named)
		return err
	})
}

// unnamed looks for pictures of which all that names them is refused. Those that nothing
// names may be of a page that is refused, and was forgotten.
func (s *looking) unnamed() error {
	at := slices.IndexFunc(s.places, func(p Place) bool { return p.Place == shard.ImagesFolder })
	p := &s.places[at]
	if !s.List.Has(candidateKinds...) || !slices.Contains(s.stored.named, false) {
		return nil
	}
	paths, err := arrowFilesBelow(filepath.Join(s.Dir, shard.ImagesFolder))
	if err != nil {
		return err
	}
	untold := map[uint64]bool{}
	if p.State == PlaceAbsent {
		p.State = ""
	}
	for _, path := range paths {
		err := eachRow(s.ctx, path, func(_ int, i *shard.Image) error {
			if len(i.Bytes) == 0 || !s.stored.unnamed(i.ImageID) {
				return nil
			}
			if e, refused := s.byTexts[i.ImageID]; refused {
				p.found(i.ImageURL, e)
			} else {
				untold[i.ImageID] = true
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if n := int64(len(untold)); n > 0 && (p.State == "" || p.State == PlaceFound) {
		if p.Found == 0 {
			p.State = PlaceUnknown
		}
		p.Note = fmt.Sprintf("no page names %s pictures any more, so that it is not known whether they are of what is refused", Grouped(n))
	}
	p.settle("run pairloom fetch, or pairloom remove --compact")
	return nil
}

// selection looks for pairs that are kept.
func (s *looking) selection() error {
	return s.place(shard.SelectionFolder, "decisions", "run pairloom curate, or pairloom remove --compact", func(p *Place) error {
		paths, err := arrowFilesBelow(filepath.Join(s.Dir, shard.SelectionFolder))
		for _, path := range paths {
			if err == nil {
				err = eachRow(s.ctx, path, func(_ int, d *shard.Selection) error {
					p.Looked++
					e, refused := s.List.Refuses(&refusal.Facts{PairID: d.PairID, PictureHash: d.PictureHash})
					if !refused {
						e, refused = s.pairs[d.PairID]
					}
					if refused && d.Reason == "" {
						p.found("pair "+shard.FormatPairID(d.PairID), e)
					}
					return nil
				})
			}
		}
		return err
	})
}

// shards looks at all rows, those that were deleted too.
func (s *looking) shards() error {
	folder := filepath.Join(s.Dir, shard.ShardsFolder)
	return s.place(shard.ShardsFolder, "pairs", "run pairloom run, then pairloom shard --compact; or pairloom remove --compact", func(p *Place) error {
		paths, err := arrowFilesBelow(folder)
		if err != nil {
			return err
		}
		dataset, err := shard.OpenDataset(folder)
		if err != nil && !errors.Is(err, shard.ErrUnfinished) {
			return err
		}
		live := map[string]bool{}
		if dataset != nil {
			for _, part := range dataset.Parts("") {
				live[filepath.Join(folder, part.Name)] = true
			}
		}
		for _, path := range paths {
			name := filepath.Base(path)
			err := eachRow(s.ctx, path, func(row int, pair *shard.Pair) error {
				p.Looked++
				e, refused := refusesPair(s.List, pair)
				if !refused {
					return nil
				}
				s.pairs[pair.PairID], s.met[e] = e, true
				p.found("pair "+shard.FormatPairID(pair.PairID), e)
				if !live[path] || dataset.Deleted(name, row) {
					p.Excluded++
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		if p.Excluded > 0 {
			p.Note = fmt.Sprintf("%s excluded from reading, still on disk until shard --compact", Grouped(p.Excluded))
		}
		return nil
	})
}
