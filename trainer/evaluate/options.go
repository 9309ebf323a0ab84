package evaluate

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// labelMark is where a template takes the label.
const labelMark = "{label}"

// Options is the section eval of pairloom.yaml.
type Options struct {
	RecallAt  []string `yaml:"recall_at" default:"1,5,10" doc:"numbers k: how often a right answer is among the k best"`
	Templates []string `yaml:"templates" default:"A photo of a {label}." doc:"prompts of the zero-shot classifier; each holds {label}"`
	Classes   int      `yaml:"classes" default:"20" range:"0..100000" doc:"classes of the zero-shot test: the queries with most held-out pairs; 0 leaves it out"`
	MaxPairs  int      `yaml:"max_pairs" default:"5000" range:"2.." doc:"held-out pairs used at most; recall at k depends on how many there are"`
	Batch     int      `yaml:"batch" default:"64" range:"1.." pace:"true" doc:"pairs embedded at a time"`
	Threads   int      `yaml:"threads" default:"0" range:"0..1024" pace:"true" doc:"threads of the linear algebra and of decoding; 0 means one a processor"`
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
	if len(o.Templates) == 0 && o.Classes > 0 {
		faults = append(faults, errors.New("templates: none given, at least one expected"))
	}
	for _, t := range o.Templates {
		if !strings.Contains(t, labelMark) {
			faults = append(faults, fmt.Errorf("templates: %q does not contain %s", t, labelMark))
		}
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

func (o Options) threads() int {
	if o.Threads > 0 {
		return o.Threads
	}
	return runtime.NumCPU()
}
