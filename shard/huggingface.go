package shard

import (
	"slices"
	"strings"
)

// SplitsName is the file beside shards by which Hugging Face's datasets opens their
// folder: it is read in place of the head of a README, and readers of Arrow pass over it.
const SplitsName = ".huggingface.yaml"

// Splits is its content: which shards are of which split, and that the column of
// bytes is a picture, which an Arrow schema of plain bytes cannot tell. The form is
// that of a dataset card's head. A split of which there is no part is left out, since
// datasets refuses one without files.
func Splits(parts []Part) string {
	types := map[kind]string{
		kindString: "string", kindBytes: "image", kindInt32: "int32", kindInt64: "int64", kindUint32: "uint32", kindUint64: "uint64",
	}
	var b strings.Builder
	b.WriteString(`configs:
  - config_name: default
    data_files:
`)
	for _, split := range [][2]string{{"train", Training}, {"held_out", HeldOut}} {
		if slices.ContainsFunc(parts, func(p Part) bool { return strings.HasPrefix(p.Name, split[1]) }) {
			b.WriteString("      - split: " + split[0] + "\n        path: " + split[1] + "*.arrow\n")
		}
	}
	b.WriteString(`dataset_info:
  config_name: default
  features:
`)
	for _, c := range pairColumns {
		b.WriteString("    - name: " + c.name + "\n")
		if c.kind == kindUint32List {
			b.WriteString("      list: uint32\n")
			continue
		}
		b.WriteString("      dtype: " + types[c.kind] + "\n")
	}
	return b.String()
}
