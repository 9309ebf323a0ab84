package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/evaluate"
	"github.com/pairloom/pairloom/trainer/search"
	"github.com/spf13/cobra"
)

func newEmbed(g *global) *cobra.Command {
	out, format := "", "arrow"
	var weights weightsFlags
	c := &cobra.Command{
		Use: "embed pictures|texts [SOURCE]", Short: "Turn pictures or texts into vectors with the trained model",
		Long: `Turn pictures or texts into vectors with the last checkpoint (see eval.weights), or
with --weights by a CLIP that others trained, for which DIR needs neither training nor
configuration. Without SOURCE they
are those of all pairs of the shards: a file for each shard appears in
embeddings/pictures or embeddings/texts, and a run that was stopped goes on with
the next shard. SOURCE is a folder of pictures, or a file with a text a line.

Files are Arrow IPC with the columns id, row, name and embedding, not compressed;
their metadata says which model made them. With --format npy or parquet a file of
that format lies beside each.`,
		Example: `  pairloom embed pictures -C cats
  pairloom embed texts -C cats --format parquet
  pairloom embed pictures ~/photos -C cats --out photos.arrow
  pairloom embed pictures ~/photos --weights ~/clip-vit-base-patch32 --out photos.arrow`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 || args[0] != search.Pictures && args[0] != search.Texts {
				return fmt.Errorf("embed takes pictures or texts, and perhaps a folder of pictures or a file of texts; found %q", args)
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return []string{search.Pictures, search.Texts}, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveDefault
		},
		RunE: func(c *cobra.Command, args []string) error {
			// The other formats are made from the Arrow file, which a pipe does not keep.
			if info, err := os.Stat(out); out != "" && err == nil && !info.Mode().IsRegular() && !info.IsDir() && format != "arrow" {
				return &exitError{exitConfiguration, fmt.Errorf("--out %s is a pipe or a device, into which only --format arrow can be written", out)}
			}
			return g.withModel(c.Context(), "embed", weights, func(w *workspace) error {
				made, err := g.embed(c.Context(), w, args, out)
				if err != nil {
					return err
				}
				return g.embedded(w, made, format)
			})
		},
	}
	c.Flags().StringVar(&out, "out", "", "`PATH` of the file, or of the folder for shards, instead of one in embeddings")
	weights.add(c)
	choiceVar(c, &format, "format", "format of the files", "arrow", "npy", "parquet")
	return c
}

func (g *global) embed(ctx context.Context, w *workspace, args []string, out string) (search.Made, error) {
	if len(args) == 1 { // before the model is loaded
		if _, err := shard.OpenDataset(w.path(shard.ShardsFolder)); err != nil {
			return search.Made{}, w.withoutShards(err)
		}
	}
	model, err := w.openModel()
	if err != nil {
		return search.Made{}, err
	}
	defer model.Close()
	g.lock.Begin("embed", "embedding "+args[0], args[0], 1, 1)
	bar := newProgress(g, "embedding "+args[0])
	defer bar.end()
	x := &search.Embedding{Model: model, Of: args[0], Batch: w.cfg.Eval.Batch, Progress: bar.set,
		Bad: func(b *evaluate.BadPicture) {
			w.log.Info("left out", "picture", b.Name, "reason", b.Reason, "error", b.Err)
		}}
	if len(args) == 1 {
		if out == "" {
			out = filepath.Join(w.path(shard.EmbeddingsFolder), args[0])
		}
		return x.Shards(ctx, w.path(shard.ShardsFolder), out)
	}
	if out == "" {
		name, _, _ := strings.Cut(filepath.Base(args[1]), ".")
		out = filepath.Join(w.path(shard.EmbeddingsFolder), fmt.Sprintf("%s-%s.arrow", name, args[0]))
	}
	if args[0] == search.Texts {
		return x.Lines(ctx, args[1], out)
	}
	pictures, err := newPictureConverter(w.cfg.Workers)
	if err != nil {
		return search.Made{}, err
	}
	defer pictures.Close()
	return x.Folder(ctx, args[1], out, pictures.Upright)
}

// embedded writes the other formats and says what became of all.
func (g *global) embedded(w *workspace, m search.Made, format string) error {
	if err := m.Tally.Check(); err != nil {
		return err
	}
	files := m.Files
	if format != "arrow" {
		files = nil
		for _, path := range m.Files {
			e, err := shard.OpenEmbeddings(path)
			if err != nil {
				return err
			}
			other := strings.TrimSuffix(path, ".arrow") + "." + format
			err = e.Export(other, format)
			e.Close()
			if err != nil {
				return err
			}
			files = append(files, other)
		}
	}
	if g.json {
		err := g.printJSON(struct {
			*shard.Tally
			Files []string `json:"files"`
			Again int      `json:"unchanged"`
			// Renamed counts names with U+FFFD in place of what is not UTF-8.
			Renamed int `json:"renamed,omitempty"`
		}{m.Tally, files, m.Again, m.Renamed})
		if err != nil {
			return err
		}
		return keptSome(m.Tally)
	}
	fmt.Fprintf(g.stdout, "embed: %s of %s %s", pipeline.Grouped(m.Tally.Kept), pipeline.Grouped(m.Tally.In), m.Tally.Unit)
	if m.Again > 0 {
		fmt.Fprintf(g.stdout, "; %d of %d files were there", m.Again, len(m.Files))
	}
	fmt.Fprintln(g.stdout)
	for _, reason := range m.Tally.Reasons() {
		fmt.Fprintf(g.stdout, "embed left out: %s %s\n", reason, pipeline.Grouped(m.Tally.Dropped[reason]))
	}
	if m.Renamed > 0 {
		fmt.Fprintf(g.stdout, "embed: %s file names are not UTF-8; in the column name U+FFFD stands for what is not\n", pipeline.Grouped(int64(m.Renamed)))
	}
	if !g.quiet {
		for _, path := range files {
			fmt.Fprintln(g.stdout, path)
		}
	}
	return keptSome(m.Tally)
}

func keptSome(t *shard.Tally) error {
	if t.Kept == 0 {
		return &exitError{exitPartial, fmt.Errorf("embed kept nothing of %d %s", t.In, t.Unit)}
	}
	return nil
}
