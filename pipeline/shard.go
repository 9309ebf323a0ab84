package pipeline

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/crawl/fetch"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
)

// Shard brings the shards to what the selection keeps, by a generation: pairs that are
// new or have changed are written, shuffled by the seed, into shards of their own, and
// rows of pairs that are no longer kept, or have changed, are deleted. Shards that are
// there stay as they are. Where nothing is new, nothing is written.
//
// All shards are written anew where there are none yet, where the settings that shape
// them changed, where one is missing or damaged, when no pair is left, so that nothing
// stays of any, and when that is asked for ([ShardOptions].Compact). What a killed run
// completed is not written again.
type Shard struct {
	Dir     string
	Options ShardOptions
	Fetch   fetch.Options // of which shards show how pictures are stored
	Seed    int64
	Memory  int // bytes of sorting
}

// Sharded is the stage's result: what its generation brought.
type Sharded struct {
	Generation int              `json:"generation"` // the last one
	Added      int64            `json:"added"`      // rows
	Deleted    map[string]int64 `json:"deleted"`    // rows by reason
	// Anew says why all shards were written anew, "" when they were not.
	Anew string `json:"anew,omitempty"`
}

// String says it to people, on a line.
func (s Sharded) String() string {
	var deleted []string
	var total int64
	for _, reason := range slices.Sorted(maps.Keys(s.Deleted)) {
		deleted = append(deleted, reason+" "+Grouped(s.Deleted[reason]))
		total += s.Deleted[reason]
	}
	gone := Grouped(total) + " deleted"
	if total > 0 {
		gone += ": " + strings.Join(deleted, ", ")
	}
	switch {
	case s.Anew != "":
		return fmt.Sprintf("all shards were written anew, %s pairs; %s", Grouped(s.Added), s.Anew)
	case s.Added == 0 && total == 0 && s.Generation == 1:
		return "nothing is new, and nothing is deleted in them: the shards stay as they are"
	case s.Added == 0 && total == 0:
		return "nothing is new: the shards stay as they are"
	}
	return fmt.Sprintf("generation %d: %s pairs added, %s", s.Generation, Grouped(s.Added), gone)
}

// Reasons for which the stage deletes rows, beside those of the selection.
const (
	ReasonWithdrawn = "withdrawn" // no candidate names the pair any more, or its text is dropped
	ReasonChanged   = "changed"   // it has a new row
)

// Stage describes the stage.
func (s Shard) Stage() Stage {
	folder := filepath.Join(s.Dir, shard.ShardsFolder)
	return Stage{
		Name: ShardName, Doing: "writing shards", Dir: s.Dir, Folder: shard.ShardsFolder,
		Inputs: []string{shard.MatchedFolder, shard.ImagesFolder, shard.SelectionFolder},
		Settings: func() (string, error) {
			f := s.Fetch
			return settings.Hash(s.Options, s.Seed, f.ResizeMode, f.ImageSize, f.OnlyIfBigger, f.Format, f.Quality), nil
		},
		Run:     s.Run,
		Checked: func(m *shard.Manifest, input string) bool { return isChecked(folder, m, input) },
		Due:     s.unheld,
		Tidy: func() error {
			if err := carryOut(folder); err != nil {
				return err
			}
			return abandon(folder)
		},
	}
}

// Run is the stage. Its outcome's result is [Sharded].
func (s Shard) Run(ctx context.Context, progress Progress) (*Outcome, error) {
	// Of the memory, six eighths sort what is new; one sorts what is deleted, and then where
	// the new lies; one is the heap.
	defer collectAt(s.Memory / 8)()
	stage := s.Stage()
	if _, err := manifest(s.Dir, shard.ImagesFolder); err != nil { // whose command makes matched too, where that is not there
		return nil, err
	}
	if err := carryOut(stage.path()); err != nil {
		return nil, err
	}
	origin, err := stage.origin()
	if err != nil {
		return nil, err
	}
	base, mendable, anew, err := s.base(stage.path(), origin)
	if err != nil {
		return nil, err
	}
	r, err := s.compare(ctx, origin, base)
	if err != nil {
		return nil, err
	}
	defer func() { r.close() }()
	if base != nil {
		switch compact := s.Options.Compact && (r.some() || len(base.Generations) > 1 || len(base.Deletions) > 0); {
		case compact:
			anew = "it was asked for"
		case r.tally.Kept == 0 && base.Rows() > 0:
			anew = "no pair is left"
		case !r.some():
			return r.nothingNew()
		}
		if anew != "" {
			r.close()
			if r, err = s.compare(ctx, origin, nil); err != nil {
				return nil, err
			}
		}
	}
	r.anew, r.mendable = anew, mendable
	return r.write(progress)
}

// base is the manifest that the next generation builds on. It is nil where all shards are
// to be written anew, with the reason ("" where there are none yet) and, where the cause
// is what became of the files alone, the parts that can stay if they are whole.
func (s Shard) base(folder string, origin shard.Origin) (base *shard.Manifest, mendable []shard.Part, anew string, err error) {
	m, err := shard.ReadManifest(folder)
	switch {
	case errors.Is(err, shard.ErrNewer), errors.Is(err, fs.ErrPermission):
		return nil, nil, "", err
	case errors.Is(err, shard.ErrUnfinished):
		if left, _ := filepath.Glob(filepath.Join(folder, "*.arrow")); len(left) > 0 { // the pattern is right
			anew = fmt.Sprintf("%s is gone, without which the %s files there tell of no generation", filepath.Join(folder, shard.ManifestName), Grouped(int64(len(left))))
		}
		return nil, nil, anew, nil
	case err != nil:
		anew = err.Error()
		m, err = shard.ReadManifestAlone(folder)
		if err == nil && m.Settings == origin.Settings && m.Input == origin.Input && len(m.Generations) == 1 {
			mendable = m.Parts
		}
		return nil, mendable, anew, nil
	case m.Settings != origin.Settings:
		return nil, nil, "settings that shape them changed", nil
	case len(m.Generations) == 0:
		return nil, nil, "an older version wrote them", nil
	}
	return m, nil, "", nil
}

func appendShuffleKey(key []byte, seed, pairID uint64) []byte {
	var b [24]byte
	copy(b[:], "shuffle:")
	binary.LittleEndian.PutUint64(b[8:], seed)
	binary.LittleEndian.PutUint64(b[16:], pairID)
	key = binary.BigEndian.AppendUint64(key, xxhash.Sum64(b[:]))
	return binary.BigEndian.AppendUint64(key, pairID)
}

// pairOf is the finished record as far as the matched one knows it.
func pairOf(m *shard.Matched) shard.Pair {
	return shard.Pair{
		PairID: m.PairID, PageURL: m.PageURL, ImageURL: m.ImageURL,
		Text: m.Text, TextSource: m.TextSource, Language: m.Language,
		License: m.License, OptOut: m.OptOut, OptOutFrom: m.OptOutFrom, Source: m.Source,
		CrawlTime: m.CrawlTime, QueryIDs: m.QueryIDs, TextLanguage: m.TextLanguage, More: m.More,
	}
}

// addPicture completes the record with what the fetched picture knows.
func addPicture(p *shard.Pair, i *shard.Image) {
	p.Image, p.Width, p.Height = i.Bytes, i.Width, i.Height
	p.OriginalFormat, p.OriginalWidth, p.OriginalHeight = i.OriginalFormat, i.OriginalWidth, i.OriginalHeight
	p.PictureHash, p.PHash = i.PictureHash, i.PHash
	p.Format, p.SHA256, p.Frames, p.Credit = i.Format, i.SHA256, i.Frames, i.Credit
	if p.License == "" {
		p.License = i.License
	}
	if p.OptOut == "" {
		p.OptOut, p.OptOutFrom = i.OptOut, i.OptOutFrom
	}
}
