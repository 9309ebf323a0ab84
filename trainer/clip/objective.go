package clip

import (
	"math"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/nn"
	"github.com/pairloom/pairloom/trainer/token"
)

// What a model is trained to do, from its pictures and captions. All have the
// same image tower, its projection included; what follows that differs.
const (
	// Contrastive tells which caption belongs to which picture.
	Contrastive = "contrastive"
	// ConVIRT is Contrastive with the choices of arXiv 2010.00747: a non-linear
	// head behind each projection (GELU, linear), a fixed temperature of 0.1, and
	// [ConVIRTShare] of the loss from picture to text.
	ConVIRT = "convirt"
	// BagOfWords predicts the set of the caption's tokens by a linear layer over
	// the vocabulary (arXiv 1511.02251, and figure 2 of the CLIP paper).
	BagOfWords = "bag_of_words"
	// Caption predicts the caption token by token: the text tower is the decoder,
	// which reads the picture as the first row of its sequence.
	Caption = "caption"
	// Supervised predicts one of Config.Classes labels by a linear layer.
	Supervised = "supervised"
)

// ConVIRTShare is the weight of the cross entropy from picture to text.
const ConVIRTShare = 0.75

// convirtScale makes a temperature of 0.1.
var convirtScale = math.Log(10)

// Pairs tells whether the objective is a loss over the pairs of a batch.
func (c Config) Pairs() bool { return c.Objective == "" || c.Objective == ConVIRT }

// EmbedsTexts tells whether Texts may be called.
func (c Config) EmbedsTexts() bool { return c.Pairs() }

// Logits are those of BagOfWords, a column a token, or of Supervised, a column a
// class, for each row of Features.
func (m *Model) Logits(t *autograd.Tape, features *autograd.Value) *autograd.Value {
	return m.predict.Forward(t, features)
}

// BagOfWordsLoss enqueues the softmax cross entropy of the vocabulary against
// an even spread over the caption's tokens, start, end and repeats left out. A
// caption without tokens counts as 0.
func (m *Model) BagOfWordsLoss(t *autograd.Tape, loss device.Buffer, pictures *autograd.Value, captions *token.Captions) {
	targets, offsets := Words(captions)
	t.CrossEntropy(loss, m.Logits(t, m.Features(t, pictures)), t.Ints(append(targets, 0)), t.Ints(offsets), 1)
}

// Words are the distinct tokens of each caption without start and end, caption i
// at offsets[i] to offsets[i+1].
func Words(captions *token.Captions) (words, offsets []int32) {
	offsets = append(offsets, 0)
	for i := range captions.Len() {
		own := len(words)
		for _, w := range captions.Tokens[captions.Offsets[i]+1 : captions.Offsets[i+1]-1] {
			words = appendDistinct(words, own, w)
		}
		offsets = append(offsets, int32(len(words)))
	}
	return words, offsets
}

// appendDistinct appends w unless it is among list[from:].
func appendDistinct(list []int32, from int, w int32) []int32 {
	for _, v := range list[from:] {
		if v == w {
			return list
		}
	}
	return append(list, w)
}

// SupervisedLoss enqueues the softmax cross entropy of the classes. A picture of
// class -1 counts as 0.
func (m *Model) SupervisedLoss(t *autograd.Tape, loss device.Buffer, pictures *autograd.Value, classes []int32) {
	var targets []int32
	offsets := []int32{0}
	for _, c := range classes {
		if c >= 0 {
			targets = append(targets, c)
		}
		offsets = append(offsets, int32(len(targets)))
	}
	t.CrossEntropy(loss, m.Logits(t, m.Features(t, pictures)), t.Ints(append(targets, 0)), t.Ints(offsets), 1)
}

// CaptionLoss enqueues the mean cross entropy of each token of the captions but
// the first, given the picture and the tokens before it.
func (m *Model) CaptionLoss(t *autograd.Tape, loss device.Buffer, pictures *autograd.Value, captions *token.Captions) {
	of := make([]int32, captions.Len())
	for i := range of {
		of[i] = int32(i)
	}
	rows, targets := m.decode(t, m.Prefixes(t, pictures), captions, of)
	m.nextTokens(t, loss, rows, targets, 1)
}

// Prefixes are the rows of text that stand for pictures, in Caption.
func (m *Model) Prefixes(t *autograd.Tape, pictures *autograd.Value) *autograd.Value {
	return m.prefix.Forward(t, m.Features(t, pictures))
}

// decode runs the decoder over captions, of which caption i is of the picture
// prefixes[of[i]]. The picture's row, which has no position, stands in the place
// of the start token, and the end token predicts nothing: a caption of n tokens
// has n-1 rows, and targets names the token after each. Rows are normalised.
func (m *Model) decode(t *autograd.Tape, prefixes *autograd.Value, captions *token.Captions, of []int32) (rows *autograd.Value, targets []int32) {
	var tokens, positions, pictures []int32
	offsets, longest := []int32{0}, 0
	for i := range captions.Len() {
		own := captions.Tokens[captions.Offsets[i]:captions.Offsets[i+1]]
		for p, w := range own[:len(own)-1] {
			if p == 0 {
				tokens, positions, pictures = append(tokens, -1), append(positions, -1), append(pictures, of[i])
			} else {
				tokens, positions, pictures = append(tokens, w), append(positions, int32(p)), append(pictures, -1)
			}
			targets = append(targets, own[p+1])
		}
		offsets = append(offsets, int32(len(tokens)))
		longest = max(longest, len(own)-1)
	}
	x := t.Gather(m.token, t.Ints(tokens), len(tokens))
	x = t.AddRows(x, m.textPosition, t.Ints(positions))
	x = t.AddRows(x, prefixes, t.Ints(pictures))
	x = m.text.Forward(t, x, nn.Sequences{Offsets: t.Ints(offsets), Count: captions.Len(), Longest: longest})
	return m.lnFinal.Forward(t, x), targets
}

// nextTokens enqueues the mean cross entropy of one target a row, with the token
// embedding as the last layer.
func (m *Model) nextTokens(t *autograd.Tape, loss device.Buffer, rows *autograd.Value, targets []int32, weight float32) {
	offsets := make([]int32, len(targets)+1)
	for i := range offsets {
		offsets[i] = int32(i)
	}
	t.CrossEntropy(loss, t.Output(rows, m.token, nil), t.Ints(targets), t.Ints(offsets), weight)
}

// LogLikelihoods are the mean log-likelihoods a token of captions, of which
// caption i is of the picture whose row of Prefixes is prefixes[of[i]]. It waits
// for the device and resets the tape.
func (m *Model) LogLikelihoods(t *autograd.Tape, prefixes []float32, captions *token.Captions, of []int32) ([]float64, error) {
	defer t.Reset()
	width := m.Config.TextWidth
	rows, targets := m.decode(t, t.Floats(prefixes, len(prefixes)/width, width), captions, of)
	logits := t.Output(rows, m.token, nil)
	// The log-sum-exp is what is needed of the loss: the target's logit is a
	// product of two rows.
	n := len(targets)
	scratch := t.Floats(make([]float32, n+1), 1, n+1).Data
	offsets := make([]int32, n+1)
	t.Device.CrossEntropy(scratch.Slice(n, 1), scratch.Slice(0, n), logits.Data, t.Ints(targets), t.Ints(offsets), n, logits.Cols)
	wanted := t.Gather(m.token, t.Ints(targets), n)
	lse, x, y := make([]float32, n), make([]float32, n*width), make([]float32, n*width)
	if err := t.Pool.Err(); err != nil {
		return nil, err
	}
	for _, read := range []struct {
		to   []float32
		from device.Buffer
	}{{lse, scratch.Slice(0, n)}, {x, rows.Data}, {y, wanted.Data}} {
		if err := t.Device.Read(read.to, read.from); err != nil {
			return nil, err
		}
	}
	likelihoods, row := make([]float64, captions.Len()), 0
	for i := range likelihoods {
		count := int(captions.Offsets[i+1]-captions.Offsets[i]) - 1
		for range count {
			logit := 0.0
			for c := row * width; c < (row+1)*width; c++ {
				logit += float64(x[c]) * float64(y[c])
			}
			likelihoods[i] += (logit - float64(lse[row])) / float64(count)
			row++
		}
	}
	return likelihoods, nil
}

// TextsPredicting is Texts, and enqueues the mean cross entropy of each token
// given those before it: loss[0] gets it, and the gradient is weight times its
// own. It is language modelling as an auxiliary objective of the text tower; a
// loss of the embeddings follows on the tape.
func (m *Model) TextsPredicting(t *autograd.Tape, loss device.Buffer, captions *token.Captions, weight float32) *autograd.Value {
	rows := m.textRows(t, captions)
	var from, targets []int32
	for i := range captions.Len() {
		for at := captions.Offsets[i]; at < captions.Offsets[i+1]-1; at++ {
			from, targets = append(from, at), append(targets, captions.Tokens[at+1])
		}
	}
	m.nextTokens(t, loss, m.lnFinal.Forward(t, t.Gather(rows, t.Ints(from), len(from))), targets, weight)
	return m.pool(t, rows, captions)
}
