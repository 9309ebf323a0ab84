package shard

import (
	"slices"
	"unsafe"
)

// SchemaVersion is the version of all record schemas, written into every part.
//
//	1  first version
//	2  opt_out_from of candidates, images and pairs; etag, last_modified, tries and setting of
//	   images
//	3  picture_at and more of candidates; text_language of matched pairs; format, sha256,
//	   frames, spread, license and credit of images; of pairs what they take from these
//	4  picture_hash and digest of selection; the deletion vectors and indexes of shards; what
//	   models have seen
const SchemaVersion = 4

// Record is one of the records that a part can hold.
type Record interface {
	Candidate | Matched | Image | Selection | Pair | Deletion | Place | Seen
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
	since  int // the first version that has it; 0 is 1
}

// The field in a record of the column's kind.
func (c *column) str(row unsafe.Pointer) *string    { return (*string)(unsafe.Add(row, c.offset)) }
func (c *column) bytes(row unsafe.Pointer) *[]byte  { return (*[]byte)(unsafe.Add(row, c.offset)) }
func (c *column) int32(row unsafe.Pointer) *int32   { return (*int32)(unsafe.Add(row, c.offset)) }
func (c *column) int64(row unsafe.Pointer) *int64   { return (*int64)(unsafe.Add(row, c.offset)) }
func (c *column) uint32(row unsafe.Pointer) *uint32 { return (*uint32)(unsafe.Add(row, c.offset)) }
func (c *column) uint64(row unsafe.Pointer) *uint64 { return (*uint64)(unsafe.Add(row, c.offset)) }
func (c *column) list(row unsafe.Pointer) *[]uint32 { return (*[]uint32)(unsafe.Add(row, c.offset)) }

// clear makes the field what it is in a record without it.
func (c *column) clear(row unsafe.Pointer) {
	switch c.kind {
	case kindString:
		*c.str(row) = ""
	case kindBytes:
		*c.bytes(row) = nil
	case kindInt32:
		*c.int32(row) = 0
	case kindInt64:
		*c.int64(row) = 0
	case kindUint32:
		*c.uint32(row) = 0
	case kindUint64:
		*c.uint64(row) = 0
	case kindUint32List:
		*c.list(row) = nil
	}
}

var candidateColumns = []column{
	{"page_url", kindString, unsafe.Offsetof(Candidate{}.PageURL), 0},
	{"image_url", kindString, unsafe.Offsetof(Candidate{}.ImageURL), 0},
	{"text", kindString, unsafe.Offsetof(Candidate{}.Text), 0},
	{"text_source", kindString, unsafe.Offsetof(Candidate{}.TextSource), 0},
	{"language", kindString, unsafe.Offsetof(Candidate{}.Language), 0},
	{"license", kindString, unsafe.Offsetof(Candidate{}.License), 0},
	{"opt_out", kindString, unsafe.Offsetof(Candidate{}.OptOut), 0},
	{"opt_out_from", kindString, unsafe.Offsetof(Candidate{}.OptOutFrom), 2},
	{"source", kindString, unsafe.Offsetof(Candidate{}.Source), 0},
	{"crawl_time", kindInt64, unsafe.Offsetof(Candidate{}.CrawlTime), 0},
	{"picture_at", kindString, unsafe.Offsetof(Candidate{}.PictureAt), 3},
	{"more", kindString, unsafe.Offsetof(Candidate{}.More), 3},
}

// queriesColumn is the place of query_ids among the columns of [Matched].
const queriesColumn = 2

var matchedColumns = append([]column{
	{"pair_id", kindUint64, unsafe.Offsetof(Matched{}.PairID), 0},
	{"image_id", kindUint64, unsafe.Offsetof(Matched{}.ImageID), 0},
	{"query_ids", kindUint32List, unsafe.Offsetof(Matched{}.QueryIDs), 0},
	{"text_language", kindString, unsafe.Offsetof(Matched{}.TextLanguage), 3},
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
	{"image_id", kindUint64, unsafe.Offsetof(Image{}.ImageID), 0},
	{"image_url", kindString, unsafe.Offsetof(Image{}.ImageURL), 0},
	{"status", kindString, unsafe.Offsetof(Image{}.Status), 0},
	{"detail", kindString, unsafe.Offsetof(Image{}.Detail), 0},
	{"http_status", kindInt32, unsafe.Offsetof(Image{}.HTTPStatus), 0},
	{"opt_out", kindString, unsafe.Offsetof(Image{}.OptOut), 0},
	{"opt_out_from", kindString, unsafe.Offsetof(Image{}.OptOutFrom), 2},
	{"etag", kindString, unsafe.Offsetof(Image{}.ETag), 2},
	{"last_modified", kindString, unsafe.Offsetof(Image{}.LastModified), 2},
	{"fetch_time", kindInt64, unsafe.Offsetof(Image{}.FetchTime), 0},
	{"tries", kindInt32, unsafe.Offsetof(Image{}.Tries), 2},
	{"setting", kindString, unsafe.Offsetof(Image{}.Setting), 2},
	{"image", kindBytes, unsafe.Offsetof(Image{}.Bytes), 0},
	{"format", kindString, unsafe.Offsetof(Image{}.Format), 3},
	{"width", kindInt32, unsafe.Offsetof(Image{}.Width), 0},
	{"height", kindInt32, unsafe.Offsetof(Image{}.Height), 0},
	{"picture_hash", kindUint64, unsafe.Offsetof(Image{}.PictureHash), 0},
	{"phash", kindUint64, unsafe.Offsetof(Image{}.PHash), 0},
	{"original_format", kindString, unsafe.Offsetof(Image{}.OriginalFormat), 0},
	{"original_width", kindInt32, unsafe.Offsetof(Image{}.OriginalWidth), 0},
	{"original_height", kindInt32, unsafe.Offsetof(Image{}.OriginalHeight), 0},
	{"original_bytes", kindInt64, unsafe.Offsetof(Image{}.OriginalBytes), 0},
	{"sha256", kindString, unsafe.Offsetof(Image{}.SHA256), 3},
	{"frames", kindInt32, unsafe.Offsetof(Image{}.Frames), 3},
	{"spread", kindInt32, unsafe.Offsetof(Image{}.Spread), 3},
	{"license", kindString, unsafe.Offsetof(Image{}.License), 3},
	{"credit", kindString, unsafe.Offsetof(Image{}.Credit), 3},
}

var selectionColumns = []column{
	{"pair_id", kindUint64, unsafe.Offsetof(Selection{}.PairID), 0},
	{"reason", kindString, unsafe.Offsetof(Selection{}.Reason), 0},
	{"detail", kindString, unsafe.Offsetof(Selection{}.Detail), 0},
	{"query_ids", kindUint32List, unsafe.Offsetof(Selection{}.QueryIDs), 0},
	{"image_part", kindUint32, unsafe.Offsetof(Selection{}.ImagePart), 0},
	{"image_row", kindUint32, unsafe.Offsetof(Selection{}.ImageRow), 0},
	{"picture_hash", kindUint64, unsafe.Offsetof(Selection{}.PictureHash), 4},
	{"digest", kindUint64, unsafe.Offsetof(Selection{}.Digest), 4},
}

var pairColumns = []column{
	{"pair_id", kindUint64, unsafe.Offsetof(Pair{}.PairID), 0},
	{"text", kindString, unsafe.Offsetof(Pair{}.Text), 0},
	{"image", kindBytes, unsafe.Offsetof(Pair{}.Image), 0},
	{"width", kindInt32, unsafe.Offsetof(Pair{}.Width), 0},
	{"height", kindInt32, unsafe.Offsetof(Pair{}.Height), 0},
	{"image_url", kindString, unsafe.Offsetof(Pair{}.ImageURL), 0},
	{"page_url", kindString, unsafe.Offsetof(Pair{}.PageURL), 0},
	{"text_source", kindString, unsafe.Offsetof(Pair{}.TextSource), 0},
	{"language", kindString, unsafe.Offsetof(Pair{}.Language), 0},
	{"license", kindString, unsafe.Offsetof(Pair{}.License), 0},
	{"opt_out", kindString, unsafe.Offsetof(Pair{}.OptOut), 0},
	{"opt_out_from", kindString, unsafe.Offsetof(Pair{}.OptOutFrom), 2},
	{"source", kindString, unsafe.Offsetof(Pair{}.Source), 0},
	{"crawl_time", kindInt64, unsafe.Offsetof(Pair{}.CrawlTime), 0},
	{"query_ids", kindUint32List, unsafe.Offsetof(Pair{}.QueryIDs), 0},
	{"original_format", kindString, unsafe.Offsetof(Pair{}.OriginalFormat), 0},
	{"original_width", kindInt32, unsafe.Offsetof(Pair{}.OriginalWidth), 0},
	{"original_height", kindInt32, unsafe.Offsetof(Pair{}.OriginalHeight), 0},
	{"picture_hash", kindUint64, unsafe.Offsetof(Pair{}.PictureHash), 0},
	{"phash", kindUint64, unsafe.Offsetof(Pair{}.PHash), 0},
	{"format", kindString, unsafe.Offsetof(Pair{}.Format), 3},
	{"sha256", kindString, unsafe.Offsetof(Pair{}.SHA256), 3},
	{"frames", kindInt32, unsafe.Offsetof(Pair{}.Frames), 3},
	{"credit", kindString, unsafe.Offsetof(Pair{}.Credit), 3},
	{"text_language", kindString, unsafe.Offsetof(Pair{}.TextLanguage), 3},
	{"more", kindString, unsafe.Offsetof(Pair{}.More), 3},
}

var deletionColumns = []column{
	{"pair_id", kindUint64, unsafe.Offsetof(Deletion{}.PairID), 0},
	{"part", kindString, unsafe.Offsetof(Deletion{}.Part), 0},
	{"row", kindUint32, unsafe.Offsetof(Deletion{}.Row), 0},
	{"reason", kindString, unsafe.Offsetof(Deletion{}.Reason), 0},
	{"detail", kindString, unsafe.Offsetof(Deletion{}.Detail), 0},
}

var placeColumns = []column{
	{"image_id", kindUint64, unsafe.Offsetof(Place{}.ImageID), 0},
	{"pair_id", kindUint64, unsafe.Offsetof(Place{}.PairID), 0},
	{"digest", kindUint64, unsafe.Offsetof(Place{}.Digest), 0},
	{"part", kindString, unsafe.Offsetof(Place{}.Part), 0},
	{"row", kindUint32, unsafe.Offsetof(Place{}.Row), 0},
}

// FactColumns are the names of a record's columns but for those of bytes, its pictures;
// see [OpenPart].
func FactColumns[T Record]() []string {
	var names []string
	for _, c := range layoutOf[T]().columns {
		if c.kind != kindBytes {
			names = append(names, c.name)
		}
	}
	return names
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
	case *Deletion:
		return &deletionLayout
	case *Place:
		return &placeLayout
	case *Seen:
		return &seenLayout
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
	deletionLayout  = layout{deletionColumns, 4096, true}
	placeLayout     = layout{placeColumns, 4096, true}
)
