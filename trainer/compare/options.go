package compare

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/trainer"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/evaluate"
)

// Options is the configuration of pairloom compare.
type Options struct {
	Dataset         string          `yaml:"dataset" default:"" doc:"folder of the dataset whose shards all runs train on"`
	Out             string          `yaml:"out" default:"compare" doc:"folder for runs and results"`
	Objectives      []string        `yaml:"objectives" default:"contrastive,bag_of_words,caption,convirt" doc:"what is compared: contrastive, bag_of_words, caption, convirt and supervised"`
	Seeds           int             `yaml:"seeds" default:"3" range:"1..1000" doc:"runs of each objective, with the seeds 1, 2 and so on"`
	Pairs           int             `yaml:"pairs" default:"0" range:"0.." doc:"budget of a run, in pairs seen; 0: flops is the budget"`
	Flops           float64         `yaml:"flops" default:"0" range:"0.." doc:"budget of a run, in floating-point operations, for equal compute whatever a pair costs; 0: pairs is the budget"`
	Points          int             `yaml:"points" default:"6" range:"1..30" doc:"how often a run is judged: at its end, at half of it, and so on"`
	Sets            []string        `yaml:"sets" default:"" doc:"labelled pictures to classify, written as eval.sets; with two, what is lost on the second is held against the supervised runs (effective robustness)"`
	Labels          string          `yaml:"labels" default:"" doc:"file of labels, one a line, that the objective supervised learns"`
	Templates       []string        `yaml:"templates" default:"A photo of a {label}." doc:"prompts, each with {label}; imagenet80 stands for CLIP's 80 contexts"`
	CaptionPictures int             `yaml:"caption_pictures" default:"200" range:"1.." doc:"pictures of a set on which the objective caption is judged, evenly spread: each meets every label's prompts in the decoder"`
	Train           trainer.Options `yaml:"train" doc:"training, as in pairloom.yaml; objective, labels, seed and epochs are those of the comparison"`

	// Convert makes JPEGs of picture files; see evaluate.Options.
	Convert evaluate.Convert `yaml:"-"`
}

var objectives = []string{clip.Contrastive, clip.BagOfWords, clip.Caption, clip.ConVIRT, clip.Supervised}

// Validate reports every fault that a range cannot express.
func (o Options) Validate() error {
	var faults []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(o.Dataset == "", "dataset: name the folder whose shards are trained on")
	fault(o.Out == "", "out: name the folder for the results")
	fault(len(o.Objectives) == 0, "objectives: name at least one of %s", strings.Join(objectives, ", "))
	fault(len(o.Sets) == 0, "sets: name at least one set of labelled pictures, such as folder:PATH")
	fault((o.Pairs > 0) == (o.Flops > 0), "pairs and flops: set one of them, the budget of a run, and leave the other at 0")
	for i, name := range o.Objectives {
		known := slices.Contains(objectives, name)
		fault(!known, "objectives: %q given, one of %s expected", name, strings.Join(objectives, ", "))
		fault(slices.Contains(o.Objectives[:i], name), "objectives: %s stands there twice", name)
		fault(name == clip.Supervised && o.Labels == "", "labels: the objective supervised needs a file of labels, one a line")
		if known && (name != clip.Supervised || o.Labels != "") {
			if err := o.training(run{Objective: name, Seed: 1}).Validate(); err != nil {
				faults = append(faults, fmt.Errorf("train, for the objective %s: %w", name, err))
			}
		}
	}
	if _, err := evaluate.Templates(o.Templates); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// training is what one run is trained with.
func (o Options) training(r run) trainer.Options {
	t := o.Train
	t.Objective, t.Seed, t.Labels, t.MaxDuration = r.Objective, r.Seed, "", 0
	t.Epochs = 1 // the budget is one of steps
	if r.Objective == clip.Supervised {
		t.Labels = o.Labels
	}
	return t
}
