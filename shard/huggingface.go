package shard

import (
	"encoding/json"
	"strings"
)

// metaHuggingFace is where Hugging Face's datasets looks for the types of columns in an
// Arrow schema; without it pictures would come as bytes.
const metaHuggingFace = "huggingface"

// featuresOf describes columns as datasets does: `{"info": {"features": {...}}}`, where
// a column of bytes is a picture and a list is a Sequence, the name that every version
// reads.
func featuresOf(columns []column) string {
	dtypes := map[kind]string{kindString: "string", kindInt32: "int32", kindInt64: "int64", kindUint32: "uint32", kindUint64: "uint64"}
	var b strings.Builder
	b.WriteString(`{"info": {"features": {`)
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		name, err := json.Marshal(c.name)
		if err != nil {
			panic(err) // names are ours
		}
		b.Write(name)
		switch c.kind {
		case kindBytes:
			b.WriteString(`: {"_type": "Image"}`)
		case kindUint32List:
			b.WriteString(`: {"feature": {"dtype": "uint32", "_type": "Value"}, "_type": "Sequence"}`)
		default:
			b.WriteString(`: {"dtype": "` + dtypes[c.kind] + `", "_type": "Value"}`)
		}
	}
	b.WriteString(`}}}`)
	return b.String()
}

// SplitsName is the file beside shards that tells datasets which of them are of which
// split; it is read in place of the head of a README.
const SplitsName = ".huggingface.yaml"

// Splits is its content.
const Splits = `configs:
  - config_name: default
    data_files:
      - split: train
        path: ` + Training + `*.arrow
      - split: held_out
        path: ` + HeldOut + `*.arrow
`
