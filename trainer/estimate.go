package trainer

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/nn"
)

// Estimate is what a training would take. Bytes, unless said otherwise.
type Estimate struct {
	Model      string `json:"model"`
	Device     string `json:"device"`
	Precision  string `json:"precision"`
	Parameters int    `json:"parameters"`
	Vocabulary int    `json:"vocabulary"` // tokens
	Pairs      int64  `json:"pairs"`      // of training; 0 when there are no shards
	Batch      int    `json:"batch"`      // pairs that meet in the loss
	MicroBatch int    `json:"micro_batch"`
	Steps      int64  `json:"steps"` // of the whole training; 0 when there are no shards

	Memory  Memory `json:"memory"`
	Total   int64  `json:"memory_total"`
	Machine int64  `json:"memory_of_machine"` // that can be had now; 0 when not known
	// OnCard is the part of Total that lies on the card, and Card what can be had there
	// now; 0 where the processor computes.
	OnCard int64 `json:"memory_on_card,omitempty"`
	Card   int64 `json:"memory_of_card,omitempty"`
	// LargestBatch fits into the machine as a whole, and LargestMicroBatch with the batch
	// of the configuration; 0 when not known, or where not one pair does.
	LargestBatch      int `json:"largest_batch"`
	LargestMicroBatch int `json:"largest_micro_batch,omitempty"`

	FlopsPerPair float64 `json:"flops_per_pair"` // useful operations, with the way back
	ProductFlops float64 `json:"product_flops"`  // operations a second of a product of the model's shape, measured
	// PairsPerSecond and Hours take trainingShare of that for the whole of training.
	PairsPerSecond float64 `json:"pairs_per_second"`
	Hours          float64 `json:"hours"`

	Checkpoint int64 `json:"checkpoint"`      // on disk
	Disk       int64 `json:"checkpoints"`     // those that are kept, the one that is being written, and the best
	Free       int64 `json:"checkpoint_room"` // that the disk has; 0 when not known

	Notes []string `json:"notes,omitempty"` // what was assumed
}

// trainingShare is the share of the rate of large products that the steps of a training
// reach as a rule on processors; see bench/train.
const trainingShare = 0.7

// captionTokens is how long captions are where there are none to look at: texts of
// pictures on web pages have 10 to 20 tokens, start and end among them.
var captionTokens = []int{8, 10, 12, 14, 16, 18, 20, 22, 26, 32}

// DryRun says what a training of dir's shards, from its start, would take. It measures
// the device for a moment; nothing is trained, and nothing is written. Where there are
// no shards yet it says what it assumes.
func DryRun(dir string, o Options) (Estimate, error) {
	if err := o.Validate(); err != nil {
		return Estimate{}, err
	}
	o.Replace = false
	var e Estimate
	choice, err := backend.Choose(o.Device)
	if err != nil {
		return e, fmt.Errorf("train: %w", err)
	}
	o.Precision = o.precisionOn(choice, nil)
	r := &run{options: o, dir: dir, home: o.home(dir), choice: choice}
	defer r.close()
	p, err := r.planAnew(&e)
	if err != nil {
		return e, err
	}
	e.Precision = o.Precision
	e.Model, e.Vocabulary, e.Batch, e.MicroBatch = p.config.Name, p.vocabulary, r.batch, r.microBatch()
	var flops float64
	if e.Memory, flops, err = p.memory(r.batch, r.microBatch()); err != nil {
		return e, err
	}
	e.Total, e.FlopsPerPair = e.Memory.Total(), flops
	rooms := roomsOf(r.choice)
	if e.Machine = max(0, rooms.machine); rooms.onCard {
		e.OnCard, e.Card = e.Memory.Device(), rooms.card
	}
	if rooms.known() {
		if e.LargestBatch, e.LargestMicroBatch, err = p.largest(r.batch, rooms); err != nil {
			return e, err
		}
		if e.LargestBatch < 2 {
			e.LargestBatch = 0
		}
	}
	model := clip.New(p.config, p.vocabulary)
	newHead(o, model)
	e.Parameters = model.Parameters.Words()
	e.disk(o, &model.Parameters, r.home)
	return e, r.measure(&e, p.config)
}

// planAnew is the plan of a training from the start.
func (r *run) planAnew(e *Estimate) (plan, error) {
	o := r.options
	config, err := o.config()
	if err != nil {
		return plan{}, err
	}
	r.state = checkpoint.State{Model: config}
	err = r.openGrounds()
	if errors.Is(err, shard.ErrUnfinished) || errors.Is(err, fs.ErrNotExist) {
		return r.planWithout(e)
	}
	if err != nil {
		return plan{}, err
	}
	if err := r.openSegment(); err != nil {
		return plan{}, err
	}
	if o.Objective == clip.Supervised {
		if r.state.Model.Classes, err = r.findClasses(); err != nil {
			return plan{}, err
		}
	}
	if err := r.findVocabulary(); err != nil {
		return plan{}, err
	}
	e.Pairs, e.Steps = int64(r.source.Draws()), r.state.Total
	return r.plan()
}

// planWithout is the plan where there are no shards.
func (r *run) planWithout(e *Estimate) (plan, error) {
	o := r.options
	p := plan{options: o, config: r.state.Model, lengths: captionTokens, rows: 1 << 30, onCard: r.choice.OnCard}
	p.vocabulary = 49408
	if o.Vocabulary != publicVocabulary {
		p.vocabulary = o.vocabularySize()
	}
	e.Notes = append(e.Notes,
		fmt.Sprintf("there are no shards in %s yet: captions are taken to have 8 to 32 tokens, 18 on average, and the hours are not known", filepath.Join(r.dir, shardsFolder)))
	if o.Objective == clip.Supervised {
		p.config.Classes = 1000
		e.Notes = append(e.Notes, "1,000 labels are assumed")
	}
	if o.ValidateEvery > 0 {
		p.heldOut = validationPairs
	}
	r.state.Model, r.batch = p.config, o.Batch
	return p, nil
}

// disk is what the checkpoints take.
func (e *Estimate) disk(o Options, p *nn.Parameters, home string) {
	const bytesOfToken = 12 // a line of the vocabulary, about
	whole, best := o.sizes(p, bytesOfToken*int64(e.Vocabulary))
	saves := int64(o.Keep) + 1
	if e.Steps > 0 {
		saves = min(saves, (e.Steps+int64(o.CheckpointEvery)-1)/int64(o.CheckpointEvery))
	}
	e.Checkpoint, e.Disk = whole, o.roomFor(whole, best, saves).need
	for folder := home; ; folder = filepath.Dir(folder) {
		free, err := checkpoint.Free(folder)
		if err == nil {
			e.Free = free
			return
		}
		if folder == filepath.Dir(folder) {
			return
		}
	}
}

// measure times a product of the shape that the model has most of.
func (r *run) measure(e *Estimate, c clip.Config) error {
	o := r.options
	d, err := r.openDevice()
	if err != nil {
		return err
	}
	for _, note := range []string{r.placed, r.notice} {
		if note != "" {
			e.Notes = append(e.Notes, note)
		}
	}
	defer d.Close()
	e.Device = d.Name()
	width := c.Width
	if c.IsResNet() {
		width *= 4 // of the blocks in the middle
	}
	const rows = 2048
	if e.ProductFlops, err = productRate(d, o.activations(), rows, 4*width, width); err != nil {
		return err
	}
	if e.FlopsPerPair == 0 {
		return nil
	}
	work := e.FlopsPerPair
	if e.MicroBatch < e.Batch {
		work *= 4.0 / 3 // forward once more
	}
	e.PairsPerSecond = trainingShare * e.ProductFlops / work
	e.Hours = float64(e.Steps) * float64(e.Batch*o.accumulate()) / e.PairsPerSecond / 3600
	e.Notes = append(e.Notes, fmt.Sprintf("the hours are an estimate: %.0f%% of the rate of a product of %d x %d x %d, as measured just now, for all of training; pictures that are read slower than that take longer",
		100*trainingShare, rows, 4*width, width))
	return nil
}
