package trainer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/layout"
	"github.com/pairloom/pairloom/trainer/token"
)

// initContent stands for the weights in Options.Init and their vocabulary, "" for
// none.
func (o Options) initContent() (string, error) {
	if o.Init == "" {
		return "", nil
	}
	hash, err := layout.Hash(o.Init)
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

// readInit looks at Options.Init for a new run: its weights must be of the model that
// is trained, by what lies beside them, or by their names and train.activation.
func (r *run) readInit() (err error) {
	o := r.options
	if o.Init == "" || r.found != nil {
		return nil
	}
	if r.given, err = layout.Open(o.Init); err != nil {
		return fmt.Errorf("train.init: %w", err)
	}
	g, c := r.given, r.state.Model
	switch {
	case g.Config == nil && g.Form != clip.OpenAINames && g.Like(c) && !o.saysActivation():
		err = g.Untold("train.model, and its activation by train.activation")
	case !g.TrainedAlike():
		err = &layout.Unusable{Path: o.Init, Err: fmt.Errorf("their pictures are normalised with the mean %v and the deviation %v, says %s; training has those of CLIP alone", g.Mean, g.Deviation, g.From)}
	default:
		err = g.Take(c)
	}
	if err != nil {
		return fmt.Errorf("train.init: train.model is %s: %w", c.Name, err)
	}
	return nil
}

// saysActivation tells whether the configuration names the activation.
func (o Options) saysActivation() bool {
	return o.Activation != "" && o.Activation != activationPreset || strings.HasSuffix(o.Model, clip.QuickSuffix)
}

// loadInit fills the model with the weights of Options.Init. Their logit bias belongs
// to the loss: the draw stays where they have none, and it is left where the loss has
// none.
func (r *run) loadInit() error {
	_, err := r.given.Load(r.device, &r.model.Parameters)
	r.given.Close()
	r.given = nil
	if err != nil {
		return fmt.Errorf("train.init: %w; train.model must be the model of the file (its vocabulary has %d tokens here)", err, r.vocabulary.Size())
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
	g := r.given
	switch {
	case g.Vocabulary == nil && public:
		return token.Public(), nil
	case g.Vocabulary == nil:
		return nil, fmt.Errorf("train.init: %w", &layout.Unusable{Path: g.Path, Err: fmt.Errorf("there is no %s beside them to say what their tokens mean; set train.vocabulary to %s for released weights, or put the %s of the run that made the file there",
			checkpoint.VocabularyName, publicVocabulary, checkpoint.VocabularyName)})
	case public && !g.Vocabulary.IsPublic():
		return nil, fmt.Errorf("train.init: %w", &layout.Unusable{Path: g.Path, Err: fmt.Errorf("their tokens are not the public ones but those of %s; set train.vocabulary to a number, and they are taken from there", g.VocabularyFile)})
	}
	return g.Vocabulary, nil
}
