package export

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/pairloom/pairloom/shard"
)

// A sample is a pair on its way out.
type sample struct {
	shard.Pair
	// key names it as img2dataset would: five digits of the file, and its place there.
	key string
}

// kind is the type of a column.
type kind uint8

const (
	kindText kind = iota
	kindPicture
	kindInt32
	kindInt64
	kindUint64
	kindUint32s
)

// dtype is what Hugging Face's datasets call it.
func (k kind) dtype() string {
	return [...]string{"string", "image", "int32", "int64", "uint64", "uint32"}[k]
}

// A column is one of those that are exported. One table serves all formats.
type column struct {
	name   string
	kind   kind
	always bool // the formats or [Walk] need it
	// few tells that its values repeat, so that a dictionary is worth it.
	few    bool
	text   func(*sample) string // of kindText
	number func(*sample) uint64 // of whole numbers; negative ones in two's complement
}

// columns are those of a [shard.Pair], in the order in which people look at them.
var columns = []column{
	{name: "pair_id", kind: kindUint64, always: true, number: func(s *sample) uint64 { return s.PairID }},
	{name: "text", always: true, text: func(s *sample) string { return s.Text }},
	{name: "image", kind: kindPicture, always: true},
	{name: "width", kind: kindInt32, number: func(s *sample) uint64 { return uint64(s.Width) }},
	{name: "height", kind: kindInt32, number: func(s *sample) uint64 { return uint64(s.Height) }},
	{name: "image_url", always: true, text: func(s *sample) string { return s.ImageURL }},
	{name: "page_url", always: true, text: func(s *sample) string { return s.PageURL }},
	{name: "text_source", few: true, text: func(s *sample) string { return s.TextSource }},
	{name: "language", few: true, text: func(s *sample) string { return s.Language }},
	{name: "license", few: true, text: func(s *sample) string { return s.License }},
	{name: "opt_out", few: true, text: func(s *sample) string { return s.OptOut }},
	{name: "opt_out_from", few: true, text: func(s *sample) string { return s.OptOutFrom }},
	{name: "source", text: func(s *sample) string { return s.Source }},
	{name: "crawl_time", kind: kindInt64, number: func(s *sample) uint64 { return uint64(s.CrawlTime) }},
	{name: "query_ids", kind: kindUint32s},
	{name: "original_format", few: true, text: func(s *sample) string { return s.OriginalFormat }},
	{name: "original_width", kind: kindInt32, number: func(s *sample) uint64 { return uint64(s.OriginalWidth) }},
	{name: "original_height", kind: kindInt32, number: func(s *sample) uint64 { return uint64(s.OriginalHeight) }},
	{name: "picture_hash", kind: kindUint64, always: true, number: func(s *sample) uint64 { return s.PictureHash }},
	{name: "phash", kind: kindUint64, always: true, number: func(s *sample) uint64 { return s.PHash }},
	{name: "format", few: true, text: func(s *sample) string { return s.Format }},
	{name: "sha256", always: true, text: func(s *sample) string { return s.SHA256 }},
	{name: "frames", kind: kindInt32, number: func(s *sample) uint64 { return uint64(s.Frames) }},
	{name: "credit", text: func(s *sample) string { return s.Credit }},
	{name: "text_language", few: true, text: func(s *sample) string { return s.TextLanguage }},
	{name: "more", text: func(s *sample) string { return s.More }},
}

// img2datasetNames are what it calls columns that it has too under other names.
var img2datasetNames = map[string]string{"text": "caption", "image_url": "url"}

// img2dataset are the columns that it writes beside a tar, and that its readers look for.
var img2dataset = []column{
	{name: "key", text: func(s *sample) string { return s.key }},
	{name: "status", few: true, text: func(*sample) string { return "success" }},
	{name: "error_message", few: true, text: func(*sample) string { return "" }},
	{name: "exif", few: true, text: func(*sample) string { return "{}" }},
}

// ColumnNames are the names for Options.Columns.
func ColumnNames() (names []string) {
	for _, c := range columns {
		names = append(names, c.name)
	}
	return names
}

// columnsOf are the columns of an export.
func columnsOf(o *Options) (list []column) {
	for _, c := range columns {
		switch {
		case c.kind == kindPicture && (!o.Pictures || o.Format == WebDataset || o.Format == Folder): // they lie beside the table
		case o.Columns == nil, c.always, slices.Contains(o.Columns, c.name):
			if name := img2datasetNames[c.name]; o.Format == WebDataset && name != "" {
				c.name = name
			}
			list = append(list, c)
		}
	}
	if o.Format == WebDataset {
		list = append(list, img2dataset...)
	}
	return list
}

// appendJSON appends the columns of a sample as a JSON object. Ids and hashes are 16
// hexadecimal digits, as everywhere in JSON: readers of JSON round numbers.
func appendJSON(b []byte, list []column, s *sample) []byte {
	for i := range list {
		c := &list[i]
		b = append(b, '{')
		if i > 0 {
			b[len(b)-1] = ','
		}
		b = append(appendText(b, c.name), ':')
		switch c.kind {
		case kindText:
			b = appendText(b, c.text(s))
		case kindUint64:
			b = appendText(b, shard.FormatPairID(c.number(s)))
		case kindUint32s:
			b = append(b, '[')
			for k, id := range s.QueryIDs {
				if k > 0 {
					b = append(b, ',')
				}
				b = strconv.AppendUint(b, uint64(id), 10)
			}
			b = append(b, ']')
		case kindInt32:
			b = strconv.AppendInt(b, int64(int32(c.number(s))), 10)
		default:
			b = strconv.AppendInt(b, int64(c.number(s)), 10)
		}
	}
	return append(b, '}')
}

// appendText appends a JSON string (RFC 8259, 7); text is UTF-8, as parts hold it.
func appendText(b []byte, text string) []byte {
	b = append(b, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// features describe columns to Hugging Face's datasets, as they write it themselves.
func features(list []column) *members {
	all := &members{}
	for _, c := range list {
		value := &members{}
		switch c.kind {
		case kindPicture:
			value.add("_type", "Image")
		case kindUint32s:
			value.add("feature", new(members).add("dtype", c.kind.dtype()).add("_type", "Value")).add("_type", "List")
		default:
			value.add("dtype", c.kind.dtype()).add("_type", "Value")
		}
		all.add(c.name, value)
	}
	return all
}

// schemaFeatures is the value of the key huggingface in the metadata of a schema, by
// which datasets know a picture from any other struct.
func schemaFeatures(list []column) string {
	text, err := json.Marshal(new(members).add("info", new(members).add("features", features(list))))
	if err != nil {
		panic(err) // strings always encode
	}
	return string(text)
}

// members is a JSON object whose members keep their order.
type members struct {
	names  []string
	values []any
}

func (o *members) add(name string, value any) *members {
	o.names, o.values = append(o.names, name), append(o.values, value)
	return o
}

// MarshalJSON writes the members in order.
func (o *members) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, name := range o.names {
		if i > 0 {
			b = append(b, ',')
		}
		value, err := json.Marshal(o.values[i])
		if err != nil {
			return nil, err
		}
		b = append(append(appendText(b, name), ':'), value...)
	}
	return append(b, '}'), nil
}

// extension ends the name of a picture's file.
func extension(format string) string {
	switch format {
	case "", "jpeg": // pairs of older versions are all JPEG
		return "jpg"
	}
	return format
}
