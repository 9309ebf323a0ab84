package shard

import (
	"slices"
	"unsafe"
)

// SchemaVersion is the version of all record schemas, written into every part.
//
//	1  first version
const SchemaVersion = 1

// Record is one of the five records that a part can hold.
type Record interface {
	Candidate | Matched | Image | Selection | Pair
}

// A kind is the physical layout of a column.
type kind uint8

const (
	kindString kind = iota
	kindBytes
	kindInt32
	kindInt64
	kindUint32
	kindUint64
	kindUint32List
)

// buffers is the number of buffers that a column takes in a batch: validity and
// values, offsets before values of no fixed size, and a list's values' validity.
func (k kind) buffers() int {
	switch k {
	case kindString, kindBytes:
		return 3
	case kindUint32List:
		return 4
	}
	return 2
}

// A column ties a named Arrow column to a field of a record: offset is where in
// the struct a field of the kind's Go type lies. One table of columns serves
// writing, reading, spilling and the page on formats, so that they cannot drift
// apart; a test holds kinds against the fields' types.
type column struct {
	name   string
	kind   kind
	offset uintptr
}

// The field in a record of the column's kind.
func (c *column) str(row unsafe.Pointer) *string    { return (*string)(unsafe.Add(row, c.offset)) }
func (c *column) bytes(row unsafe.Pointer) *[]byte  { return (*[]byte)(unsafe.Add(row, c.offset)) }
func (c *column) int32(row unsafe.Pointer) *int32   { return (*int32)(unsafe.Add(row, c.offset)) }
func (c *column) int64(row unsafe.Pointer) *int64   { return (*int64)(unsafe.Add(row, c.offset)) }
func (c *column) uint32(row unsafe.Pointer) *uint32 { return (*uint32)(unsafe.Add(row, c.offset)) }
func (c *column) uint64(row unsafe.Pointer) *uint64 { return (*uint64)(unsafe.Add(row, c.offset)) }
func (c *column) list(row unsafe.Pointer) *[]uint32 { return (*[]uint32)(unsafe.Add(row, c.offset)) }

var candidateColumns = []column{
	{"page_url", kindString, unsafe.Offsetof(Candidate{}.PageURL)},
	{"image_url", kindString, unsafe.Offsetof(Candidate{}.ImageURL)},
	{"text", kindString, unsafe.Offsetof(Candidate{}.Text)},
	{"text_source", kindString, unsafe.Offsetof(Candidate{}.TextSource)},
	{"language", kindString, unsafe.Offsetof(Candidate{}.Language)},
	{"license", kindString, unsafe.Offsetof(Candidate{}.License)},
	{"opt_out", kindString, unsafe.Offsetof(Candidate{}.OptOut)},
	{"source", kindString, unsafe.Offsetof(Candidate{}.Source)},
	{"crawl_time", kindInt64, unsafe.Offsetof(Candidate{}.CrawlTime)},
}

// queriesColumn is the place of query_ids among the columns of [Matched].
const queriesColumn = 2

var matchedColumns = append([]column{
	{"pair_id", kindUint64, unsafe.Offsetof(Matched{}.PairID)},
	{"image_id", kindUint64, unsafe.Offsetof(Matched{}.ImageID)},
	{"query_ids", kindUint32List, unsafe.Offsetof(Matched{}.QueryIDs)},
}, ofCandidate()...)

// ofCandidate lifts the candidate's columns to the record that embeds it.
func ofCandidate() []column {
	lifted := slices.Clone(candidateColumns)
	for i := range lifted {
		lifted[i].offset += unsafe.Offsetof(Matched{}.Candidate)
	}
	return lifted
}

var imageColumns = []column{
	{"image_id", kindUint64, unsafe.Offsetof(Image{}.ImageID)},
	{"image_url", kindString, unsafe.Offsetof(Image{}.ImageURL)},
	{"status", kindString, unsafe.Offsetof(Image{}.Status)},
	{"detail", kindString, unsafe.Offsetof(Image{}.Detail)},
	{"http_status", kindInt32, unsafe.Offsetof(Image{}.HTTPStatus)},
	{"opt_out", kindString, unsafe.Offsetof(Image{}.OptOut)},
	{"fetch_time", kindInt64, unsafe.Offsetof(Image{}.FetchTime)},
	{"image", kindBytes, unsafe.Offsetof(Image{}.Bytes)},
	{"width", kindInt32, unsafe.Offsetof(Image{}.Width)},
	{"height", kindInt32, unsafe.Offsetof(Image{}.Height)},
	{"picture_hash", kindUint64, unsafe.Offsetof(Image{}.PictureHash)},
	{"phash", kindUint64, unsafe.Offsetof(Image{}.PHash)},
	{"original_format", kindString, unsafe.Offsetof(Image{}.OriginalFormat)},
	{"original_width", kindInt32, unsafe.Offsetof(Image{}.OriginalWidth)},
	{"original_height", kindInt32, unsafe.Offsetof(Image{}.OriginalHeight)},
	{"original_bytes", kindInt64, unsafe.Offsetof(Image{}.OriginalBytes)},
}

var selectionColumns = []column{
	{"pair_id", kindUint64, unsafe.Offsetof(Selection{}.PairID)},
	{"reason", kindString, unsafe.Offsetof(Selection{}.Reason)},
	{"detail", kindString, unsafe.Offsetof(Selection{}.Detail)},
	{"query_ids", kindUint32List, unsafe.Offsetof(Selection{}.QueryIDs)},
	{"image_part", kindUint32, unsafe.Offsetof(Selection{}.ImagePart)},
	{"image_row", kindUint32, unsafe.Offsetof(Selection{}.ImageRow)},
}

var pairColumns = []column{
	{"pair_id", kindUint64, unsafe.Offsetof(Pair{}.PairID)},
	{"text", kindString, unsafe.Offsetof(Pair{}.Text)},
	{"image", kindBytes, unsafe.Offsetof(Pair{}.Image)},
	{"width", kindInt32, unsafe.Offsetof(Pair{}.Width)},
	{"height", kindInt32, unsafe.Offsetof(Pair{}.Height)},
	{"image_url", kindString, unsafe.Offsetof(Pair{}.ImageURL)},
	{"page_url", kindString, unsafe.Offsetof(Pair{}.PageURL)},
	{"text_source", kindString, unsafe.Offsetof(Pair{}.TextSource)},
	{"language", kindString, unsafe.Offsetof(Pair{}.Language)},
	{"license", kindString, unsafe.Offsetof(Pair{}.License)},
	{"opt_out", kindString, unsafe.Offsetof(Pair{}.OptOut)},
	{"source", kindString, unsafe.Offsetof(Pair{}.Source)},
	{"crawl_time", kindInt64, unsafe.Offsetof(Pair{}.CrawlTime)},
	{"query_ids", kindUint32List, unsafe.Offsetof(Pair{}.QueryIDs)},
	{"original_format", kindString, unsafe.Offsetof(Pair{}.OriginalFormat)},
	{"original_width", kindInt32, unsafe.Offsetof(Pair{}.OriginalWidth)},
	{"original_height", kindInt32, unsafe.Offsetof(Pair{}.OriginalHeight)},
	{"picture_hash", kindUint64, unsafe.Offsetof(Pair{}.PictureHash)},
	{"phash", kindUint64, unsafe.Offsetof(Pair{}.PHash)},
}

// A layout says how parts of one record are written. No column is nullable: an
// absent text is "", an absent number 0.
type layout struct {
	columns []column
	// batchRows is the number of rows of a record batch. Batches with
	// pictures are small, so that one batch is a few MB.
	batchRows int
	// compress applies zstd to the columns. Parts with pictures stay as they
	// are: their bytes are mapped and handed on without a copy, and the text
	// beside a JPEG is a fiftieth of it.
	compress bool
}

func layoutOf[T Record]() *layout {
	switch any((*T)(nil)).(type) {
	case *Candidate:
		return &candidateLayout
	case *Matched:
		return &matchedLayout
	case *Image:
		return &imageLayout
	case *Selection:
		return &selectionLayout
	default:
		return &pairLayout
	}
}

var (
	candidateLayout = layout{candidateColumns, 4096, true}
	matchedLayout   = layout{matchedColumns, 4096, true}
	imageLayout     = layout{imageColumns, 256, false}
	selectionLayout = layout{selectionColumns, 4096, true}
	pairLayout      = layout{pairColumns, 256, false}
)
