package evaluate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pairloom/pairloom/trainer/backend"
)

// labelMark is where a template takes the label.
const labelMark = "{label}"

// Options is the section eval of pairloom.yaml.
type Options struct {
	Weights   string   `yaml:"weights" default:"last" doc:"which weights are judged and used: those of the last checkpoint (last), their fading average there (average; train.ema), those of the least held-out loss (best; train.validate_every), the run's random ones from before its first step, to hold the others against (initial), or the path of others: safetensors of a CLIP as open_clip, OpenAI or Hugging Face name them, a file or the folder that it lies in with its configuration"`
	Model     string   `yaml:"model" default:"" doc:"model of the weights in a file, where no configuration beside them says it: a preset of train.model, or open_clip's name for one, such as ViT-B-32-quickgelu"`
	RecallAt  []string `yaml:"recall_at" default:"1,5,10" doc:"numbers k: how often a right answer is among the k best"`
	Templates []string `yaml:"templates" default:"A photo of a {label}." doc:"prompts of the zero-shot classifier, each with {label}; imagenet80 stands for CLIP's 80 contexts"`
	Classes   int      `yaml:"classes" default:"20" range:"0..100000" doc:"classes of the zero-shot test: the queries with most held-out pairs; 0 leaves it out"`
	ClassList string   `yaml:"class_list" default:"" doc:"file of the classes of that test, a query a line, instead of those with most pairs; empty: none"`
	MaxPairs  int      `yaml:"max_pairs" default:"5000" range:"2.." doc:"held-out pairs used at most; recall at k depends on how many there are"`

	Seen         string `yaml:"seen" default:"leave_out" choices:"leave_out|refuse|keep" doc:"what becomes of held-out pairs that the model was trained on, by pair, picture address, picture or look (seen_distance), which are named in any case: leave_out judges on the others, refuse ends with an error, keep counts them as well"`
	SeenDistance int    `yaml:"seen_distance" default:"4" range:"0..15" doc:"bits of 64 in which the perceptual hashes of two pictures may differ for one to count as seen with the other, as in dedup.picture_distance"`

	Sets       []string `yaml:"sets" default:"" doc:"labelled pictures to classify by prompts: folder:PATH (a subfolder a class), mnist:IMAGES,LABELS (idx files), cifar10:FILE,..., cifar100:FILE,... (binary), parquet:FILE,... (Hugging Face: columns image and label), shards:FOLDER (held-out pairs of a dataset whose texts are labels) or training:FOLDER (its training pairs)"`
	Labels     string   `yaml:"labels" default:"" doc:"file of the labels of sets, a line a class in the set's order, or class, tab, label; empty: the sets' own names, which shards and training lack"`
	ProbeTrain string   `yaml:"probe_train" default:"" doc:"set that a linear probe learns from, written as in sets; empty: no probe"`
	ProbeTest  string   `yaml:"probe_test" default:"" doc:"set that the linear probe is tested on"`
	ShiftedSet string   `yaml:"shifted_set" default:"" doc:"set whose accuracy is held against that of the first of sets (effective robustness); empty: not done"`
	Baseline   string   `yaml:"baseline" default:"" doc:"file of the accuracies (0 to 1) of other models on the first of sets and on shifted_set: name,standard,shifted a line"`
	Bootstrap  int      `yaml:"bootstrap" default:"1000" range:"0..1000000" doc:"resamples behind each confidence interval; 0: no intervals"`
	Seed       int64    `yaml:"seed" default:"1" doc:"seed of the resamples and of the probe's validation split"`

	Batch   int `yaml:"batch" default:"64" range:"1.." pace:"true" doc:"pairs embedded at a time; without AVX-512 another number may change the last bits of vectors"`
	Threads int `yaml:"threads" default:"0" range:"0..1024" pace:"true" doc:"threads of the linear algebra and of decoding, with the same effect; 0 means one a processor"`

	Device string `yaml:"device" default:"auto" pace:"true" doc:"what computes, for embed, search and classify as well: auto, cpu, or cuda or cuda:N for a GPU; auto takes a GPU where the program can"`

	// Convert makes the JPEG of a picture file of any format; a file that cannot
	// be one gives a *BadPicture. Without it only JPEGs are read.
	Convert Convert `yaml:"-"`
	// Near finds look-alikes among what the model was trained on; without it only equal
	// pictures count as seen.
	Near Near `yaml:"-"`
}

// Validate reports every fault that a range cannot express.
func (o Options) Validate() error {
	var faults []error
	if len(o.RecallAt) == 0 {
		faults = append(faults, errors.New("recall_at: no number given, at least one expected"))
	}
	for _, k := range o.RecallAt {
		if n, err := strconv.Atoi(strings.TrimSpace(k)); err != nil || n < 1 {
			faults = append(faults, fmt.Errorf("recall_at: %q given, a number of 1 or more expected", k))
		}
	}
	if _, err := Templates(o.Templates); err != nil {
		faults = append(faults, err)
	}
	if err := backend.Check(o.Device); err != nil {
		faults = append(faults, err)
	}
	for _, spec := range append(slices.Clone(o.Sets), o.ProbeTrain, o.ProbeTest, o.ShiftedSet) {
		if spec != "" {
			kind, _, err := parseSet(spec)
			if err == nil && needsLabels(kind) && o.Labels == "" {
				err = fmt.Errorf("labels: %s: %w", spec, errNeedsLabels)
			}
			if err != nil {
				faults = append(faults, err)
			}
		}
	}
	if (o.ProbeTrain == "") != (o.ProbeTest == "") {
		faults = append(faults, errors.New("probe_train and probe_test: a probe needs both sets"))
	}
	if o.ShiftedSet != "" && (len(o.Sets) == 0 || o.Baseline == "") {
		faults = append(faults, errors.New("shifted_set: name the set it is shifted from first in sets, and the file of other models' accuracies in baseline"))
	}
	return errors.Join(faults...)
}

// recallAt is RecallAt as sorted numbers.
func (o Options) recallAt() []int {
	var list []int
	for _, k := range o.RecallAt {
		n, _ := strconv.Atoi(strings.TrimSpace(k)) // Validate has looked
		list = append(list, n)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
