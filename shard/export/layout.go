package export

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// A layout says what files a format has, and where.
type layout struct {
	format string
	within bool // files of a split lie in a folder of its name
	// folders tells that a piece is a subfolder; single that it is one file whose name
	// alone depends on how many there are.
	folders, single bool
}

func layoutOf(o *Options) layout {
	return layout{
		format: o.Format, within: o.Split == All || o.Format == Datasets,
		folders: o.Format == Folder, single: o.Format == HuggingFace || o.Format == Datasets || o.Format == Parquet,
	}
}

// names are the files of a piece.
func (l layout) names(p *piece) []string {
	base := fmt.Sprintf("%05d", p.number)
	if l.within {
		base = p.split + "/" + base
	}
	switch l.format {
	case WebDataset:
		return []string{base + ".tar", base + ".parquet", base + "_stats.json"}
	case Parquet:
		return []string{base + ".parquet"}
	case HuggingFace:
		return []string{fmt.Sprintf("data/%s-%05d-of-%05d.parquet", p.split, p.number, p.of)}
	case Datasets:
		return []string{fmt.Sprintf("%s/data-%05d-of-%05d.arrow", p.split, p.number, p.of)}
	}
	return []string{base}
}

// takes tells whether readers of the format would take a file of that name for data.
func (l layout) takes(name string) bool {
	ends := []string{".parquet"}
	switch l.format {
	case WebDataset:
		ends = []string{".tar", ".parquet"}
	case Folder:
		ends = []string{".jpg", ".jpeg", ".png", ".webp", ".gif", ".jsonl", ".csv", ".parquet"}
	case Datasets:
		ends = []string{".arrow"}
	}
	return slices.Contains(ends, strings.ToLower(path.Ext(name)))
}

// extra is a small file that says something of all pieces.
type extra struct {
	name string
	data []byte
}

func (x extra) file() File {
	return File{Name: x.name, Bytes: int64(len(x.data)), XXH64: fmt.Sprintf("%016x", xxhash.Sum64(x.data))}
}

// extras are those of the format.
func (l layout) extras(r *running) (list []extra, err error) {
	add := func(name string, value any) {
		data, fault := json.MarshalIndent(value, "", "  ")
		if err == nil {
			err = fault
		}
		list = append(list, extra{name, append(data, '\n')})
	}
	switch l.format {
	case HuggingFace:
		data, err := r.readme()
		return []extra{{"README.md", data}}, err
	case Datasets:
		splits := []string{} // null is none that load_from_disk reads
		for _, split := range r.o.splits() {
			if r.out.Pairs[split] == 0 {
				continue
			}
			splits = append(splits, split)
			var files []map[string]string
			sum := xxhash.New()
			for _, p := range r.plan {
				if p.split == split {
					files = append(files, map[string]string{"filename": path.Base(l.names(p)[0])})
					fmt.Fprintln(sum, p.digest)
				}
			}
			// The state of a datasets.Dataset, as Dataset.save_to_disk writes it.
			add(split+"/state.json", map[string]any{
				"_data_files": files, "_fingerprint": fmt.Sprintf("%016x", sum.Sum64()), "_format_columns": nil, "_format_kwargs": map[string]any{},
				"_format_type": nil, "_output_all_columns": false, "_split": split,
			})
			add(split+"/dataset_info.json", new(members).add("citation", "").add("description", "").
				add("features", features(r.columns)).add("homepage", "").add("license", ""))
		}
		add("dataset_dict.json", map[string]any{"splits": splits})
	}
	return list, err
}
