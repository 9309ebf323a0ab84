package shard

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

// A column ties a named Arrow column to a field of the record T: at returns a
// pointer of the kind's Go type. One table of columns serves writing, reading
// and the page on formats, so that they cannot drift apart.
type column[T any] struct {
	name string
	kind kind
	at   func(*T) any
}

func str[T any](name string, at func(*T) *string) column[T] {
	return column[T]{name, kindString, func(r *T) any { return at(r) }}
}
func bin[T any](name string, at func(*T) *[]byte) column[T] {
	return column[T]{name, kindBytes, func(r *T) any { return at(r) }}
}
func i32[T any](name string, at func(*T) *int32) column[T] {
	return column[T]{name, kindInt32, func(r *T) any { return at(r) }}
}
func i64[T any](name string, at func(*T) *int64) column[T] {
	return column[T]{name, kindInt64, func(r *T) any { return at(r) }}
}
func u32[T any](name string, at func(*T) *uint32) column[T] {
	return column[T]{name, kindUint32, func(r *T) any { return at(r) }}
}
func u64[T any](name string, at func(*T) *uint64) column[T] {
	return column[T]{name, kindUint64, func(r *T) any { return at(r) }}
}
func ids[T any](name string, at func(*T) *[]uint32) column[T] {
	return column[T]{name, kindUint32List, func(r *T) any { return at(r) }}
}

var candidateColumns = []column[Candidate]{
	str("page_url", func(r *Candidate) *string { return &r.PageURL }),
	str("image_url", func(r *Candidate) *string { return &r.ImageURL }),
	str("text", func(r *Candidate) *string { return &r.Text }),
	str("text_source", func(r *Candidate) *string { return &r.TextSource }),
	str("language", func(r *Candidate) *string { return &r.Language }),
	str("license", func(r *Candidate) *string { return &r.License }),
	str("opt_out", func(r *Candidate) *string { return &r.OptOut }),
	str("source", func(r *Candidate) *string { return &r.Source }),
	i64("crawl_time", func(r *Candidate) *int64 { return &r.CrawlTime }),
}

var matchedColumns = append([]column[Matched]{
	u64("pair_id", func(r *Matched) *uint64 { return &r.PairID }),
	u64("image_id", func(r *Matched) *uint64 { return &r.ImageID }),
	ids("query_ids", func(r *Matched) *[]uint32 { return &r.QueryIDs }),
}, ofCandidate()...)

// ofCandidate lifts the candidate's columns to the record that embeds it.
func ofCandidate() []column[Matched] {
	lifted := make([]column[Matched], len(candidateColumns))
	for i, c := range candidateColumns {
		lifted[i] = column[Matched]{c.name, c.kind, func(r *Matched) any { return c.at(&r.Candidate) }}
	}
	return lifted
}

var imageColumns = []column[Image]{
	u64("image_id", func(r *Image) *uint64 { return &r.ImageID }),
	str("image_url", func(r *Image) *string { return &r.ImageURL }),
	str("status", func(r *Image) *string { return &r.Status }),
	str("detail", func(r *Image) *string { return &r.Detail }),
	i32("http_status", func(r *Image) *int32 { return &r.HTTPStatus }),
	str("opt_out", func(r *Image) *string { return &r.OptOut }),
	i64("fetch_time", func(r *Image) *int64 { return &r.FetchTime }),
	bin("image", func(r *Image) *[]byte { return &r.Bytes }),
	i32("width", func(r *Image) *int32 { return &r.Width }),
	i32("height", func(r *Image) *int32 { return &r.Height }),
	u64("picture_hash", func(r *Image) *uint64 { return &r.PictureHash }),
	u64("phash", func(r *Image) *uint64 { return &r.PHash }),
	str("original_format", func(r *Image) *string { return &r.OriginalFormat }),
	i32("original_width", func(r *Image) *int32 { return &r.OriginalWidth }),
	i32("original_height", func(r *Image) *int32 { return &r.OriginalHeight }),
	i64("original_bytes", func(r *Image) *int64 { return &r.OriginalBytes }),
}

var selectionColumns = []column[Selection]{
	u64("pair_id", func(r *Selection) *uint64 { return &r.PairID }),
	str("reason", func(r *Selection) *string { return &r.Reason }),
	str("detail", func(r *Selection) *string { return &r.Detail }),
	ids("query_ids", func(r *Selection) *[]uint32 { return &r.QueryIDs }),
	u32("image_part", func(r *Selection) *uint32 { return &r.ImagePart }),
	u32("image_row", func(r *Selection) *uint32 { return &r.ImageRow }),
}

var pairColumns = []column[Pair]{
	u64("pair_id", func(r *Pair) *uint64 { return &r.PairID }),
	str("text", func(r *Pair) *string { return &r.Text }),
	bin("image", func(r *Pair) *[]byte { return &r.Image }),
	i32("width", func(r *Pair) *int32 { return &r.Width }),
	i32("height", func(r *Pair) *int32 { return &r.Height }),
	str("image_url", func(r *Pair) *string { return &r.ImageURL }),
	str("page_url", func(r *Pair) *string { return &r.PageURL }),
	str("text_source", func(r *Pair) *string { return &r.TextSource }),
	str("language", func(r *Pair) *string { return &r.Language }),
	str("license", func(r *Pair) *string { return &r.License }),
	str("opt_out", func(r *Pair) *string { return &r.OptOut }),
	str("source", func(r *Pair) *string { return &r.Source }),
	i64("crawl_time", func(r *Pair) *int64 { return &r.CrawlTime }),
	ids("query_ids", func(r *Pair) *[]uint32 { return &r.QueryIDs }),
	str("original_format", func(r *Pair) *string { return &r.OriginalFormat }),
	i32("original_width", func(r *Pair) *int32 { return &r.OriginalWidth }),
	i32("original_height", func(r *Pair) *int32 { return &r.OriginalHeight }),
	u64("picture_hash", func(r *Pair) *uint64 { return &r.PictureHash }),
	u64("phash", func(r *Pair) *uint64 { return &r.PHash }),
}

// A layout says how parts of one record are written. No column is nullable: an
// absent text is "", an absent number 0.
type layout[T any] struct {
	columns []column[T]
	// batchRows is the number of rows of a record batch. Batches with
	// pictures are small, so that one batch is a few MB.
	batchRows int
	// compress applies zstd to the columns. Parts with pictures stay as they
	// are: their bytes are mapped and handed on without a copy, and the text
	// beside a JPEG is a fiftieth of it.
	compress bool
}

func layoutOf[T Record]() layout[T] {
	var l any
	switch any((*T)(nil)).(type) {
	case *Candidate:
		l = layout[Candidate]{candidateColumns, 4096, true}
	case *Matched:
		l = layout[Matched]{matchedColumns, 4096, true}
	case *Image:
		l = layout[Image]{imageColumns, 256, false}
	case *Selection:
		l = layout[Selection]{selectionColumns, 4096, true}
	case *Pair:
		l = layout[Pair]{pairColumns, 256, false}
	}
	return l.(layout[T])
}
