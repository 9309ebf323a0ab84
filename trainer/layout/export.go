package layout

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/nn"
	"github.com/pairloom/pairloom/trainer/token"
)

// Formats of Export.
const (
	FormatHuggingFace = "hf"
	FormatOpenCLIP    = "open_clip"
)

var (
	// ErrOccupied is wrapped when the folder to export to holds something.
	ErrOccupied = errors.New("it is not empty")
	// ErrNoAverage is wrapped when the average of weights is asked for where none
	// was kept.
	ErrNoAverage = errors.New("it keeps no average of its weights; set train.ema and train anew")
)

// Export writes the model of a checkpoint, or with average the fading average of
// its weights, into the folder to, which must be empty or not there, and names the
// files. The folder appears whole or not at all.
func Export(c *checkpoint.Checkpoint, average bool, format, to string) ([]string, error) {
	files, weights, err := exported(c, average, format)
	if err != nil {
		return nil, err
	}
	to = filepath.Clean(to)
	switch entries, err := os.ReadDir(to); {
	case err == nil && len(entries) > 0:
		return nil, fmt.Errorf("export to %s: %w (%s lies there); name a new folder", to, ErrOccupied, entries[0].Name())
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("export to %s: %w; name a new folder", to, err)
	}
	next := to + atomicfile.Suffix
	if err := leftOver(next, files); err != nil {
		return nil, fmt.Errorf("export to %s: %w", to, err)
	}
	defer os.RemoveAll(next) // after an error; what a kill left goes with the next export
	if err := errors.Join(os.RemoveAll(next), os.MkdirAll(next, 0o755)); err != nil {
		return nil, fmt.Errorf("export to %s: %w", to, err)
	}
	metadata := map[string]string{"format": "pt", "model": c.State.Model.Name}
	err = atomicfile.WriteStream(filepath.Join(next, checkpoint.WeightsName), func(w io.Writer) error {
		return checkpoint.Encode(w, weights, metadata)
	})
	for name, text := range files {
		err = errors.Join(err, atomicfile.WriteFile(filepath.Join(next, name), text))
	}
	if err == nil {
		err = atomicfile.SyncFolder(next)
	}
	if err == nil {
		os.Remove(to) // an empty folder, over which nothing is renamed
		err = os.Rename(next, to)
	}
	if err == nil {
		err = atomicfile.SyncFolder(filepath.Dir(to))
	}
	if err != nil {
		return nil, fmt.Errorf("export to %s: %w", to, err)
	}
	return append(slices.Sorted(maps.Keys(files)), checkpoint.WeightsName), nil
}

// leftOver holds that the folder next, where there is one, has nothing but what a killed
// export of these files left.
func leftOver(next string, files map[string][]byte) error {
	entries, err := os.ReadDir(next)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), atomicfile.Suffix)
		if _, ours := files[name]; !ours && name != checkpoint.WeightsName {
			return fmt.Errorf("%s, which it writes first, is there and %w (%s lies there); move it away", next, ErrOccupied, e.Name())
		}
	}
	return err
}

// exported are the files beside the weights, and the weights.
func exported(c *checkpoint.Checkpoint, average bool, format string) (map[string][]byte, []nn.Tensor, error) {
	data, err := c.Vocabulary()
	if err != nil {
		return nil, nil, err
	}
	vocabulary, err := token.Parse(data, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", c.Path, err)
	}
	read := c.Weights
	if average {
		read = c.Average
	}
	set, err := read()
	if err == nil && set == nil {
		err = fmt.Errorf("export %s: %w", c.Path, ErrNoAverage)
	}
	if err != nil {
		return nil, nil, err
	}
	if format == FormatHuggingFace {
		files, err := HuggingFace(c.State.Model, vocabulary)
		if err != nil {
			return nil, nil, fmt.Errorf("export %s: %w", c.Path, err)
		}
		list, err := clip.HuggingFaceTensors(set)
		return files, list, err
	}
	_, bias := set["logit_bias"]
	files, err := OpenCLIP(c.State.Model, vocabulary, bias)
	if err == nil && files == nil {
		err = fmt.Errorf("export %s: the model's objective is %s: open_clip %w; train one with the objective %s", c.Path, c.State.Model.Objective, ErrNoModel, clip.Contrastive)
	}
	return files, slices.Collect(maps.Values(set)), err
}
