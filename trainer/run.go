package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/cpu"
	"github.com/pairloom/pairloom/trainer/token"
)

// Folder of the checkpoints in a dataset's folder, and of the shards.
const (
	checkpointsFolder = shard.CheckpointsFolder
	shardsFolder      = shard.ShardsFolder
)

var (
	// ErrForeign is wrapped when the checkpoints belong to other settings or
	// other pairs. Options.Replace removes them instead.
	ErrForeign = errors.New("the checkpoints there were made otherwise")
	// ErrTooFew is wrapped when there is nothing to tell apart.
	ErrTooFew = errors.New("fewer than two training pairs")
	// ErrDiverged is wrapped when step after step is not finite.
	ErrDiverged = errors.New("the loss is not finite")
)

// Run trains on dir/shards and leaves its checkpoints in dir/checkpoints. When
// an earlier run with the same settings got part of the way, it goes on from
// there; when that run was complete, there is nothing to do. progress, which
// may be nil, is called after each step.
//
// When ctx is cancelled, Run saves a checkpoint and returns ctx.Err.
func Run(ctx context.Context, dir string, o Options, progress func(Step)) (Result, error) {
	if err := o.Validate(); err != nil {
		return Result{}, err
	}
	datasets, err := o.datasets(dir)
	if err != nil {
		return Result{}, err
	}
	source, err := batch.OpenAll(datasets, batch.Training)
	if err != nil {
		return Result{}, err
	}
	defer source.Close()
	r, err := newRun(dir, o, source)
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	if err := r.restore(); err != nil {
		return Result{}, err
	}
	if err := r.openValidation(ctx); err != nil {
		return Result{}, err
	}
	if progress == nil {
		progress = func(Step) {}
	} else if r.pace.peak, err = measurePeak(r.device); err != nil {
		return Result{}, err
	}
	loopErr := r.loop(ctx, progress)
	if err := r.device.Sync(); err != nil && loopErr == nil {
		loopErr = err
	}
	result := r.result()
	if loopErr == nil {
		loopErr = result.Tally.Check()
	}
	return result, loopErr
}

// newRun plans the run: sizes, settings, vocabulary. Nothing is written yet.
func newRun(dir string, o Options, source *batch.Source) (*run, error) {
	if rows := source.Draws(); rows < 2 {
		return nil, fmt.Errorf("train on %s: %w (there are %d); crawl more pages or loosen the filters", filepath.Join(dir, shardsFolder), ErrTooFew, rows)
	}
	r := &run{options: o, dir: dir, source: source, folder: filepath.Join(dir, checkpointsFolder), batch: min(o.Batch, source.Draws())}
	if o.Folder != "" {
		r.folder = o.Folder
	}
	config, labels, err := r.config()
	if err != nil {
		return nil, err
	}
	textInit, err := o.textInit()
	if err != nil {
		return nil, err
	}
	r.batchesPerEpoch = batch.StepsPerEpoch(source.Draws(), r.batch)
	r.state = checkpoint.State{
		Model: config, Data: source.Hash(), Settings: o.settings(r.batch, labels, textInit),
		Total: max(1, int64(o.Epochs)*int64(r.batchesPerEpoch)/int64(o.accumulate())), Undecodable: []int{},
		LossFirst: []float64{}, LossLast: []float64{},
	}
	if o.Steps > 0 {
		r.state.Total = o.Steps
	}
	if err := r.findCheckpoint(); err != nil {
		return nil, err
	}
	if err := r.findVocabulary(); err != nil {
		return nil, err
	}
	r.model = clip.New(config, r.vocabulary.Size())
	if o.CheckpointActivations {
		r.model.Recompute()
	}
	r.head = newHead(o, r.model)
	r.objective = r.newObjective()
	if r.device, err = openDevice(o); err != nil {
		return nil, err
	}
	if err := r.allocate(); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// config is the model's shape; labels stands for the content of the file of
// labels, where there is one, whose classes it finds.
func (r *run) config() (config clip.Config, labels string, err error) {
	if config, err = clip.Preset(r.options.Model); err != nil {
		return config, "", err
	}
	switch r.options.Objective {
	case clip.Contrastive: // "" in a Config
	case clip.Supervised:
		config.Objective = clip.Supervised
		config.Classes, labels, err = r.findClasses()
	default:
		config.Objective = r.options.Objective
	}
	return config, labels, err
}

// openDevice starts the device in the precision asked for.
func openDevice(o Options) (device.Device, error) {
	if o.Precision != precisionBF16 {
		return cpu.Open(o.threads()), nil
	}
	d, err := cpu.OpenBF16(o.threads())
	if err != nil {
		return nil, fmt.Errorf("train.precision: %w", err)
	}
	return d, nil
}

// settings are the options that shape the result, as text that compares. Those
// that came later are named only where they are not what was done before them,
// so that older checkpoints still compare. labels and textInit stand for the
// content of files.
func (o Options) settings(batch int, labels, textInit string) string {
	all := map[string]any{
		"model": o.Model, "epochs": o.Epochs, "batch": batch, "lr": o.LearningRate, "warmup": o.Warmup,
		"weight_decay": o.WeightDecay, "beta1": o.Beta1, "beta2": o.Beta2, "eps": o.Epsilon, "grad_clip": o.GradClip,
		"crop_scale": o.CropScale, "vocabulary": o.Vocabulary, "seed": o.Seed,
	}
	if size, err := strconv.Atoi(o.Vocabulary); err == nil {
		all["vocabulary"] = size
	}
	if o.MicroBatch > 0 && o.MicroBatch < batch {
		all["micro_batch"] = o.MicroBatch
	}
	if o.accumulate() > 1 {
		all["accumulate"] = o.accumulate()
	}
	if o.Loss == lossSigLIP {
		all["loss"] = o.Loss
	}
	for name, share := range map[string]float64{"jitter": o.Jitter, "saturation": o.Saturation, "hue": o.Hue, "gray": o.Gray, "rotate": o.Rotate, "ema": o.EMA} {
		if share > 0 {
			all[name] = share
		}
	}
	if len(o.Data) > 0 {
		all["data"] = strings.Join(o.Data, ", ")
	}
	if o.Init != "" {
		all["init"] = o.Init
	}
	if textInit != "" {
		all["text_init"] = textInit
	}
	if o.Precision == precisionBF16 {
		all["precision"] = o.Precision
	}
	if o.Objective != "" && o.Objective != clip.Contrastive {
		all["objective"] = o.Objective
	}
	if labels != "" {
		all["labels"] = labels
	}
	if o.LMWeight > 0 {
		all["lm_weight"] = o.LMWeight
	}
	if o.Steps > 0 {
		all["steps"] = o.Steps
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // numbers and strings always encode
	}
	return string(text)
}

// settingsDifference names the keys in which two texts of settings differ.
func settingsDifference(before, now string) string {
	var a, b map[string]any
	if json.Unmarshal([]byte(before), &a) != nil || json.Unmarshal([]byte(now), &b) != nil {
		return fmt.Sprintf("they have the settings %s, and now %s is asked for", before, now)
	}
	value := func(m map[string]any, key string) any {
		if v, there := m[key]; there {
			return v
		}
		return "its default"
	}
	var parts []string
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if was, is := value(a, key), value(b, key); was != is {
			parts = append(parts, fmt.Sprintf("%s was %v and is now %v", key, was, is))
		}
	}
	text := strings.Join(parts, ", ")
	if len(parts) == 1 && a["epochs"] != b["epochs"] {
		text += ", which changes the learning rate of every step; to train longer, start anew with init set to the weights that are there"
	}
	return text
}

// findCheckpoint looks for work to go on from.
func (r *run) findCheckpoint() error {
	found, err := checkpoint.Latest(r.folder)
	if errors.Is(err, checkpoint.ErrNone) {
		return r.startAfresh()
	}
	var damaged *checkpoint.Damaged
	if errors.As(err, &damaged) && r.options.Replace {
		return r.startAfresh()
	}
	if err != nil {
		return err
	}
	difference := ""
	switch {
	case found.State.Settings != r.state.Settings:
		difference = settingsDifference(found.State.Settings, r.state.Settings)
	case found.State.Data != r.state.Data:
		difference = "the shards have changed since"
	case found.State.Model != r.state.Model:
		difference = fmt.Sprintf("the preset %s has changed since", r.state.Model.Name)
	}
	if difference == "" {
		r.found = found
		r.state = found.State
		r.resumed = found.State.Step
		return nil
	}
	if r.options.Replace {
		return r.startAfresh()
	}
	return fmt.Errorf("resume from %s: %w: %s; move or delete the folder %s to start anew", found.Path, ErrForeign, difference, r.folder)
}

// startAfresh removes what other runs left.
func (r *run) startAfresh() error {
	if err := checkpoint.Clear(r.folder); err != nil {
		return err
	}
	if err := os.MkdirAll(r.folder, 0o755); err != nil {
		return fmt.Errorf("make folder for checkpoints: %w", err)
	}
	return removeMetrics(r.folder)
}

// findVocabulary reads the checkpoint's vocabulary, or learns one.
func (r *run) findVocabulary() (err error) {
	if r.found != nil {
		data, err := r.found.Vocabulary()
		if err != nil {
			return err
		}
		if r.vocabulary, err = token.Parse(data, 0); err != nil {
			return fmt.Errorf("%s: %w", r.found.Path, err)
		}
		return nil
	}
	if r.options.Vocabulary == publicVocabulary {
		r.vocabulary = token.Public()
	} else if r.vocabulary, err = token.Train(r.source.Texts(), r.options.vocabularySize()); err != nil {
		return fmt.Errorf("learn vocabulary: %w", err)
	}
	r.state.Vocabulary = r.vocabulary.Size()
	return nil
}
