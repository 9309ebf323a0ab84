package shard

import "strings"

// SplitsName is the file beside shards by which Hugging Face's datasets opens their
// folder: it is read in place of the head of a README, and readers of Arrow pass over it.
const SplitsName = ".huggingface.yaml"

// Splits is its content: which shards are of which split, and that the column of
// bytes is a picture, which an Arrow schema of plain bytes cannot tell. The form is
// that of a dataset card's head.
func Splits() string {
	types := map[kind]string{
		kindString: "string", kindBytes: "image", kindInt32: "int32", kindInt64: "int64", kindUint32: "uint32", kindUint64: "uint64",
	}
	var b strings.Builder
	b.WriteString(`configs:
  - config_name: default
    data_files:
      - split: train
        path: ` + Training + `*.arrow
      - split: held_out
        path: ` + HeldOut + `*.arrow
dataset_info:
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
