package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pairloom/pairloom/crawl"
	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
)

// Explanation is what is known of an address or a pair.
type Explanation struct {
	Asked string           `json:"asked"`
	Page  *frontier.Record `json:"page,omitempty"`
	Image *ImageReport     `json:"picture,omitempty"`
	Pairs []PairReport     `json:"pairs,omitempty"`
	// Refused is the line of the refusal list that refuses the address or the pair, with its
	// file and number.
	Refused string `json:"refused,omitempty"`
	// Left are the rows that the dataset lost, oldest first, also of pairs that no candidate
	// names any more.
	Left []Departure `json:"left,omitempty"`
	More bool        `json:"more,omitempty"` // there are pairs, or rows that left, beyond MaxExplained
}

// Known tells whether anything is.
func (e *Explanation) Known() bool {
	return e.Page != nil || e.Image != nil || len(e.Pairs) > 0 || len(e.Left) > 0 || e.Refused != ""
}

// ImageReport is how fetching a picture went.
type ImageReport struct {
	Status string `json:"status"` // "fetched", or the reason why not
	Detail string `json:"detail,omitempty"`
	HTTP   int32  `json:"http_status,omitempty"`
	Size   string `json:"original_size,omitempty"`
	OptOut string `json:"opt_out,omitempty"`
	// OptOutFrom are the lines of where the wishes stood and what they said.
	OptOutFrom []string `json:"opt_out_from,omitempty"`
	// Asked is when it was last asked for; what is said of the picture may be older.
	// It is zero for one that never was.
	Asked        time.Time `json:"asked,omitzero"`
	ETag         string    `json:"etag,omitempty"`
	LastModified string    `json:"last_modified,omitempty"`
	Tries        int32     `json:"tries,omitempty"`   // how often asking failed since, in a row
	Failure      string    `json:"failure,omitempty"` // how it failed the last time
	Setting      string    `json:"setting,omitempty"` // that refused it
}

// PairReport is the road of one candidate, up to where it was dropped.
type PairReport struct {
	PairID string `json:"pair_id"`
	Page   string `json:"page"`
	Image  string `json:"picture"`
	Text   string `json:"text"`
	Source string `json:"text_source"`
	From   string `json:"source"` // live, or the archive or list with the place in it
	// Language is the one that was detected in the text, of a text that the rules let pass.
	Language string   `json:"text_language,omitempty"`
	Queries  []string `json:"queries,omitempty"`
	Stage    string   `json:"stage"`            // the last whose verdict is known
	Reason   string   `json:"reason,omitempty"` // why it was dropped there
	Detail   string   `json:"detail,omitempty"`
	Shard    string   `json:"shard,omitempty"`
	Row      int      `json:"row,omitempty"`
	// Generation is the one that brought the row.
	Generation int    `json:"generation,omitempty"`
	Note       string `json:"note,omitempty"` // what cannot be told, and why

	id        uint64
	candidate shard.Candidate
	goesOn    bool // the match stage wrote the pair from this candidate
}

// MaxExplained bounds the pairs that are listed of one page or picture.
const MaxExplained = 50

// explainer reads what the runs decided.
type explainer struct {
	dir     string
	judge   TextJudge
	exact   bool                   // the judge's queries are those of the run
	names   func(id uint32) string // nil when the list of the run is no longer there
	decided matchSettings
	// matched is the manifest of the run that decided, nil before the first.
	matched *shard.Manifest
	// fresh says that the run saw the candidates and the refusals that are there now;
	// changed what it did not see, for people.
	fresh   bool
	changed string
	refused *refusal.List
}

// Explain tells what became of the address of a page or a picture, or of a pair
// id, in 16 hexadecimal digits or as the decimal number that Arrow files hold.
// It says what the last run of each stage decided, by the settings of that run.
// It only reads, and reads every folder from end to end: an answer for a person,
// not an index.
func Explain(dir string, o *Options, asked string) (*Explanation, error) {
	e := &Explanation{Asked: asked}
	ids := pairIDs(asked)
	if u, err := url.Parse(asked); len(ids) == 0 && !strings.HasPrefix(asked, "list:") && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return e, nil // no page and no picture has such an address
	}
	x, err := newExplainer(dir, o)
	if err != nil {
		return nil, err
	}
	defer x.judge.matcher.Close()
	if len(ids) == 0 {
		page, known, err := crawl.Explain(dir, asked)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if known {
			e.Page = &page
		}
	}
	wanted := func(c *shard.Candidate) bool {
		return c.PageURL == asked || c.ImageURL == asked || ids[shard.PairID(c.ImageURL, c.Text)]
	}
	if err := x.candidates(e, wanted); err != nil {
		return nil, err
	}
	shards := func(e *Explanation) error { return x.shards(e, ids) }
	for _, look := range []func(*Explanation) error{x.texts, x.selection, shards, x.picture, x.refusals} {
		if err := look(e); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// pairIDs reads a pair id in either spelling. Sixteen decimal digits may be
// either.
func pairIDs(text string) map[uint64]bool {
	ids := map[uint64]bool{}
	if len(text) == 16 {
		if id, err := strconv.ParseUint(text, 16, 64); err == nil {
			ids[id] = true
		}
	}
	if id, err := strconv.ParseUint(text, 10, 64); err == nil {
		ids[id] = true
	}
	return ids
}

// newExplainer takes the settings of the last match, or those of o before the
// first.
func newExplainer(dir string, o *Options) (*explainer, error) {
	m := newMatch(dir, o, NewQueryList(dir, o.Match.Queries))
	x := &explainer{dir: dir}
	var err error
	if x.matched, x.decided, err = lastMatch(dir); err != nil {
		return nil, err
	}
	if x.matched != nil {
		s := m.Stage()
		input, err := s.input()
		x.fresh = err == nil && input == x.matched.Input
	}
	if x.matched == nil || x.matched.Options == nil {
		if x.decided, err = m.settings(); err != nil {
			return nil, err
		}
	}
	decided, err := NewQueryList(dir, x.decided.Match.Queries).readerOf(x.decided.List, x.decided.Match.Mode)
	if err != nil {
		return nil, err
	}
	x.exact = decided.exact
	if decided.names != nil {
		x.names = decided.names.Name
	}
	if x.refused, err = Refusals(dir); err != nil {
		return nil, err
	}
	x.judge = newTextJudge(x.decided.Filter.Text, decided.matcher, x.decided.Match, x.refused)
	if x.matched != nil {
		by, err := withRefusals(dir, settings.Hash(x.decided), candidateKinds)
		if err != nil {
			return nil, err
		}
		if x.changed = "the candidates changed"; x.fresh && by != x.matched.Settings {
			x.fresh, x.changed = false, RefusedName+" or the program changed"
		}
	}
	return x, nil
}

// lastMatch is the manifest of the last match, nil before the first, and the settings
// that decided, as far as the manifest has them.
func lastMatch(dir string) (m *shard.Manifest, decided matchSettings, err error) {
	m, err = shard.ReadManifest(filepath.Join(dir, shard.MatchedFolder))
	if errors.Is(err, shard.ErrUnfinished) {
		return nil, decided, nil
	}
	if err == nil && m.Options != nil {
		if err = settings.Restore(&decided, m.Options); err != nil {
			err = fmt.Errorf("read the settings of the last match: %w; run pairloom match", err)
		}
	}
	return m, decided, err
}

// QueryNames tells the names of the queries that the pairs have. It is nil where the
// list that they were matched with is no longer there.
func QueryNames(dir string) (func(id uint32) string, error) {
	m, decided, err := lastMatch(dir)
	if err != nil || m == nil || m.Options == nil {
		return nil, err
	}
	list, err := NewQueryList(dir, decided.Match.Queries).Get()
	if err != nil || list.Hash != decided.List {
		return nil, nil // the pairs can be looked at without
	}
	return list.Name, nil
}

// reports are those whose pairs went on to fetching, by pair.
func (e *Explanation) reports() map[uint64]*PairReport {
	byID := map[uint64]*PairReport{}
	for i := range e.Pairs {
		if p := &e.Pairs[i]; p.goesOn && p.Reason == "" {
			byID[p.id] = p
		}
	}
	return byID
}

// parts lists a folder's parts, none when it is unfinished.
func (x *explainer) parts(folder string) ([]shard.Part, error) {
	m, err := shard.ReadManifest(filepath.Join(x.dir, folder))
	if errors.Is(err, shard.ErrUnfinished) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return m.Parts, nil
}

// selection adds what the curate stage decided.
func (x *explainer) selection(e *Explanation) error {
	parts, err := x.parts(shard.SelectionFolder)
	if err != nil {
		return err
	}
	pairs := e.reports()
	for s, err := range shard.Rows[shard.Selection](filepath.Join(x.dir, shard.SelectionFolder), parts, "pair_id", "reason", "detail") {
		if err != nil {
			return err
		}
		if p := pairs[s.PairID]; p != nil {
			p.Stage, p.Reason, p.Detail = CurateName, strings.Clone(s.Reason), strings.Clone(s.Detail)
		}
	}
	return nil
}

// picture adds how fetching went when what is asked about is a picture, or when
// all pairs point at one.
func (x *explainer) picture(e *Explanation) error {
	address := e.Asked
	if len(e.Pairs) > 0 && e.Page == nil {
		address = e.Pairs[0].Image
	}
	parts, err := x.parts(shard.ImagesFolder)
	if err != nil {
		return err
	}
	id := shard.ImageID(address)
	folder := filepath.Join(x.dir, shard.ImagesFolder)
	columns := append([]string{"http_status", "opt_out_from", "etag", "last_modified", "fetch_time", "tries", "setting"}, factColumns...)
	for _, part := range parts {
		for i, err := range shard.Rows[shard.Image](folder, []shard.Part{part}, columns...) {
			if err != nil {
				return err
			}
			if i.ImageID != id {
				continue
			}
			var asked visits
			if number, ok := partNumber(part.Name); ok {
				if asked, err = readVisits(folder, number); err != nil {
					return err
				}
			}
			e.Image = imageReport(i, asked) // the last one counts
		}
	}
	if e.Image == nil && slices.ContainsFunc(e.Pairs, func(p PairReport) bool { return p.goesOn && p.Image == address }) {
		images, err := shard.ReadManifest(folder)
		if err == nil && x.matched != nil && fetchedAll(images, x.matched) {
			e.Image = &ImageReport{Status: ReasonQueryFull, Detail: fullDetail}
		}
	}
	return nil
}

// imageReport says what is known of a picture.
func imageReport(i *shard.Image, asked visits) *ImageReport {
	r := &ImageReport{Status: "fetched", Detail: strings.Clone(i.Detail), HTTP: i.HTTPStatus, OptOut: strings.Clone(i.OptOut), Setting: strings.Clone(i.Setting)}
	if i.Status != "" {
		r.Status = strings.Clone(i.Status)
	}
	if i.OptOutFrom != "" {
		r.OptOutFrom = strings.Split(strings.TrimRight(strings.Clone(i.OptOutFrom), "\n"), "\n")
	}
	if i.OriginalWidth > 0 {
		r.Size = fmt.Sprintf("%s, %d x %d pixels, %d bytes", i.OriginalFormat, i.OriginalWidth, i.OriginalHeight, i.OriginalBytes)
	}
	if v := asked[i.ImageID]; asked.over(i) && v.Status != "" && v.Tries > 0 {
		r.Failure = v.Status + ": " + v.Detail
	}
	r.Asked, r.Tries = time.Unix(i.FetchTime, 0).UTC(), i.Tries
	r.ETag, r.LastModified = strings.Clone(i.ETag), strings.Clone(i.LastModified)
	return r
}
