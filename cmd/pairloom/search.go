package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/evaluate"
	"github.com/pairloom/pairloom/trainer/search"
	"github.com/spf13/cobra"
)

// searchOptions are the flags of pairloom search.
type searchOptions struct {
	in    []string
	top   int
	sheet string
	text  bool

	weights weightsFlags
}

func newSearch(g *global) *cobra.Command {
	var o searchOptions
	c := &cobra.Command{
		Use: "search QUERY", Short: "Find the pairs nearest to a text or a picture",
		Long: `Find the pairs nearest to a text or a picture. QUERY is the path of a picture, or
any other text. All vectors that pairloom embed made of the shards' pictures are
scored; --in names other files or folders of vectors. It prints for each pair the
cosine, the shard and row where its picture lies, the text, and the page.`,
		Example: `  pairloom search "a red fox" -C cats
  pairloom search fox.png -C cats --html foxes.html
  pairloom search "a red fox" -C cats --in cats/embeddings/texts --top 50 --json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("search takes one query, found %d arguments; put a text of several words in quotes", len(args))
			}
			if strings.TrimSpace(args[0]) == "" {
				return errors.New("search: the query is blank; give a text or the path of a picture")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if o.top < 1 {
				return &exitError{exitConfiguration, fmt.Errorf("--top %d: at least 1 expected", o.top)}
			}
			w, err := o.weights.open(g)
			if err != nil {
				return err
			}
			return g.search(c.Context(), w, args[0], o)
		},
	}
	c.Flags().StringArrayVar(&o.in, "in", nil, "file or folder of vectors to search; may be repeated (default embeddings/pictures)")
	c.Flags().IntVar(&o.top, "top", 10, "pairs to find")
	c.Flags().StringVar(&o.sheet, "html", "", "write a page with the pictures to `FILE`")
	o.weights.add(c)
	c.Flags().BoolVar(&o.text, "text", false, "take QUERY as a text even where a file has that name")
	return c
}

func (g *global) search(ctx context.Context, w *workspace, query string, o searchOptions) error {
	if len(o.in) == 0 {
		o.in = []string{filepath.Join(w.path(shard.EmbeddingsFolder), search.Pictures)}
	}
	model, err := w.openModel()
	if err != nil {
		return err
	}
	defer model.Close()
	index, err := search.Open(model.Hash, o.in...)
	if errors.Is(err, search.ErrOtherModel) || errors.Is(err, fs.ErrNotExist) {
		return &exitError{exitConfiguration, err}
	}
	if err != nil {
		return err
	}
	defer index.Close()
	dataset, err := shard.OpenDataset(w.path(shard.ShardsFolder))
	switch {
	case err == nil:
		index.LeaveOut(dataset)
	case !errors.Is(err, shard.ErrUnfinished): // other vectors than those of shards need none
		return err
	}
	pictures, err := newPictureConverter(w.cfg.Workers)
	if err != nil {
		return err
	}
	defer pictures.Close()
	vector, err := queryVector(ctx, model, pictures, query, o.text)
	if err != nil {
		return err
	}
	hits, err := index.Top(ctx, vector, o.top, w.cfg.Eval.Threads)
	if err != nil {
		return err
	}
	found, err := search.Resolve(w.path(shard.ShardsFolder), hits)
	if err != nil {
		return err
	}
	if o.sheet != "" {
		if err := addPictures(ctx, pictures, hits, found); err != nil {
			return err
		}
		if err := search.WriteSheet(o.sheet, query, index.Len(), found); err != nil {
			return err
		}
	}
	if g.json {
		return g.printJSON(struct {
			Query   string         `json:"query"`
			Model   string         `json:"model_hash"`
			Vectors int            `json:"vectors"`
			Found   []search.Found `json:"found"`
		}{query, model.Hash, index.Len(), found})
	}
	for _, f := range found {
		fmt.Fprintf(g.stdout, "%.3f  %s row %d  %s\n", f.Score, f.File, f.Row, firstOf(f.Text, f.Name))
		if f.PageURL != "" && !g.quiet {
			fmt.Fprintf(g.stdout, "       %s\n", f.PageURL)
		}
	}
	return nil
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// queryVector embeds a query: a picture where there is a file of that name.
func queryVector(ctx context.Context, model *evaluate.Embedder, pictures *pipeline.PictureConverter, query string, text bool) ([]float32, error) {
	if info, err := os.Stat(query); text || err != nil || !info.Mode().IsRegular() {
		return model.Texts(ctx, []string{query}, 1)
	}
	v, err := model.Pictures(ctx, &evaluate.FilePictures{Paths: []string{query}, Convert: pictures.Upright}, 0, 1)
	if err == nil && len(v.Bad) > 0 {
		err = fmt.Errorf("%w; name a picture, or use --text", v.Bad[0])
	}
	return v.Rows, err
}

// addPictures reads the pictures of hits that are files; one that is gone or
// changed has none on the sheet.
func addPictures(ctx context.Context, pictures *pipeline.PictureConverter, hits []search.Hit, found []search.Found) error {
	for i, h := range hits {
		if o := h.File.Origin; o.Input != "" || o.Of != search.Pictures {
			continue
		}
		path := filepath.Join(h.File.Origin.Source, h.Name)
		jpeg, err := (&evaluate.FilePictures{Paths: []string{path}, Convert: pictures.Convert}).JPEG(ctx, 0)
		var bad *evaluate.BadPicture
		if err != nil && !errors.As(err, &bad) {
			return err
		}
		found[i].Picture, found[i].MediaType = jpeg, "image/jpeg"
	}
	return nil
}
