package pipeline

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pairloom/pairloom/crawl/lists"
	"github.com/pairloom/pairloom/shard"
)

// Sources of train.data that are no datasets of pairloom: what people have. Their pairs
// are indexed once, see sources_index.go; the pictures stay where they lie.

// mostNames bounds the names that braces stand for.
const mostNames = 1 << 20

// A source is an entry of train.data that is no dataset.
type source struct {
	name  string // as it stands there
	base  string // the folder that the labels of its files begin at
	files []lists.Source
}

// sourceOf finds the files of an entry of train.data; nil where it is the folder of a
// dataset.
func sourceOf(name string, o lists.Options) (*source, error) {
	name, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(name)
	pattern := err != nil && strings.ContainsAny(name, "*?[{")
	switch {
	case err == nil && info.IsDir() && exists(filepath.Join(name, shard.ShardsFolder)):
		return nil, nil
	case err == nil && info.IsDir() && exists(filepath.Join(name, "pairloom.yaml")):
		return nil, configurationError("train.data: %s is a folder of pairloom without shards: run pairloom shard there first; pictures, tars or tables of your own belong in a folder without a pairloom.yaml", name)
	case err != nil && !pattern && strings.Contains(filepath.Base(name), "="):
		return nil, configurationError("train.data: %w; a weight is a number after the last =, such as ../birds=0.5", err)
	case err != nil && !pattern:
		return nil, configurationError("train.data: %w", err)
	}
	s := &source{name: name, base: name}
	names := []string{name}
	if pattern {
		if names, err = expand(name); err != nil {
			return nil, configurationError("train.data: %w", err)
		}
		for strings.ContainsAny(s.base, "*?[{") {
			s.base = filepath.Dir(s.base)
		}
	} else if !info.IsDir() {
		s.base = filepath.Dir(name)
	}
	seen := map[string]bool{}
	for _, name := range names {
		list, err := lists.Sources([]string{name}, o)
		if err != nil {
			return nil, dataError(name, err)
		}
		for _, file := range list {
			if seen[file.Path] {
				continue
			}
			seen[file.Path] = true
			if err := usable(file); err != nil {
				return nil, err
			}
			below, err := filepath.Rel(s.base, name)
			if err != nil {
				return nil, err
			}
			if file.Format == "folder" || file.Path == name {
				file.Label = filepath.ToSlash(below)
			} else {
				file.Label = path.Join(filepath.ToSlash(below), file.Label)
			}
			file.Beside = nil // what could not be fetched
			s.files = append(s.files, file)
		}
	}
	return s, nil
}

// dataError is what is wrong with a file of train.data. Where a list's own words name
// options of pairloom import it names the keys of the configuration.
func dataError(path string, err error) error {
	var column *lists.NoColumnError
	switch {
	case errors.As(err, &column):
		of, key := "pictures", "data_picture"
		if column.Text {
			of, key = "captions", "data_text"
		}
		_, more, _ := strings.Cut(err.Error(), column.Error())
		return configurationError("train.data: %s: none of its columns has a name that data sets give to %s (%s, ...); it has %s; name the column in train.%s%s", path, of, column.Names(), column.Have, key, more)
	case errors.Is(err, lists.ErrFormat):
		return configurationError("train.data: %s: %w; training reads tars, Parquet and Arrow files, and folders", path, lists.ErrFormat)
	case errors.Is(err, lists.ErrEmpty):
		return configurationError("train.data: %s %w", path, lists.ErrEmpty)
	}
	return configurationError("train.data: %w", err)
}

// whereCaptions says where pictures have their captions.
const whereCaptions = "a picture's caption is looked for in NAME.txt or NAME.json beside it (train.data_text names the key), in a folder also in metadata.csv, .jsonl or .parquet with the columns file_name and text"

// noPairs is the error about a source that has no pair.
func noPairs(name string, leftOut map[string]int64) error {
	hint := ""
	switch {
	case leftOut[lists.ReasonNoText] > 0:
		hint = "; " + whereCaptions
	case leftOut[ReasonNotHere] > 0:
		hint = "; make a dataset of addresses with pairloom import and name its folder"
	}
	return configurationError("train.data: %s has no pair that can be trained on: left out are %s%s", name, ReasonsText(leftOut), hint)
}

// usable tells whether training can read the pictures of a file.
func usable(file lists.Source) error {
	if file.Err != nil {
		return dataError(file.Path, file.Err)
	}
	if !slices.Contains([]string{"tar", "parquet", "arrow", "folder"}, file.Format) {
		return configurationError("train.data: %s is a list of the format %s, which brings no pictures along; make a dataset of it with pairloom import and name its folder", file.Path, file.Format)
	}
	return nil
}

// expand are the files of a name with braces, as a shell and WebDataset have them, and
// with * ? [ ]. A pattern that no file fits is an error, and so is a name without one of
// no file.
func expand(name string) ([]string, error) {
	names, err := braces(name)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, one := range names {
		if _, err := os.Stat(one); err == nil {
			all = append(all, one)
			continue
		} else if !strings.ContainsAny(one, "*?[") {
			return nil, err
		}
		found, err := filepath.Glob(one)
		if err == nil && len(found) == 0 {
			err = errors.New("no file fits it")
		}
		if err != nil {
			return nil, fmt.Errorf("pattern %s: %w", one, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// braces expands {00000..00009}, {0..9..3} and {a,b}, one within another too. Braces with
// neither stand for themselves.
func braces(name string) ([]string, error) {
	for open := 0; open < len(name); open++ {
		if name[open] != '{' {
			continue
		}
		parts, end := choices(name, open)
		if len(parts) < 2 && end > 0 {
			var err error
			if parts, err = numbered(name[open+1 : end]); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		if len(parts) == 0 {
			continue
		}
		var all []string
		for _, part := range parts {
			list, err := braces(name[:open] + part + name[end+1:])
			if err != nil {
				return nil, err
			}
			if all = append(all, list...); len(all) > mostNames {
				return nil, fmt.Errorf("%s stands for more than %d names", name, mostNames)
			}
		}
		return all, nil
	}
	return []string{name}, nil
}

// choices are what the commas of the brace at open part, and where it ends; 0 for a brace
// that does not.
func choices(name string, open int) (parts []string, end int) {
	depth, from := 0, open+1
	for i := open; i < len(name); i++ {
		switch {
		case name[i] == '{':
			depth++
		case name[i] == ',' && depth == 1:
			parts, from = append(parts, name[from:i]), i+1
		case name[i] == '}':
			if depth--; depth == 0 {
				return append(parts, name[from:i]), i
			}
		}
	}
	return nil, 0
}

// numbered are the numbers of FROM..TO or FROM..TO..STEP, as wide as the wider of the two
// where one begins with 0; none of another text.
func numbered(text string) (list []string, err error) {
	ends := strings.Split(text, "..")
	if len(ends) < 2 || len(ends) > 3 {
		return nil, nil
	}
	var numbers [3]int
	numbers[2] = 1
	for i, end := range ends {
		if numbers[i], err = strconv.Atoi(end); err != nil || end[0] == '+' {
			return nil, nil
		}
	}
	from, to, step := numbers[0], numbers[1], max(numbers[2], -numbers[2])
	width := 0
	for _, end := range ends[:2] {
		if digits := strings.TrimPrefix(end, "-"); len(digits) > 1 && digits[0] == '0' {
			width = max(len(ends[0]), len(ends[1]))
		}
	}
	if step == 0 || max(from, to)-min(from, to) < 0 || (max(from, to)-min(from, to))/step >= mostNames {
		return nil, fmt.Errorf("{%s} stands for more than %d names", text, mostNames)
	}
	if from > to {
		step = -step
	}
	for n := from; step > 0 && n <= to || step < 0 && n >= to; n += step {
		list = append(list, fmt.Sprintf("%0*d", width, n))
	}
	return list, nil
}
