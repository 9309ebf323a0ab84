package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"

	"github.com/pairloom/pairloom/crawl"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/dedup"
	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/card"
	"github.com/pairloom/pairloom/shard/stats"
)

// maxTokens bounds what is counted of a text, which then counts as that long.
const maxTokens = 1 << 16

// unnamed is the name of a dataset that about.name gives none.
const unnamed = "dataset"

// decisions are the settings that decide what is in a dataset.
type decisions struct {
	Seed    int64          `yaml:"seed"`
	Gate    gate.Options   `yaml:"gate"`
	Crawl   crawl.Options  `yaml:"crawl"`
	Match   MatchOptions   `yaml:"match"`
	Fetch   FetchOptions   `yaml:"fetch"`
	Filter  filter.Options `yaml:"filter"`
	Dedup   dedup.Options  `yaml:"dedup"`
	Balance BalanceOptions `yaml:"balance"`
	Shard   ShardOptions   `yaml:"shard"`
}

func deciding(o *Options) decisions {
	return decisions{o.Seed, o.Gate, o.Crawl, o.Match, o.Fetch, o.Filter, o.Dedup, o.Balance, o.Shard}
}

// settingsShown are the settings that decide, by their keys in pairloom.yaml.
func settingsShown(o *Options) (map[string]json.RawMessage, error) {
	shown := map[string]json.RawMessage{}
	var fault error
	settings.Walk(reflect.ValueOf(deciding(o)), func(path string, f settings.Field) {
		if f.Pace() {
			return
		}
		value := f.Value.Interface()
		if d, ok := value.(fmt.Stringer); ok { // a time is written as in the configuration
			value = d.String()
		}
		text, err := json.Marshal(value)
		if err != nil && fault == nil {
			fault = fmt.Errorf("encode setting %s: %w", path, err)
		}
		shown[path] = text
	})
	return shown, fault
}

// addDataset adds which dataset it is.
func (r Report) addDataset(figures *stats.Stats, dataset *shard.Dataset) (note string, err error) {
	about := r.Options.About
	list, err := r.List.Get()
	if err != nil {
		return "", err
	}
	d := &stats.Dataset{
		Name: about.Name, Version: stats.VersionOf(dataset.Generation()), Hash: dataset.Hash(), License: about.License, URL: about.URL,
		Contact: r.Options.Gate.Contact, Software: "pairloom " + r.Version, Seed: r.Options.Seed,
		Training: dataset.Len(shard.Training), HeldOut: dataset.Len(shard.HeldOut), Deleted: dataset.Manifest().Rows() - dataset.Len(""),
		Queries:       stats.List{Name: filepath.Base(r.Options.Match.Queries), Entries: len(list.Entries), Hash: list.Hash},
		OtherSettings: []string{}, Generations: dataset.Manifest().Generations,
	}
	if d.Name == "" {
		d.Name = unnamed
	}
	if d.Generations == nil { // shards from before there were any
		d.Generations = []shard.Generation{{Number: 1, Added: dataset.Manifest().Rows(), Input: dataset.Manifest().Input}}
	}
	if d.Settings, err = settingsShown(r.Options); err != nil {
		return "", err
	}
	for _, s := range r.Before {
		m, err := shard.ReadManifestAlone(s.path())
		if err != nil {
			continue // such as no crawl, where all candidates came from lists
		}
		by, err := s.Settings()
		if err != nil {
			return "", err
		}
		if m.Settings != by {
			d.OtherSettings = append(d.OtherSettings, s.Name)
		}
	}
	figures.Dataset = d
	return "", nil
}

// write writes all files of the report and names those that its manifest lists.
func (r Report) write(figures *stats.Stats) (files []string, err error) {
	if err := stats.Write(r.Dir, figures); err != nil {
		return nil, err
	}
	folder := filepath.Join(r.Dir, shard.ReportFolder)
	manifest := path.Join(shard.ShardsFolder, shard.ManifestName)
	text, err := os.ReadFile(filepath.Join(r.Dir, manifest))
	if err != nil {
		return nil, fmt.Errorf("describe the dataset: %w; run pairloom shard, which writes it", err)
	}
	sum := sha256.Sum256(text)
	croissant, err := card.Croissant(figures, card.Shards(), []card.File{{
		Path: manifest, SHA256: hex.EncodeToString(sum[:]), Type: "application/json",
		About: "Names each shard with its rows, bytes and xxhash64, and the deletion vectors with theirs.",
	}})
	if err != nil {
		return nil, err
	}
	if err := atomicfile.WriteFile(filepath.Join(folder, card.CroissantName), croissant); err != nil {
		return nil, err
	}
	if err := atomicfile.WriteFile(filepath.Join(folder, card.ReadmeName), card.README(figures, card.Shards())); err != nil {
		return nil, err
	}
	files = []string{stats.PageName, stats.FiguresName, card.ReadmeName, card.CroissantName}
	if r.Appendix || exists(filepath.Join(folder, stats.AppendixName)) { // once asked for, they say what the page says
		if err := stats.WriteAppendix(r.Dir, figures); err != nil {
			return nil, err
		}
		files = append(files, stats.AppendixName, stats.BibTeXName)
	}
	return files, nil
}

// writeTimes writes the page of the times; the note says why there is none.
func (r Report) writeTimes() (note string, err error) {
	switch times, err := readTimes(r.Dir); {
	case err != nil:
		return "the page of times is left out: " + err.Error(), nil
	case times != nil:
		return "", stats.WriteTimes(r.Dir, times)
	}
	return "", nil
}
