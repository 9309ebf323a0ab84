package pipeline

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/card"
	"github.com/pairloom/pairloom/shard/export"
	"github.com/pairloom/pairloom/shard/stats"
)

// ExportName is the name of what Export does.
const ExportName = "export"

// Export writes the finished pairs of a folder in the form that another tool reads.
type Export struct {
	Dir     string
	To      string // a folder, or the address of a bucket
	Options export.Options
	Replace bool // an export of another format, with other options or of another dataset
	Check   bool // read what is there already
	Workers int  // files at one time; 0 is one a processor, and eight to a bucket
}

// Run exports. What the user must change first is a [ConfigurationError].
func (e Export) Run(ctx context.Context, progress Progress) (*export.Outcome, error) {
	d, err := shard.OpenDataset(filepath.Join(e.Dir, shard.ShardsFolder))
	if err != nil {
		return nil, err
	}
	bucket := strings.Contains(e.To, "://")
	if !bucket {
		if err := Apart(e.Dir, e.To); err != nil {
			return nil, err
		}
	}
	if e.Workers == 0 {
		if e.Workers = runtime.GOMAXPROCS(0); bucket {
			e.Workers = 8
		}
	}
	text, err := e.card(d)
	if err != nil {
		return nil, err
	}
	x := export.Export{
		Dataset: d, To: e.To, Options: e.Options, Card: text, Replace: e.Replace, Check: e.Check, Workers: e.Workers, Progress: progress,
	}
	out, err := x.Run(ctx)
	var refused *export.RefusedError
	if errors.As(err, &refused) {
		err = &ConfigurationError{err}
	}
	return out, err
}

// card describes what is exported by the figures of the last report, nil where there are
// none of the dataset as it is.
func (e Export) card(d *shard.Dataset) ([]byte, error) {
	figures, err := stats.ReadStats(filepath.Join(e.Dir, shard.ReportFolder, stats.FiguresName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil || figures.Dataset == nil || figures.Dataset.Hash != d.Hash() {
		return nil, err
	}
	var splits []card.Split
	for _, split := range export.Splits[1:] {
		if e.Options.Split == export.All || e.Options.Split == split {
			splits = append(splits, card.Split{Name: split, Files: "data/" + split + "-*"})
		}
	}
	return card.README(figures, splits), nil
}

// Apart holds that an export to the folder to is none of those that the stages of the
// dataset in dir write, by whatever links. Its error is a [ConfigurationError].
func Apart(dir, to string) error {
	to, err := withoutLinks(to)
	if err != nil {
		return err
	}
	if dir, err = withoutLinks(dir); err != nil {
		return err
	}
	if to == dir {
		return configurationError("the destination is the dataset's own folder; name another, such as %s", filepath.Join(dir, "export"))
	}
	for _, name := range append(shard.Folders(), shard.ClassifiersFolder, shard.WARCFolder, shard.DryRunFolder) {
		if own := filepath.Join(dir, name); to == own || strings.HasPrefix(to, own+string(filepath.Separator)) {
			return configurationError("the destination lies in the dataset's folder %s, which a stage fills; name another, such as %s", own, filepath.Join(dir, "export"))
		}
	}
	return nil
}

// withoutLinks is the absolute path without links, as far as it is there.
func withoutLinks(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(path) != path {
		above, err := withoutLinks(filepath.Dir(path))
		return filepath.Join(above, filepath.Base(path)), err
	}
	return real, err
}
