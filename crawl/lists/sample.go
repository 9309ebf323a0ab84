package lists

import (
	"encoding/json"
	"slices"
)

// alwaysKept are columns that img2dataset writes, which go on with a pair unasked.
var alwaysKept = []string{"key", "status", "error_message"}

// sample is a picture with its texts, as the members of a tar or the files of a folder
// that have one name but for its end.
type sample struct {
	key   string
	label string // of where it lies, in the list
	text  []byte // of the file that ends in .txt
	meta  []byte // of the one that ends in .json
	place string
	bad   string // a reason for which it is dropped
}

// textEnds are those of texts beside a picture.
var textEnds = []string{"txt", "caption", "text"}

// row makes the row of a sample.
func (k *candidates) sample(s *sample, o *Options) row {
	r := row{text: s.text, place: s.place, name: s.label + "/" + s.key, reason: s.bad}
	k.more.reset()
	if len(s.meta) == 0 || s.meta[0] != '{' || !json.Valid(s.meta) {
		k.more.text("key", []byte(s.key))
	} else {
		k.meta(s, &r, o)
	}
	if r.place == "" && len(r.url) == 0 && r.reason == "" {
		r.reason = ReasonNoPicture
	}
	return r
}

// meta adds to a row what the sample's JSON says.
func (k *candidates) meta(s *sample, r *row, o *Options) {
	list := members(nil, s.meta)
	j := objectRows{textFile: &textFile{candidates: k, options: o}, members: list}
	for _, m := range list {
		j.names = append(j.names, string(m.name))
	}
	c := j.present()
	r.url, r.page, r.license, r.language = j.value(c.url, false), j.value(c.page, false), j.value(c.license, false), j.value(c.language, false)
	if len(r.text) == 0 {
		r.text = j.value(c.text, false)
	}
	if c.key < 0 {
		k.more.text("key", []byte(s.key))
	}
	for i, m := range list {
		if slices.Contains(c.keep, i) || i == c.key || slices.Contains(alwaysKept, string(m.name)) {
			k.more.raw(string(m.name), m.value)
		}
	}
}

// notThere reads the rows of img2dataset's Parquet files of what it could not fetch, as
// candidates that are asked for at their addresses. A file of another kind has none.
func notThere(k *candidates, s Source, o *Options) error {
	for _, path := range s.Beside {
		beside := s
		beside.Path, beside.Label = path, s.Label+" beside"
		find := k.find
		k.find = nil
		err := parquetRows(k, beside, o, true)
		if k.find = find; err != nil {
			return err
		}
	}
	return nil
}
