package trainer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device"
)

// Options is the section train of pairloom.yaml.
type Options struct {
	Model                 string        `yaml:"model" default:"rn-micro" doc:"preset: vit-nano, vit-micro, vit-small, vit-b-32, vit-b-16, vit-l-14, vit-l-14-336, rn-nano, rn-tiny, rn-micro, rn-small, rn50, rn101, rn50x4, rn50x16 or rn50x64, or one of these with -quickgelu behind it, such as vit-b-32-quickgelu, for QuickGELU in the place of GELU"`
	Activation            string        `yaml:"activation" default:"preset" choices:"preset|gelu|quick_gelu" doc:"activation of the transformers: preset is that of model; OpenAI's released weights and those of open_clip's models whose names end in -quickgelu need quick_gelu as init"`
	Epochs                int           `yaml:"epochs" default:"30" range:"1.." doc:"passes over the training pairs"`
	Batch                 int           `yaml:"batch" default:"128" range:"2.." doc:"pairs that meet in the loss; lowered to the number of training pairs when there are fewer"`
	MicroBatch            int           `yaml:"micro_batch" default:"0" range:"0.." doc:"pairs that are in memory at a time, by gradient caching: the gradient is that of the whole batch, to rounding, for a third more work; 0 means the whole batch"`
	Accumulate            int           `yaml:"accumulate" default:"1" range:"1.." doc:"batches whose mean gradient makes one step; unlike micro_batch, pairs of different batches never meet"`
	Loss                  string        `yaml:"loss" default:"clip" choices:"clip|siglip" doc:"clip: cross entropy over rows and columns; siglip: a sigmoid for each pair, with a learned bias"`
	Objective             string        `yaml:"objective" default:"contrastive" choices:"contrastive|bag_of_words|caption|convirt|supervised" doc:"what is learned; contrastive is CLIP, the others are there to compare with: bag_of_words and caption predict the text, convirt has its paper's head, temperature, loss and augmentation, supervised predicts labels"`
	Labels                string        `yaml:"labels" default:"" doc:"file of the labels of the objective supervised, one a line; a pair is of the class that its whole text names, or of that of another pair with the same picture"`
	LMWeight              float64       `yaml:"lm_weight" default:"0" range:"0..1000" doc:"weight of language modelling by the text tower, which predicts each next token beside the contrastive loss; 0 means none"`
	LearningRate          float64       `yaml:"lr" default:"0.001" range:"0..1" doc:"peak learning rate, reached at the end of the warm-up; falls to 0 along a cosine"`
	Warmup                int           `yaml:"warmup" default:"50" range:"0.." doc:"steps of linear warm-up; at most a tenth of all steps is used"`
	WeightDecay           float64       `yaml:"weight_decay" default:"0.2" range:"0..10" doc:"decoupled weight decay of tensors of rank 2 and more"`
	Beta1                 float64       `yaml:"beta1" default:"0.9" range:"0..0.9999" doc:"decay rate of AdamW's first moment"`
	Beta2                 float64       `yaml:"beta2" default:"0.98" range:"0..0.99999" doc:"decay rate of AdamW's second moment"`
	Epsilon               float64       `yaml:"eps" default:"0.000001" range:"0..1" doc:"added to the root of AdamW's second moment"`
	GradClip              float64       `yaml:"grad_clip" default:"1" range:"0.." doc:"largest norm of the gradient over all parameters; 0 means no limit"`
	SkipOutliers          float64       `yaml:"skip_outliers" default:"0" range:"0..1000000" doc:"a step is not taken when the norm of its gradient, before clipping, is above so many times the median of the last 100 steps that were taken, such as 10; 0 takes all whose gradient is finite"`
	CropScale             float64       `yaml:"crop_scale" default:"0" range:"0..1" doc:"0 is the crop of CLIP's paper: the picture is resized, its short side to the model's resolution, and a square of it cut out at random; above 0, with crop_aspect, it is that of RandomResizedCrop: the smallest area of a crop, as a share of the picture's area, 0.9 in open_clip"`
	CropAspect            float64       `yaml:"crop_aspect" default:"0" range:"0..1" doc:"with crop_scale: width over height of a crop is drawn from crop_aspect to 1/crop_aspect, such as 0.75, that of open_clip and torchvision; 1 means squares"`
	Jitter                float64       `yaml:"jitter" default:"0" range:"0..0.9" doc:"brightness and contrast of a training picture are each drawn from 1-jitter to 1+jitter; 0, as CLIP has it, changes neither"`
	Saturation            float64       `yaml:"saturation" default:"0" range:"0..1" doc:"saturation of a training picture is drawn from 1-saturation to 1+saturation"`
	Hue                   float64       `yaml:"hue" default:"0" range:"0..0.5" doc:"colours of a training picture are turned by -hue to hue of a full circle"`
	Gray                  float64       `yaml:"gray" default:"0" range:"0..1" doc:"share of training pictures that lose their colours"`
	Rotate                float64       `yaml:"rotate" default:"0" range:"0..180" doc:"training pictures are turned by -rotate to rotate degrees"`
	EMA                   float64       `yaml:"ema" default:"0" range:"0..0.999999" doc:"share that the average of the weights keeps at each step, such as 0.9999; it is saved as ema.safetensors, and validation uses it; 0 means no average"`
	Vocabulary            string        `yaml:"vocabulary" default:"4096" doc:"public, the 49408 tokens of the released models, or a number from 515 to 200000: tokens of a vocabulary learned from the training texts, fewer when the texts hold fewer; with init and a number it is the vocabulary beside the weights"`
	Data                  []string      `yaml:"data" default:"" doc:"what to train on as well, or alone where this folder has no shards: folders of other datasets, tars of WebDataset ('laion/{00000..00009}.tar', laion/*.tar), Parquet or Arrow files with pictures, folders of pictures with captions (docs/sources.md); each with its weight after the last =, such as ../birds=0.5; an epoch draws each of their pairs so often; no weight means 1, that of this folder's pairs; a name that ends in = and a number needs its weight: ../lr=0.5=1"`
	DataText              string        `yaml:"data_text" default:"" doc:"column of the captions in Parquet and Arrow files of data, or key in the JSON of tars; empty takes the first of text, caption, captions, alt, alt_text, ... that there is, in either case"`
	DataPicture           string        `yaml:"data_picture" default:"" doc:"column of the pictures in Parquet and Arrow files of data, of bytes or of a struct with the field bytes; empty takes the first of image, img, picture, jpg, jpeg, png, webp, bytes, image_bytes that there is"`
	Init                  string        `yaml:"init" default:"" doc:"safetensors of a CLIP, a file or the folder that it lies in, with the names of open_clip, OpenAI or Hugging Face, whose weights training starts from, such as checkpoints/step-00000405/model.safetensors; what its configuration there says must be as model says; train --replace may start from the run that it replaces; empty means weights drawn from the seed"`
	TextInit              string        `yaml:"text_init" default:"" doc:"safetensors file of a GPT-2, with its vocab.json and merges.txt beside it, whose weights the text tower starts from; its width must be that of model: 768 for vit-l-14, vit-l-14-336 and rn50x16; empty means weights drawn from the seed"`
	Extend                string        `yaml:"extend" default:"3" pace:"true" doc:"what train does when the dataset has grown since the model was finished: a number, such as 3 or 0.5, trains it on for so many epochs over all pairs that there are then; anew trains another model from the start, beside it, which takes its place when it is complete; off keeps it as it is"`
	ExtendShare           float64       `yaml:"extend_share" default:"0.1" range:"0..1000" pace:"true" doc:"new training pairs that it takes, as a share of those trained on, before extend does so: 0.1 is a tenth; 0 means any"`
	ExtendRate            float64       `yaml:"extend_lr" default:"0" range:"0..1" pace:"true" doc:"peak learning rate while the model is trained on, after a warm-up of its own; falls to 0 along a cosine; 0 means 0.3 of lr"`
	Device                string        `yaml:"device" default:"auto" pace:"true" doc:"what computes: auto, cpu, or cuda or cuda:N for a GPU; auto takes a GPU where the program can"`
	Precision             string        `yaml:"precision" default:"auto" choices:"auto|fp32|tf32|bf16" doc:"type of the activations: fp32, or bf16, which halves their memory and is faster where the device multiplies it; weights, gradients of weights, sums, losses and embeddings stay fp32; tf32 is fp32 whose factors a card rounds to 10 bits of fraction where it multiplies them; auto is what the checkpoints have that training goes on from, else bf16 on a card and fp32 on the processor"`
	Seed                  int64         `yaml:"seed" default:"1" doc:"seed of the weights, of the order of pairs and of the crops"`
	CheckpointActivations bool          `yaml:"checkpoint_activations" default:"false" pace:"true" doc:"transformer blocks keep their inputs alone and compute the rest again on the way back: a third more work, far less memory, the same bits"`
	CheckpointEvery       int           `yaml:"checkpoint_every" default:"100" range:"1.." pace:"true" doc:"steps from one checkpoint to the next"`
	Keep                  int           `yaml:"keep" default:"2" range:"1.." pace:"true" doc:"checkpoints kept, newest first; the best is kept beside them"`
	ValidateEvery         int           `yaml:"validate_every" default:"0" range:"0.." pace:"true" doc:"steps from one validation on the held-out pairs to the next; checkpoints/best leads to the weights with the least loss; 0 means never"`
	LogEvery              int           `yaml:"log_every" default:"10" range:"1.." pace:"true" doc:"steps from one line of metrics.jsonl to the next"`
	Threads               int           `yaml:"threads" default:"0" range:"0..1024" pace:"true" doc:"threads of the linear algebra; 0 means one a processor"`
	Workers               int           `yaml:"workers" default:"0" range:"0..1024" pace:"true" doc:"goroutines that decode pictures; 0 means one a processor"`
	CacheMB               int           `yaml:"cache_mb" default:"512" range:"0.." pace:"true" doc:"memory in MB (10^6 bytes) for decoded pictures and for tokens, kept from one epoch to the next; where every crop is cut out of the same resized picture (crop_scale 0, rotate 0) that one is kept"`
	MaxDuration           time.Duration `yaml:"max_duration" default:"0s" range:"0s.." pace:"true" doc:"stop with a checkpoint after this long, to go on in the next run; 0s means no limit"`

	// Indexes are the folders of the indexes of what Data names that is no dataset of
	// pairloom (see [batch.IndexStage]), by its name there without the weight.
	Indexes map[string]string `yaml:"-" pace:"true"`
	// Replace trains in the place of checkpoints that other settings or other
	// pairs made, where Run would otherwise refuse to start with ErrForeign, or go on
	// by Extend.
	Replace bool `yaml:"-" pace:"true"`
	// Folder is that of the checkpoints, dir/checkpoints when empty.
	Folder string `yaml:"-" pace:"true"`
	// Steps, when above 0, is the number of steps in the place of Epochs.
	Steps int64 `yaml:"-"`
	// StopAt, when above 0, ends the run with a checkpoint after so many steps of
	// all; the next run goes on.
	StopAt int64 `yaml:"-" pace:"true"`
}

// Validate reports every fault that concerns more than one value, or that a
// range cannot express.
func (o Options) Validate() error {
	var faults []error
	if _, err := clip.Preset(o.Model); err != nil {
		faults = append(faults, fmt.Errorf("model: %w", err))
	}
	if o.Activation == activationGELU && strings.HasSuffix(o.Model, clip.QuickSuffix) {
		faults = append(faults, fmt.Errorf("activation: gelu is not that of %s; leave %s out of the name, or the key", o.Model, clip.QuickSuffix))
	}
	if o.LearningRate <= 0 {
		faults = append(faults, fmt.Errorf("lr: %g given, more than 0 expected", o.LearningRate))
	}
	if o.Epsilon <= 0 {
		faults = append(faults, fmt.Errorf("eps: %g given, more than 0 expected", o.Epsilon))
	}
	if o.CropScale > 0 && o.CropAspect <= 0 {
		faults = append(faults, fmt.Errorf("crop_scale: %g given without crop_aspect; it was a share of the picture's short side, and is one of its area now, as in torchvision: "+
			"give crop_aspect: 0.75 as well for what open_clip's number means, or remove crop_scale for the squares of CLIP's paper, which are as large as the picture allows", o.CropScale))
	}
	if o.CropScale == 0 && o.CropAspect > 0 {
		faults = append(faults, fmt.Errorf("crop_aspect: %g given without crop_scale; give the smallest area of a crop, such as crop_scale: 0.9, or remove the key", o.CropAspect))
	}
	if err := backend.Check(o.Device); err != nil {
		faults = append(faults, err)
	}
	if o.SkipOutliers > 0 && o.SkipOutliers <= 1 {
		faults = append(faults, fmt.Errorf("skip_outliers: %g given, 0 or more than 1 expected: half of all steps are above 1 times the median", o.SkipOutliers))
	}
	if size, err := strconv.Atoi(o.Vocabulary); o.Vocabulary != publicVocabulary && (err != nil || size < 515 || size > 200000) {
		faults = append(faults, fmt.Errorf("vocabulary: %q given, %s or a number from 515 to 200000 expected", o.Vocabulary, publicVocabulary))
	}
	if o.TextInit != "" && o.Init != "" {
		faults = append(faults, errors.New("text_init: the file of init has a text tower already; remove one of the two keys"))
	}
	if _, err := o.epochsToExtend(); err != nil {
		faults = append(faults, err)
	}
	if _, err := ReadData(o.Data); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(append(faults, o.validateObjective()...)...)
}

// validateObjective reports options that the objective has no use for.
func (o Options) validateObjective() (faults []error) {
	only := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	contrastive := o.Objective == "" || o.Objective == clip.Contrastive
	pairs := contrastive || o.Objective == clip.ConVIRT
	only(o.MicroBatch > 0 && !pairs, "micro_batch: pairs do not meet in the objective %s; set it to 0 and use accumulate", o.Objective)
	only(o.ValidateEvery > 0 && !pairs, "validate_every: the loss on held-out pairs is contrastive; set it to 0 for the objective %s", o.Objective)
	only(o.Loss == lossSigLIP && !contrastive, "loss: siglip goes with the objective contrastive alone, %s given", o.Objective)
	only(o.LMWeight > 0 && !contrastive, "lm_weight: the objective contrastive alone has it beside its loss; set it to 0 for %s", o.Objective)
	only(o.LMWeight > 0 && o.MicroBatch > 0, "lm_weight: it does not go with micro_batch; set one of them to 0")
	only(o.TextInit != "" && (o.Objective == clip.BagOfWords || o.Objective == clip.Supervised), "text_init: the objective %s has no text tower; remove the key", o.Objective)
	only(o.Objective == clip.Supervised && o.Labels == "", "labels: the objective supervised needs a file of labels, one a line")
	only(o.Objective != clip.Supervised && o.Labels != "", "labels: only the objective supervised has labels; remove the key, or set objective")
	return faults
}

// Data is an entry of Options.Data.
type Data struct {
	Name   string
	Weight float64
}

// address matches what names no file: https://, s3://, and the commands of WebDataset.
var address = regexp.MustCompile(`^([a-z][a-z0-9+.-]*:/|pipe:)`)

// ReadData reads entries of Options.Data.
func ReadData(entries []string) (list []Data, err error) {
	for _, entry := range entries {
		d := Data{entry, 1}
		// A = is of the folder's name unless a number follows it.
		if at := strings.LastIndexByte(entry, '='); at >= 0 {
			if number, err := strconv.ParseFloat(entry[at+1:], 64); err == nil {
				d = Data{entry[:at], number}
			}
		}
		if address.MatchString(d.Name) {
			return nil, fmt.Errorf("data: %q is an address; training reads files of this machine: download them first, or make a dataset of a list of addresses with pairloom import", entry)
		}
		if d.Weight > batch.Heaviest {
			return nil, fmt.Errorf("data: %q given, FOLDER=WEIGHT with a weight of at most %d expected; more of it is more epochs", entry, batch.Heaviest)
		}
		if d.Name == "" || !(d.Weight > 0) {
			return nil, fmt.Errorf("data: %q given, a folder or FOLDER=WEIGHT with a weight above 0 expected; the weight 1 after a folder whose own name ends in = and a number is %q", entry, entry+"=1")
		}
		list = append(list, d)
	}
	return list, nil
}

// OwnPairs tells whether the pairs of dir itself are trained on: always, but where other
// data is named and there are no shards.
func (o Options) OwnPairs(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, shardsFolder))
	return len(o.Data) == 0 || !errors.Is(err, fs.ErrNotExist)
}

// datasets are the shards of dir, if it is trained on, and what Data names, with the names
// that checkpoints have for them.
func (r *run) datasets() (list []ground, err error) {
	if r.options.OwnPairs(r.dir) {
		list = append(list, ground{Dataset: batch.Dataset{Folder: filepath.Join(r.dir, shardsFolder), Weight: 1}, name: ownName})
	}
	data, err := ReadData(r.options.Data)
	for _, d := range data {
		g := ground{Dataset: batch.Dataset{Folder: filepath.Join(d.Name, shardsFolder), Weight: d.Weight}, name: r.relative(d.Name)}
		if index, is := r.options.Indexes[d.Name]; is {
			g.Folder, g.index = index, true
		}
		list = append(list, g)
	}
	return list, err
}

const (
	publicVocabulary = "public" // value of Options.Vocabulary

	// Values of Options.Precision.
	precisionAuto = "auto"
	precisionFP32 = "fp32"
	precisionTF32 = "tf32"
	precisionBF16 = "bf16"

	// Values of Options.Activation; the other one is that of clip.Config.
	activationPreset = "preset"
	activationGELU   = "gelu"
)

// vocabularySize is the number in Vocabulary, which Validate has looked at.
func (o Options) vocabularySize() int {
	size, _ := strconv.Atoi(o.Vocabulary)
	return size
}

// accumulate is the number of batches of a step; the zero Options has one.
func (o Options) accumulate() int { return max(1, o.Accumulate) }

// activations is the type that Precision names.
func (o Options) activations() device.Type {
	if o.Precision == precisionBF16 {
		return device.BF16
	}
	return device.F32
}

func (o Options) threads() int {
	if o.Threads > 0 {
		return o.Threads
	}
	return runtime.NumCPU()
}

func (o Options) workers() int {
	if o.Workers > 0 {
		return o.Workers
	}
	return runtime.NumCPU()
}
