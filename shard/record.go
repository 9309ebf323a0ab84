package shard

import (
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// Candidate is one picture address with one text, as a page stated it.
type Candidate struct {
	PageURL string // final URL of the page, after redirects
	// ImageURL is an absolute http or https URL without fragment; of a picture that a
	// list brought along without one, "list:" with the list's name and the picture's place.
	ImageURL string
	Text     string // NFC, white space folded, never empty
	// TextSource says where on the page the text stood: "alt", "title",
	// "aria-label", "figcaption", "og:image:alt", "json-ld", or "list" for a text that
	// a list gave.
	TextSource string
	Language   string // nearest lang attribute, lower case; "" when the page has none
	License    string // URL of rel=license or JSON-LD license; "" when unknown
	OptOut     string // the page's opt-out verdict, such as "noai"; "" when none
	OptOutFrom string // a line for each wish: the word, where it stood and what it said
	Source     string // "live", or an archive file with offset
	CrawlTime  int64  // Unix seconds
	// PictureAt says where the picture lies that a list brought along: a file, and the
	// place in it; "" for one that is asked for at its URL.
	PictureAt string
	// More holds the other columns of a list that were asked to be kept, its key among
	// them, as a JSON object; "" when there are none.
	More string
}

// TextSources are the places of a page that a text may come from.
var TextSources = []string{"alt", "title", "aria-label", "figcaption", "og:image:alt", "json-ld", "list"}

// PairID names a pair: xxhash64 of the picture's URL and the text.
func PairID(imageURL, text string) uint64 {
	var d xxhash.Digest
	d.Reset()
	d.WriteString(imageURL)
	d.Write([]byte{0})
	d.WriteString(text)
	return d.Sum64()
}

// FormatPairID writes a pair id as people and JSON see it, everywhere: 16
// hexadecimal digits. Arrow files hold the number.
func FormatPairID(id uint64) string { return fmt.Sprintf("%016x", id) }

// ImageID names a picture by its address: xxhash64 of the URL.
func ImageID(imageURL string) uint64 { return xxhash.Sum64String(imageURL) }

// Matched is a candidate whose text passed the text rules and contains at
// least one query. A matched folder is sorted by ImageID, then PairID, and no
// picture is cut in two by the end of a part.
type Matched struct {
	Candidate
	PairID   uint64
	ImageID  uint64
	QueryIDs []uint32 // sorted, without repeats
	// TextLanguage is the language that was detected in the text, by ISO 639-1; "" when
	// none was looked for or told. Language is what the page says.
	TextLanguage string
}

// Image is the outcome of fetching one picture. The images folder grows by
// parts; a picture that is another when it is asked for again is so in its own
// part, which is written anew. Where a picture has several rows, as versions
// up to 0.2 wrote them, that of the last part counts.
type Image struct {
	ImageID  uint64
	ImageURL string
	// Status is "" for a picture that was fetched, decoded and encoded, else
	// the reason from fetch's closed list.
	Status     string
	Detail     string // one line for people: the error, the rule that decided
	HTTPStatus int32  // of the last response; 0 when there was none
	OptOut     string // the opt-out verdict of the picture's own response
	OptOutFrom string // a line for each of its wishes, as in Candidate
	// ETag and LastModified are those of the response, for a conditional request.
	ETag         string
	LastModified string
	FetchTime    int64 // when it was last asked for, Unix seconds
	// Tries is how many times in a row asking failed for a passing reason.
	Tries int32
	// Setting is the setting that refused the picture, as it was; "" when none did.
	Setting string

	Bytes       []byte // the stored picture; empty when Status is not ""
	Format      string // of Bytes: "jpeg", "webp", or as it came ("png", "gif", ...)
	Width       int32  // of Bytes, in pixels
	Height      int32
	PictureHash uint64 // xxhash64 of the original bytes
	PHash       uint64 // 64-bit perceptual hash of the decoded picture

	OriginalFormat string // "jpeg", "png", "gif", "webp", ...
	OriginalWidth  int32
	OriginalHeight int32
	OriginalBytes  int64
	SHA256         string // of the original bytes, hexadecimal; "" unless asked for
	Frames         int32  // of the original: 1 for a still picture
	// Spread is the standard deviation of the luma, in hundredths of one of 256 levels: 0
	// of a flat colour.
	Spread  int32
	License string // what the picture's own metadata say: URL or statement; "" when nothing
	Credit  string // its author and copyright notice by the same; "" when nothing
}

// Selection is the decision on one matched pair: kept when Reason is "".
// The selection folder has one part for each matched part, under the same
// name, with one row for each row, in the same order.
type Selection struct {
	PairID   uint64
	Reason   string
	Detail   string   // the value and the limit that decided, for explain
	QueryIDs []uint32 // the pair's queries
	// ImagePart and ImageRow say where the picture lies in the images folder.
	ImagePart uint32
	ImageRow  uint32
	// Since version 4: of a pair that is kept, the picture's hash, and a digest of all that
	// makes its row in a shard another one when it changes; see [Pair.Digest].
	PictureHash uint64
	Digest      uint64
}

// Pair is one record of the finished dataset.
type Pair struct {
	PairID         uint64
	PageURL        string
	ImageURL       string
	Text           string
	TextSource     string
	Language       string
	License        string // of the page, else of the picture
	OptOut         string
	Source         string
	CrawlTime      int64
	QueryIDs       []uint32
	Image          []byte // in Format
	Width          int32
	Height         int32
	OriginalFormat string
	OriginalWidth  int32
	OriginalHeight int32
	PictureHash    uint64
	PHash          uint64
	OptOutFrom     string // since version 2

	// Since version 3.
	Format       string // of Image; see the same of [Image], as for the next three
	SHA256       string
	Frames       int32
	Credit       string
	TextLanguage string
	More         string // see [Candidate]
}
