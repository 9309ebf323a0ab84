package evaluate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/layout"
)

// ofTraining are the values of Options.Weights that no file is meant by.
var ofTraining = []string{"", "last", weightsAverage, weightsBest, weightsInitial}

// GivenWeights is the path of the weights that the options name, "" for those of the
// folder's own training.
func (o Options) GivenWeights() string {
	if slices.Contains(ofTraining, o.Weights) {
		return ""
	}
	return o.Weights
}

// openGiven opens the model of weights that no training of the folder made. Of those of
// others the checkpoint says the model, and that nothing is known of its training. An
// error is a *[layout.Unusable], but where the disk fails.
func openGiven(o Options) (*Embedder, *checkpoint.Checkpoint, error) {
	path := o.GivenWeights()
	g, err := layout.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; eval.weights takes last, average, best, initial or the path of weights", err)
	}
	if err != nil {
		return nil, nil, err
	}
	defer g.Close()
	if o.Model != "" {
		config, err := clip.Preset(strings.ToLower(o.Model)) // open_clip writes ViT-B-32
		if err != nil {
			err = &layout.Unusable{Path: path, Err: err}
		} else {
			err = g.Take(config)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("eval.model or --model: %w", err)
		}
	}
	if err := g.Ready("eval.model or --model"); err != nil {
		return nil, nil, err
	}
	c := g.Checkpoint
	if c == nil {
		c = &checkpoint.Checkpoint{Path: path, Foreign: true, State: checkpoint.State{Model: *g.Config, Vocabulary: g.Vocabulary.Size()}}
	}
	e, err := open(path, c.State.Model, g.Vocabulary, o.backend(), func(e *Embedder) (err error) {
		if e.File, err = g.Load(e.device, &e.model.Parameters); err != nil {
			return err
		}
		return e.readScale()
	})
	if err != nil {
		return nil, nil, err
	}
	e.model.Levels = g.Levels()
	if c.Foreign {
		e.Hash = givenHash(g, e.File)
	} else if e.Hash = modelHash(c.State); filepath.Base(g.Weights.Files[0].Path) == checkpoint.AverageName {
		e.Hash = averageHash(e.Hash)
	}
	return e, c, nil
}

// givenHash stands for all that the vectors depend on.
func givenHash(g *layout.Given, weights string) string {
	config := *g.Config
	config.Name = "" // which changes no vector
	text, err := json.Marshal(struct {
		Config          clip.Config
		Mean, Deviation [3]float64
		Weights         string
		Vocabulary      uint64
	}{config, g.Mean, g.Deviation, weights, xxhash.Sum64(g.Vocabulary.Encode())})
	if err != nil {
		panic(err) // plain fields always encode
	}
	return fmt.Sprintf("%016x", xxhash.Sum64(text))
}

// readScale takes the inverse temperature from the weights.
func (e *Embedder) readScale() error {
	var scale [1]float32
	if err := e.device.Read(scale[:], e.model.Scale()); err != nil {
		return err
	}
	e.scale = math.Exp(float64(scale[0]))
	return nil
}
