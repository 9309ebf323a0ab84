// Package card describes a dataset to those who get it: [README] is its card in the
// form of Hugging Face, Markdown under a head of YAML, and [Croissant] its description
// in JSON-LD, which validates against Croissant 1.0.
//
// Both are made of the figures of package stats alone, and state nothing else: a
// licence only where the dataset's maker named one. The same figures give the same
// bytes. What comes from the web is escaped.
package card

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

// The files' names.
const (
	ReadmeName    = "README.md"
	CroissantName = "croissant.json"
)

// Split is a share of the dataset and the files that hold it, by a pattern relative to
// the folder that the card is published in.
type Split struct {
	Name  string
	Files string
}

// Shards are the splits of a dataset's own folder.
func Shards() []Split {
	return []Split{{"train", shard.ShardsFolder + "/" + shard.Training + "*.arrow"}, {"held_out", shard.ShardsFolder + "/" + shard.HeldOut + "*.arrow"}}
}

// present leaves the splits that have a pair.
func present(s *stats.Stats, splits []Split) []Split {
	return slices.DeleteFunc(slices.Clone(splits), func(p Split) bool {
		return p.Name == "held_out" && s.Dataset.HeldOut == 0 || p.Name == "train" && s.Dataset.Training == 0
	})
}

// README is the card of a dataset whose figures have a Dataset: of its own folder, where
// splits are [Shards], or of what was exported from it, in which no deleted row is.
func README(s *stats.Stats, splits []Split) []byte {
	var b bytes.Buffer
	head(&b, s, present(s, splits))
	body(&b, s, present(s, splits), slices.Equal(splits, Shards()))
	return b.Bytes()
}

// head is the YAML. Texts are written as JSON writes them, which is YAML too.
func head(b *bytes.Buffer, s *stats.Stats, splits []Split) {
	d := s.Dataset
	fmt.Fprintf(b, "---\npretty_name: %s\n", quoted(d.Name))
	if d.License != "" {
		fmt.Fprintf(b, "license: %s\n", quoted(d.License))
	}
	if l := Languages(s); len(l) > 0 {
		b.WriteString("language:\n")
		for _, code := range l {
			fmt.Fprintf(b, "- %s\n", quoted(code)) // no is Norwegian, and false
		}
	}
	b.WriteString("task_categories:\n- zero-shot-image-classification\n- image-to-text\n- text-to-image\n")
	fmt.Fprintf(b, "size_categories:\n- %s\n", SizeCategory(s.Pairs))
	b.WriteString("tags:\n- clip\n- image-text pairs\n- pairloom\n")
	if len(splits) > 0 {
		b.WriteString("configs:\n- config_name: default\n  data_files:\n")
		for _, p := range splits {
			fmt.Fprintf(b, "  - split: %s\n    path: %s\n", p.Name, quoted(p.Files))
		}
	}
	b.WriteString("---\n\n")
}

// SizeCategory is Hugging Face's name for so many rows.
func SizeCategory(n int64) string {
	names := []string{"1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T"}
	if n < 1000 {
		return "n<1K"
	}
	below := int64(10_000)
	for i := range len(names) - 1 {
		if n < below {
			return names[i] + "<n<" + names[i+1]
		}
		below *= 10
	}
	return "n>1T"
}

var languageCode = regexp.MustCompile(`^[a-z]{2,3}$`)

// Languages lists the languages of the texts, the most frequent first: those that were
// detected, or, where none was looked for, those that pages declare. One of less than a
// hundredth of the pairs is left out: of so few, many were not told right.
func Languages(s *stats.Stats) []string {
	var list []string
	for _, names := range []stats.Names{s.TextLanguages, s.Languages} {
		for _, n := range names {
			code, _, _ := strings.Cut(n.Name, "-")
			if languageCode.MatchString(code) && 100*n.Count >= s.Pairs && !slices.Contains(list, code) {
				list = append(list, code)
			}
		}
		if len(list) > 0 {
			break
		}
	}
	return list
}

func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// text makes what comes from elsewhere plain text of one line in Markdown, within a
// cell of a table too.
func text(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	s = html.EscapeString(s)
	return markdown.Replace(s)
}

var markdown = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "|", `\|`, "#", `\#`, "~", `\~`, "!", `\!`)
