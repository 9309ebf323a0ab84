package trainer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/token"
)

// initVocabulary is the file that says what the tokens of Options.Init mean, as
// checkpoints have it beside the weights; "" where there is none.
func (o Options) initVocabulary() (string, error) {
	path := filepath.Join(filepath.Dir(o.Init), checkpoint.VocabularyName)
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("train.init: %w", err)
	}
	return path, nil
}

// initContent stands for the weights in Options.Init and their vocabulary, "" for
// none.
func (o Options) initContent() (string, error) {
	if o.Init == "" {
		return "", nil
	}
	vocabulary, err := o.initVocabulary()
	if err != nil {
		return "", err
	}
	paths := []string{o.Init}
	if vocabulary != "" {
		paths = append(paths, vocabulary)
	}
	hash, err := hashFiles(paths...)
	if err != nil {
		return "", fmt.Errorf("train.init: %w", err)
	}
	return hash, nil
}

// initContentSince is initContent for a run that may have begun already. Its
// weights are in the checkpoint; the file that it began with may be gone since,
// and is when it was one of the run in whose place it came. What the checkpoint
// says of a file of the same name holds then.
func (r *run) initContentSince(found *checkpoint.Checkpoint) (string, error) {
	if r.options.Init != "" && r.state.Init == found.State.Init {
		_, err := os.Stat(r.options.Init)
		within := strings.HasPrefix(r.state.Init, r.relative(r.home)+string(filepath.Separator))
		if within || errors.Is(err, fs.ErrNotExist) {
			values, err := readSettings(found.State.Settings)
			return values[keyInit], err
		}
	}
	return r.options.initContent()
}

// readInit reads Options.Init for a new run.
func (r *run) readInit() error {
	if r.options.Init == "" || r.found != nil {
		return nil
	}
	weights, err := checkpoint.ReadWeights(r.options.Init)
	if err != nil {
		return fmt.Errorf("train.init: %w", err)
	}
	if r.initial, err = clip.PublicNames(weights); err != nil {
		return fmt.Errorf("train.init: read %s: %w", r.options.Init, err)
	}
	return nil
}

// loadInit fills the model with what readInit has read.
func (r *run) loadInit() error {
	weights := r.initial
	r.initial = nil
	// The bias belongs to the loss, not to the towers.
	switch _, there := weights[biasName]; {
	case there && !r.head.siglip:
		delete(weights, biasName)
	case !there && r.head.siglip:
		weights[biasName] = checkpoint.Tensor{Name: biasName, Data: []float32{float32(siglipBias)}}
	}
	p := &r.model.Parameters
	if err := p.Load(r.device, p.Data, weights, ""); err != nil {
		return fmt.Errorf("train.init: load %s: %w; train.model must be the model of the file (its vocabulary has %d tokens here)",
			r.options.Init, err, r.vocabulary.Size())
	}
	return nil
}

// findVocabulary reads the checkpoint's vocabulary or that of the weights that
// training starts from, takes the public one, or learns one.
func (r *run) findVocabulary() (err error) {
	public := r.options.Vocabulary == publicVocabulary
	switch {
	case r.found != nil:
		data, err := r.found.Vocabulary()
		if err != nil {
			return err
		}
		if r.vocabulary, err = token.Parse(data, 0); err != nil {
			return fmt.Errorf("%s: %w", r.found.Path, err)
		}
		return nil
	case r.options.Init != "" && r.options.Objective != clip.Supervised:
		r.vocabulary, err = r.givenVocabulary(public)
	case public:
		r.vocabulary = token.Public()
	default:
		if r.vocabulary, err = token.Train(r.source.Texts(), r.options.vocabularySize()); err != nil {
			err = fmt.Errorf("learn vocabulary: %w", err)
		}
	}
	if err != nil {
		return err
	}
	r.state.Vocabulary = r.vocabulary.Size()
	return nil
}

// givenVocabulary is that of Options.Init. In another vocabulary its rows would
// be those of other words.
func (r *run) givenVocabulary(public bool) (*token.Vocabulary, error) {
	path, err := r.options.initVocabulary()
	if err != nil {
		return nil, err
	}
	if path == "" {
		if public {
			return token.Public(), nil
		}
		return nil, fmt.Errorf("train.init: there is no %s beside %s to say what its tokens mean; set train.vocabulary to %s for released weights, or put the %s of the run that made the file there",
			checkpoint.VocabularyName, r.options.Init, publicVocabulary, checkpoint.VocabularyName)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("train.init: %w", err)
	}
	v, err := token.Parse(data, 0)
	if err != nil {
		return nil, fmt.Errorf("train.init: %s: %w", path, err)
	}
	if public && !bytes.Equal(v.Encode(), token.Public().Encode()) {
		return nil, fmt.Errorf("train.init: the tokens of %s are not the public ones but those of %s; set train.vocabulary to a number, and they are taken from there",
			r.options.Init, path)
	}
	return v, nil
}
