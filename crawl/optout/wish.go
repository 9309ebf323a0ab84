package optout

import (
	"slices"
	"strings"
	"time"
)

// The words of wishes.
const (
	NoIndex          = "noindex"           // X-Robots-Tag or meta robots; "none" too
	NoImageIndex     = "noimageindex"      // X-Robots-Tag or meta robots
	NoAI             = "noai"              // X-Robots-Tag or meta robots
	NoImageAI        = "noimageai"         // X-Robots-Tag or meta robots
	UnavailableAfter = "unavailable_after" // X-Robots-Tag or meta robots, once its date has passed
	TDMReservation   = "tdm-reservation"   // TDMRep: header, meta or /.well-known/tdmrep.json
	ContentUsage     = "content-usage"     // AIPREF train-ai=n, in a header or robots.txt
	ContentSignal    = "content-signal"    // ai-train=no in robots.txt
	AITxt            = "ai.txt"            // a Disallow of /ai.txt on the picture's host
)

// Words lists them.
func Words() []string {
	return []string{NoIndex, NoImageIndex, NoAI, NoImageAI, UnavailableAfter, TDMReservation, ContentUsage, ContentSignal, AITxt}
}

// A Wish is one thing that a site asks for.
type Wish struct {
	Word   string // one of Words
	Source string // where it stood: "X-Robots-Tag", "meta robots", "robots.txt line 3"
	Value  string // what stood there, one line

	// After is when it begins to be a wish; zero when it is one at all times.
	After time.Time
}

// String is the wish as records have it: its word, where it stood, and what stood
// there.
func (w Wish) String() string { return w.Word + ": " + w.Source + ": " + w.Value }

// Wishes are what was asked for, in the order in which it was found.
type Wishes []Wish

// At are those that are wishes at that time: an unavailable_after whose date lies
// ahead is not one yet.
func (w Wishes) At(t time.Time) Wishes {
	return slices.DeleteFunc(slices.Clone(w), func(wish Wish) bool { return wish.After.After(t) })
}

// Words are the different words, sorted and joined by commas; "" for none.
func (w Wishes) Words() string {
	var words []string
	for _, wish := range w {
		words = append(words, wish.Word)
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), ",")
}

// From has a line for each wish, as its String is.
func (w Wishes) From() string {
	var lines []string
	for _, wish := range w {
		if line := wish.String(); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
