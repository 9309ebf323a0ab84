package stats

import (
	"time"

	"github.com/pairloom/pairloom/shard"
)

// SchemaVersion is that of stats.json, whose fields shard/docs/stats.md describes.
//
//	1  first version
//	2  pair ids are texts of 16 hexadecimal digits
//	3  schema_version was called version; hosts are objects, with their ports, and
//	   domains beside them; dataset, crawled, change
const SchemaVersion = 3

// Stats are the figures of one dataset.
type Stats struct {
	SchemaVersion int      `json:"schema_version"`
	Dataset       *Dataset `json:"dataset,omitempty"` // set by the caller
	Pairs         int64    `json:"pairs"`
	Pictures      int64    `json:"-"` // pairs with picture bytes, for the checks of tests
	Bytes         int64    `json:"picture_bytes"`
	Distinct      Unique   `json:"distinct"`
	// Crawled is when the pages of the pairs were read; nil where no pair says.
	Crawled               *Span `json:"crawled,omitempty"`
	crawlFirst, crawlLast int64 // Unix seconds

	Sides         []Side         `json:"original_sides"`
	Distributions []Distribution `json:"distributions"`

	Formats   Names `json:"original_formats"`
	Languages Names `json:"languages"`
	// TextLanguages are those that were detected in the texts, where any was.
	TextLanguages Names `json:"text_languages"`

	Licenses    Names  `json:"licenses"`
	Hosts       Spread `json:"hosts"`   // of the pages, ports apart
	Domains     Spread `json:"domains"` // registered ones, of the pages
	TextSources Names  `json:"text_sources"`
	OptOuts     Names  `json:"opt_outs"` // recorded on pairs that were kept

	Queries     Queries       `json:"queries"`
	Balance     *Balance      `json:"balance,omitempty"` // what BalanceOf says, set by the caller
	Duplicates                // what curate found, set by the caller
	Stages      []shard.Tally `json:"stages"`
	FetchErrors Names         `json:"fetch_errors"` // by class
	Samples     []Sample      `json:"samples"`

	// Set by the caller; nil where there is none.
	Change     *Change     `json:"change,omitempty"` // what ChangeOf says
	Training   *Training   `json:"training,omitempty"`
	Evaluation *Evaluation `json:"evaluation,omitempty"`
}

// Span is a time from one moment to another, both in UTC as RFC 3339 writes them.
type Span struct {
	First string `json:"first"`
	Last  string `json:"last"`
}

func spanOf(first, last int64) *Span {
	if first == 0 {
		return nil
	}
	text := func(t int64) string { return time.Unix(t, 0).UTC().Format(time.RFC3339) }
	return &Span{text(first), text(last)}
}

// Unique holds counts of different things.
type Unique struct {
	ImageURLs Estimate `json:"image_urls"`
	Pictures  Estimate `json:"pictures"` // by the hash of the original bytes
	Texts     Estimate `json:"texts"`
	Pages     Estimate `json:"pages"`
}

// Estimate is a count that may be of a sample.
type Estimate struct {
	Count int64 `json:"count"`
	Exact bool  `json:"exact"`
}

// Side counts the pictures whose original is at least that large, in pixels.
type Side struct {
	Pixels int   `json:"pixels"`
	Both   int64 `json:"both_sides"`
	Either int64 `json:"either_side"`
}

// Distribution describes one number over all pairs, pictures, texts or pages.
type Distribution struct {
	Name      string    `json:"name"`
	Unit      string    `json:"unit"`
	Of        string    `json:"of"` // what has this number: pairs, pages, ...
	Count     int64     `json:"count"`
	Min       int64     `json:"min"`
	Mean      float64   `json:"mean"`
	Max       int64     `json:"max"`
	Quantiles []int64   `json:"quantiles"` // .05, .10 ... .95
	Exact     bool      `json:"exact"`     // false when Count is of a sample
	Histogram []HistBin `json:"histogram"`
}

// HistBin counts values in [From, To).
type HistBin struct {
	From  int64 `json:"from"`
	To    int64 `json:"to"`
	Count int64 `json:"count"`
}

// Names are counts by name, most frequent first, then by name.
type Names []Name

// Name is one of them.
type Name struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// Queries tells how pairs spread over queries.
type Queries struct {
	WithPairs int64   `json:"with_pairs"` // queries that keep a pair
	Matches   int64   `json:"matches"`    // sum over pairs of their queries
	Head50    int64   `json:"head_50"`    // fewest queries that hold 50% of the matches
	Head90    int64   `json:"head_90"`    // and 90%
	Top       []Name  `json:"top"`
	Curve     []Point `json:"curve"`
}

// Point says that the Rank most frequent queries hold Matches matches in all.
type Point struct {
	Rank    int64 `json:"rank"`
	Matches int64 `json:"matches"`
}

// Sample is one pair to look at.
type Sample struct {
	PairID   string   `json:"pair_id"` // as shard.FormatPairID writes it
	ImageURL string   `json:"image_url"`
	PageURL  string   `json:"page_url"`
	Text     string   `json:"text"`
	Queries  []string `json:"queries"`
	Thumb    Thumb    `json:"-"`
}
