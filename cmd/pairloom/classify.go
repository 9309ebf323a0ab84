package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/evaluate"
	"github.com/spf13/cobra"
)

// classifyOptions are the flags of pairloom classify.
type classifyOptions struct {
	labels    string
	templates []string
	top       int
	weights   weightsFlags
}

func newClassify(g *global) *cobra.Command {
	var o classifyOptions
	c := &cobra.Command{
		Use: "classify PICTURE... --labels FILE", Short: "Tell which of some labels a picture shows",
		Long: `Tell which of some labels a picture shows: the probabilities of the labels in
FILE, one a line, by the weights that eval.weights or --weights names. Each label is put into
the templates, and the vectors of its prompts are averaged; the classifier is kept
in the folder classifiers and used again for the same model, templates and labels.
Of a single label the cosine is shown, since its probability is always 100%.`,
		Example: `  pairloom classify fox.png -C cats --labels animals.txt
  pairloom classify *.jpg -C cats --labels animals.txt --template imagenet80 --top 1
  pairloom classify fox.png -C cats --labels animals.txt --template "A drawing of a {label}." --json
  pairloom classify fox.png --labels animals.txt --weights ~/clip-vit-base-patch32`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &exitError{exitConfiguration, fmt.Errorf("classify takes at least one picture")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			w, err := o.weights.open(g)
			if err != nil {
				return err
			}
			return g.classify(c.Context(), w, args, o)
		},
	}
	c.Flags().StringVar(&o.labels, "labels", "", "`FILE` with a label a line")
	c.Flags().StringArrayVar(&o.templates, "template", nil, "prompt with {label}, or imagenet80 for CLIP's 80 contexts; may be repeated (default eval.templates)")
	o.weights.add(c)
	c.Flags().IntVar(&o.top, "top", 5, "labels to print for a picture")
	return c
}

// prediction is one line of an answer.
type prediction struct {
	Label       string   `json:"label"`
	Probability *float64 `json:"probability,omitempty"` // among the labels; none of a single one
	Cosine      float64  `json:"cosine"`                // of picture and label
}

// oneLabel is said where there is nothing to weigh a label against.
const oneLabel = "one label decides nothing: its probability is 100% for any picture; name another, such as what else the pictures may show, or compare cosines"

// classified is what classify found out about one picture.
type classified struct {
	Picture     string       `json:"picture"`
	Reason      string       `json:"reason,omitempty"` // why it could not be read
	Predictions []prediction `json:"predictions,omitempty"`
}

func (g *global) classify(ctx context.Context, w *workspace, paths []string, o classifyOptions) error {
	if o.labels == "" {
		return &exitError{exitConfiguration, fmt.Errorf("--labels is missing: name a file with a label a line")}
	}
	labels, err := evaluate.ReadLabels(o.labels)
	if err != nil {
		return &exitError{exitConfiguration, err}
	}
	if len(o.templates) == 0 {
		o.templates = w.cfg.Eval.Templates
	}
	templates, err := evaluate.Templates(o.templates)
	if err != nil {
		return &exitError{exitConfiguration, err}
	}
	model, err := w.openModel()
	if err != nil {
		return err
	}
	defer model.Close()
	classifier, err := model.Classifier(ctx, w.path(shard.ClassifiersFolder), labels, templates, w.cfg.Eval.Batch)
	if err != nil {
		return err
	}
	if classifier.From == evaluate.Rebuilt {
		w.log.Warn("the classifier that was kept is damaged; it was made again", "file", classifier.Path)
	}
	pictures, err := newPictureConverter(w.cfg.Workers)
	if err != nil {
		return err
	}
	defer pictures.Close()
	list := make([]classified, len(paths))
	shown := 0
	err = model.EachPictures(ctx, &evaluate.FilePictures{Paths: paths, Convert: pictures.Upright}, w.cfg.Eval.Batch, func(_ int, v evaluate.Vectors) error {
		for _, bad := range v.Bad {
			list[bad.Number] = classified{Picture: bad.Name, Reason: fmt.Sprintf("%s: %v", bad.Reason, bad.Err)}
		}
		for k, i := range v.Kept {
			row := v.Rows[k*model.Dim() : (k+1)*model.Dim()]
			cosines := evaluate.Cosines(row, classifier)
			list[i] = classified{Picture: paths[i], Predictions: predictions(cosines, model.Probabilities(cosines), labels, o.top)}
			shown++
		}
		return nil
	})
	if err != nil {
		return err
	}
	note := ""
	if len(labels) == 1 {
		note = oneLabel
	}
	return g.printClassified(list, shown, model.Hash, classifier.From, note)
}

// printClassified prints what was found out. When no picture could be read, the
// command has kept nothing.
func (g *global) printClassified(list []classified, shown int, model, from, note string) error {
	if g.json {
		if err := g.printJSON(struct {
			Model      string       `json:"model_hash"`
			Classifier string       `json:"classifier"` // computed, cached or rebuilt
			Note       string       `json:"note,omitempty"`
			Pictures   []classified `json:"pictures"`
		}{model, from, note, list}); err != nil {
			return err
		}
	} else {
		for _, c := range list {
			fmt.Fprintln(g.stdout, c.Picture)
			if c.Reason != "" {
				fmt.Fprintf(g.stdout, "  left out: %s\n", c.Reason)
			}
			for _, p := range c.Predictions {
				if p.Probability == nil {
					fmt.Fprintf(g.stdout, "  cosine %.3f  %s\n", p.Cosine, p.Label)
				} else {
					fmt.Fprintf(g.stdout, "  %5.1f%%  %s\n", 100**p.Probability, p.Label)
				}
			}
		}
		if note != "" {
			fmt.Fprintln(g.stdout, note)
		}
		if bad := len(list) - shown; bad > 0 {
			fmt.Fprintf(g.stdout, "%d of %d pictures left out\n", bad, len(list))
		}
	}
	if shown == 0 {
		return &exitError{exitPartial, fmt.Errorf("classify: none of %d pictures could be read", len(list))}
	}
	return nil
}

// predictions are the top most likely labels, equal ones in the file's order.
func predictions(cosines, probabilities []float64, labels []string, top int) []prediction {
	list := make([]prediction, len(labels))
	for i, label := range labels {
		list[i] = prediction{Label: label, Cosine: cosines[i]}
		if len(labels) > 1 {
			list[i].Probability = &probabilities[i]
		}
	}
	slices.SortStableFunc(list, func(a, b prediction) int { return cmp.Compare(b.Cosine, a.Cosine) })
	return list[:min(max(top, 1), len(list))]
}
