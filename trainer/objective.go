package trainer

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device"
)

// Augmentation of ConVIRT (arXiv 2010.00747, appendix A): crops at a ratio of 0.6 to 1,
// how far brightness and contrast go from 1, and the largest turn in degrees. The ratio is
// that of torchvision's crop, of areas, whose usual shapes go with it: the paper gives none.
const (
	convirtCrop   = 0.6
	convirtAspect = 0.75
	convirtJitter = 0.4
	convirtRotate = 20
)

// An objective is what a batch is trained to do.
type objective interface {
	// record enqueues the loss of a batch as the end of the tape; it goes to
	// loss[0].
	record(t *autograd.Tape, loss device.Buffer, b *batch.Batch)
	// flops counts the useful operations of record and its way back.
	flops(b *batch.Batch) float64
}

func (r *run) newObjective() objective {
	p := predictive{r.model}
	switch r.options.Objective {
	case clip.BagOfWords:
		return bagOfWords{p}
	case clip.Caption:
		return caption{p}
	case clip.Supervised:
		return supervised{p, r.classes}
	}
	return &pairs{predictive: p, head: r.head, lmWeight: float32(r.options.LMWeight)}
}

// predictive counts what the model does.
type predictive struct{ model *clip.Model }

func (p predictive) flops(b *batch.Batch) float64 {
	return p.model.Flops(b.Captions.Len(), &b.Captions)
}

type bagOfWords struct{ predictive }

func (p bagOfWords) record(t *autograd.Tape, loss device.Buffer, b *batch.Batch) {
	p.model.BagOfWordsLoss(t, loss, p.model.Pictures(t, b.Pictures), &b.Captions)
}

type caption struct{ predictive }

func (p caption) record(t *autograd.Tape, loss device.Buffer, b *batch.Batch) {
	p.model.CaptionLoss(t, loss, p.model.Pictures(t, b.Pictures), &b.Captions)
}

type supervised struct {
	predictive
	classes []int32 // of all rows
}

func (p supervised) record(t *autograd.Tape, loss device.Buffer, b *batch.Batch) {
	classes := make([]int32, len(b.Rows))
	for i, row := range b.Rows {
		classes[i] = p.classes[row]
	}
	p.model.SupervisedLoss(t, loss, p.model.Pictures(t, b.Pictures), classes)
}

// pairs is the contrastive objective and ConVIRT's: pictures against texts.
type pairs struct {
	predictive
	head     head
	lmWeight float32 // of language modelling beside
}

func (p *pairs) record(t *autograd.Tape, loss device.Buffer, b *batch.Batch) {
	x := p.model.Images(t, p.model.Pictures(t, b.Pictures))
	if p.lmWeight == 0 {
		p.head.record(t, loss, x, p.model.Texts(t, &b.Captions))
		return
	}
	// The sum of both losses is loss + [lm][weight], a product.
	both := t.Floats([]float32{0, p.lmWeight}, 1, 2).Data
	lm, weight := both.Slice(0, 1), both.Slice(1, 1)
	p.head.record(t, loss, x, p.model.TextsPredicting(t, lm, &b.Captions, p.lmWeight))
	t.Device.MatMul(loss, lm, weight, 1, 1, 1, false, false, 1)
}

func (p *pairs) flops(b *batch.Batch) float64 {
	n := p.predictive.flops(b)
	if p.lmWeight > 0 {
		n += p.model.PredictingFlops(&b.Captions)
	}
	return n
}

// chance is the loss of guessing: ln n for the contrastive loss; for SigLIP's
// that of the best constant, which says 1/n for every pair; ln of the number of
// answers for predictions.
func (r *run) chance() float64 {
	n, words := float64(r.batch), math.Log(float64(r.state.Vocabulary))
	switch r.state.Model.Objective {
	case clip.BagOfWords, clip.Caption:
		return words
	case clip.Supervised:
		return math.Log(float64(r.state.Model.Classes))
	}
	if r.options.Loss == lossSigLIP {
		return math.Log(n) + (n-1)*math.Log(n/(n-1))
	}
	if r.options.LMWeight > 0 {
		return math.Log(n) + r.options.LMWeight*words
	}
	return math.Log(n)
}

// ErrNoLabel is wrapped when no training pair has a class.
var ErrNoLabel = errors.New("no training pair has one of the labels as its text")

// findClasses reads the labels and gives every row its class.
func (r *run) findClasses() (classes int, err error) {
	data, err := os.ReadFile(r.options.Labels)
	if err != nil {
		return 0, fmt.Errorf("train.labels: %w", err)
	}
	lines := strings.Split(strings.TrimRight(string(data), " \t\r\n"), "\n")
	found := 0
	if r.classes, found, err = r.source.Classes(lines); err != nil {
		return 0, fmt.Errorf("train.labels: read %s: %w", r.options.Labels, err)
	}
	if found == 0 {
		return 0, fmt.Errorf("train.labels: %w; write in %s what the texts say in full", ErrNoLabel, r.options.Labels)
	}
	return len(lines), nil
}

// checkLabels finds what is wrong with the labels before a run is told that they are
// not those of its checkpoint.
func (r *run) checkLabels() (err error) {
	if r.options.Objective != clip.Supervised {
		return nil
	}
	if r.source, err = batch.OpenAll(r.present(), batch.Training); err != nil {
		return err
	}
	_, err = r.findClasses()
	return err
}

// withoutLabel counts the rows that decode and have no class.
func (r *run) withoutLabel() int {
	n := 0
	for row, class := range r.classes {
		if _, bad := slices.BinarySearch(r.state.Undecodable, row); class < 0 && !bad && !r.source.Gone(row) {
			n++
		}
	}
	return n
}
