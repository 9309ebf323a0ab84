package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/filter/preview"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/query"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

// DryRun tries the settings on what was crawled and fetched: what each rule of the
// sections filter, dedup and balance would drop, and what would pass at other
// thresholds. What decides are the judges, rules and steps of the stages. Nothing in
// the folder changes but the page, in [shard.DryRunFolder].
//
// It takes no lock, as all commands that only read: it may run beside a fetch, whose
// pictures so far it counts. It needs candidates; without matched pairs it tries the
// text rules alone.
//
// The candidates are walked once, on all workers, and the matched pairs three times,
// in the order in which curate walks them. Beside that each threshold of exact
// deduplication and of balance is tried by deciding anew, in memory or on disk, on
// the pairs that are left. Memory is that of curate, and some hundred samples.
type DryRun struct {
	Dir     string
	Options *Options
	// PictureChild is the command line of a child process that decodes pictures which
	// are not stored as JPEG.
	PictureChild []string
}

// sampleReserve is of how many records those are chosen that a rule shows, so that no
// two show the same where that can be.
const sampleReserve = 3 * stats.DropSamples

// dryRun is the state of one run.
type dryRun struct {
	DryRun
	ctx     context.Context
	list    *query.List
	queries *QueryList
	judge   TextJudge
	out     *stats.DryRun

	progress    Progress
	done, total int64

	images  []shard.Part             // of the images folder
	asked   bool                     // fetch ended with the matched pairs
	shown   []*shownRule             // whose samples wait for their pictures
	wanted  map[uint64]*picturePlace // pictures of texts that are shown, by id
	matched *shard.Manifest          // nil when there are no pairs to try
}

// shownRule is a rule of the result and its samples.
type shownRule struct {
	to      *stats.DropRule
	names   []string // of the step's rules, by bit
	rule    int
	samples []droppedPair
}

// droppedPair is one of the records that a rule drops.
type droppedPair struct {
	pairID, imageID                 uint64
	imageURL, pageURL, text, detail string
	by                              preview.Dropped // the rules of the step that drop it
	part, row                       uint32          // where the picture lies
	pictured                        bool            // there is one
}

func beforePair(a, b droppedPair) bool {
	return cmp.Or(cmp.Compare(a.pageURL, b.pageURL), cmp.Compare(a.detail, b.detail), cmp.Compare(a.by, b.by)) < 0
}

// newPairSamples is one sample for each of n rules.
func newPairSamples(n int) []*preview.Sample[droppedPair] {
	list := make([]*preview.Sample[droppedPair], n)
	for i := range list {
		list[i] = preview.NewSample(sampleReserve, beforePair)
	}
	return list
}

// sampleKey orders the pairs of all samples.
func (d *dryRun) sampleKey(pairID uint64) uint64 {
	var seeded [16]byte
	for i := range 8 {
		seeded[i], seeded[8+i] = byte(d.Options.Seed>>(8*i)), byte(pairID>>(8*i))
	}
	return xxhash.Sum64(seeded[:])
}

// Run tries the settings and writes the page.
func (r DryRun) Run(ctx context.Context, progress Progress) (*stats.DryRun, error) {
	d := &dryRun{
		DryRun: r, ctx: ctx, progress: progress, queries: NewQueryList(r.Dir, r.Options.Match.Queries), wanted: map[uint64]*picturePlace{},
		out: &stats.DryRun{Version: stats.DryRunVersion, Notes: []string{}, LeftOut: stats.Names{}, NotFetched: stats.Names{}, Steps: []stats.DryStep{}},
	}
	defer collectAt(r.Options.memory() / 3)()
	hash, err := d.queries.Hash()
	if err != nil {
		return nil, err
	}
	reader, err := d.queries.readerOf(hash, r.Options.Match.Mode)
	if err != nil {
		return nil, err
	}
	defer reader.matcher.Close()
	if d.list, err = d.queries.Get(); err != nil {
		return nil, err
	}
	refused, err := Refusals(r.Dir)
	if err != nil {
		return nil, err
	}
	d.judge = newTextJudge(r.Options.Filter.Text, reader.matcher, r.Options.Match, refused)
	inputs, err := producers(r.Dir)
	if err != nil {
		return nil, err
	}
	if err := d.openPairs(hash); err != nil {
		return nil, err
	}
	for _, in := range inputs {
		d.total += in.manifest.Rows()
	}
	if d.matched != nil {
		d.total += 3 * d.matched.Rows()
	}
	if err := d.texts(inputs); err != nil {
		return nil, err
	}
	if d.matched != nil {
		if err := d.pictures(); err != nil {
			return nil, err
		}
		if err := d.duplicates(); err != nil {
			return nil, err
		}
	}
	if err := d.showSamples(); err != nil {
		return nil, err
	}
	return d.out, stats.WriteDryRun(r.Dir, d.out)
}

// openPairs looks for matched pairs that can be tried, and for their pictures. What
// there is not, or not in full, it notes.
func (d *dryRun) openPairs(list string) error {
	note := func(format string, args ...any) { d.out.Notes = append(d.out.Notes, fmt.Sprintf(format, args...)) }
	m, err := shard.ReadManifest(filepath.Join(d.Dir, shard.MatchedFolder))
	if errors.Is(err, shard.ErrUnfinished) {
		note("No match has finished: only the text rules are tried. Run pairloom match and pairloom fetch to try the others.")
		return nil
	}
	if err != nil {
		return err
	}
	var decided matchSettings
	if m.Options != nil {
		if err := settings.Restore(&decided, m.Options); err != nil {
			return fmt.Errorf("read the settings of the last match: %w; run pairloom match", err)
		}
	}
	if decided.List != "" && decided.List != list {
		note("The matched pairs are of another query list: only the text rules are tried. Run pairloom match to try the others on pairs of today's list.")
		return nil
	}
	stage := newMatch(d.Dir, d.Options, d.queries).Stage()
	why, err := stage.Stale()
	if err != nil {
		return err
	}
	if d.out.MatchDue = why != ""; d.out.MatchDue {
		note("Match is due, for %s. The rules below the texts are tried on the pairs of its last run; run pairloom match for those that today's text rules let pass.", why)
	}
	d.matched = m
	left := shard.NewTally(MatchName, "candidates", "pairs")
	for reason, n := range m.Tally.Dropped {
		if !slices.ContainsFunc(d.judge.asked(&JudgeScratch{}), named(reason)) {
			left.Dropped[reason] = n
		}
	}
	d.out.LeftOut = countsOf(left)
	images, err := shard.ReadManifest(filepath.Join(d.Dir, shard.ImagesFolder))
	if err == nil {
		d.images, d.asked = images.Parts, fetchedAll(images, d.matched)
		return nil
	}
	if !errors.Is(err, shard.ErrUnfinished) {
		return err
	}
	fetch := Fetch{Dir: d.Dir, Options: d.Options.Fetch, Gate: d.Options.Gate}.Stage()
	origin, err := fetch.origin()
	if err != nil {
		return err
	}
	stored, err := storedPictures(fetch.path(), origin)
	if err != nil {
		return err
	}
	d.images = partsOf(stored)
	var rows int64
	for _, p := range d.images {
		rows += p.Rows
	}
	note("Fetch is not finished: the picture rules, duplicates and balance are tried on the %s pictures asked for so far, and what they drop will grow.", Grouped(rows))
	return nil
}

// countsOf lists what a tally dropped, by reason.
func countsOf(t *shard.Tally) stats.Names {
	list := stats.Names{}
	for _, reason := range t.Reasons() {
		list = append(list, stats.Name{Name: reason, Count: t.Dropped[reason]})
	}
	return list
}

// tell tells progress of n more records.
func (d *dryRun) tell(n int64) {
	d.done += n
	d.progress(d.done, d.total)
}

// addStep adds a step with its rules to the result; the places of rules are known
// then.
func (d *dryRun) addStep(s stats.DryStep) *stats.DryStep {
	d.out.Steps = append(d.out.Steps, s)
	return &d.out.Steps[len(d.out.Steps)-1]
}

// ruleSettings are the keys that decide beside the limits of a rule, by its name.
var ruleSettings = map[string][]string{
	"page_opt_out": {"filter.text.obey_opt_out"}, "text_source": {"filter.text.sources"}, "address": {"filter.text.drop_addresses"},
	"file_name": {"filter.text.drop_file_names"}, "boilerplate": {"filter.text.drop_boilerplate"}, "blocked_word": {"filter.text.blocked_words"},
	"flagged_words": {"filter.text.flagged_words"}, "personal_data": {"filter.text.personal_data"}, "language": {"filter.text.languages"},
	"no_noun": {"filter.text.require"}, "no_determiner": {"filter.text.require"}, "no_preposition": {"filter.text.require"},
	ReasonNoQuery:     {"match.queries", "match.mode"},
	"picture_opt_out": {"filter.picture.obey_opt_out"}, "format": {"filter.picture.formats"}, "animated_picture": {"filter.picture.drop_animated"},
}

// settingsOf are the values and the documentation of keys.
func (d *dryRun) settingsOf(keys ...string) []stats.Setting {
	list := []stats.Setting{}
	for _, key := range keys {
		settings.Walk(reflect.ValueOf(*d.Options), func(path string, f settings.Field) {
			if path != key {
				return
			}
			value := fmt.Sprint(f.Value.Interface())
			if texts, ok := f.Value.Interface().([]string); ok {
				value = "[" + strings.Join(texts, ", ") + "]"
			}
			list = append(list, stats.Setting{Key: key, Value: value, Doc: f.Tag.Get("doc")})
		})
	}
	return list
}
