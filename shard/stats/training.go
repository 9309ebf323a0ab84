package stats

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
)

// Training is what the report shows of a training on the dataset. The caller
// fills all but the curves, which ReadCurves reads.
type Training struct {
	Model        string  `json:"model"`
	Steps        int64   `json:"steps"`
	TotalSteps   int64   `json:"total_steps"`
	PairsPerStep int64   `json:"pairs_per_step"`
	LossFirst    float64 `json:"loss_first"` // mean of the first steps
	LossLast     float64 `json:"loss_last"`  // and of the last
	Checkpoint   string  `json:"checkpoint"` // of the last step, from the dataset's folder

	// Generation is that of the dataset which it was trained on last, Generations how many
	// there are, and Since the training pairs since; generation 0 says that it was trained
	// on other shards than these. TrainedOn is all that as a sentence.
	Generation  int    `json:"generation"`
	Generations int    `json:"generations"`
	Since       int64  `json:"since"`
	TrainedOn   string `json:"trained_on"`

	// HeldOut is nil when there was no validation.
	HeldOut *HeldOut `json:"held_out,omitempty"`

	Loss        Curve `json:"loss"`
	HeldOutLoss Curve `json:"held_out_loss"`
}

// HeldOut is the loss on held-out pairs.
type HeldOut struct {
	Last     float64 `json:"last"`
	Best     float64 `json:"best"`
	BestStep int64   `json:"best_step"`
	// Checkpoint holds the weights after BestStep.
	Checkpoint string `json:"checkpoint"`
}

// Curve is a loss over the pairs seen. So that it stays small, its points are
// the means of so many lines of the file each, the last of what is left.
type Curve struct {
	LinesPerPoint int64       `json:"lines_per_point"`
	Points        []LossPoint `json:"points"`
}

// LossPoint is a loss after so many pairs.
type LossPoint struct {
	Pairs int64   `json:"pairs"`
	Loss  float64 `json:"loss"`
}

// PairsSeen is the number of pairs of all steps; a pair counts once an epoch.
func (t *Training) PairsSeen() int64 { return t.Steps * t.PairsPerStep }

const (
	maxCurvePoints = 300     // of a Curve; even
	maxMetricsLine = 1 << 16 // bytes
)

// ReadCurves reads the losses from the first length bytes of a file of metrics,
// one JSON object a line: what a killed run wrote after its last checkpoint lies
// behind them, and training cuts it when it goes on. A file that is shorter, or
// missing, gives what it has. Memory does not grow with the file.
func (t *Training) ReadCurves(path string, length int64) error {
	var loss, heldOut thinned
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		err = t.readCurves(io.LimitReader(f, length), &loss, &heldOut)
	}
	t.Loss, t.HeldOutLoss = loss.curve(t.PairsPerStep), heldOut.curve(t.PairsPerStep)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read metrics %s: %w", path, err)
	}
	return nil
}

func (t *Training) readCurves(r io.Reader, loss, heldOut *thinned) error {
	lines := bufio.NewReaderSize(r, maxMetricsLine)
	for n := 1; ; n++ {
		text, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(text) == 0 {
			return nil
		}
		switch {
		case errors.Is(err, io.EOF):
			err = errors.New("it has no end")
		case errors.Is(err, bufio.ErrBufferFull):
			err = fmt.Errorf("it has more than %d bytes", maxMetricsLine)
		case err != nil:
			return err
		default:
			err = t.readLine(text[:len(text)-1], loss, heldOut)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w; delete the line, from which only the report's curve is drawn", n, err)
		}
	}
}

// readLine adds a line of training or of validation to its curve.
func (t *Training) readLine(text []byte, loss, heldOut *thinned) error {
	var line struct {
		Step       int64    `json:"step"`
		Loss       *float64 `json:"loss"`
		Validation *float64 `json:"validation_loss"`
	}
	if err := json.Unmarshal(text, &line); err != nil {
		return err
	}
	to, value := loss, line.Loss
	if value == nil {
		to, value = heldOut, line.Validation
	}
	switch {
	case value == nil:
		return errors.New("it has neither loss nor validation_loss")
	case math.Abs(*value) > math.MaxFloat32:
		return fmt.Errorf("the loss %g is beyond what a step can give", *value)
	case line.Step < 1 || line.Step > t.Steps:
		return fmt.Errorf("step %d of a training that took %d", line.Step, t.Steps)
	case line.Step <= to.last:
		return fmt.Errorf("step %d follows step %d", line.Step, to.last)
	}
	to.add(line.Step, *value)
	return nil
}

// thinned gathers lines into at most maxCurvePoints sums of equally many. When
// there would be more, neighbours are put together.
type thinned struct {
	last  int64 // step
	lines int64 // a sum
	sums  []lineSum
}

type lineSum struct {
	lines      int64
	step, loss float64
}

func (t *thinned) add(step int64, loss float64) {
	t.last, t.lines = step, max(t.lines, 1)
	if n := len(t.sums); n > 0 && t.sums[n-1].lines < t.lines {
		s := &t.sums[n-1]
		*s = lineSum{s.lines + 1, s.step + float64(step), s.loss + loss}
		return
	}
	if len(t.sums) == maxCurvePoints {
		for i := range maxCurvePoints / 2 {
			a, b := t.sums[2*i], t.sums[2*i+1]
			t.sums[i] = lineSum{a.lines + b.lines, a.step + b.step, a.loss + b.loss}
		}
		t.sums, t.lines = t.sums[:maxCurvePoints/2], 2*t.lines
	}
	t.sums = append(t.sums, lineSum{1, float64(step), loss})
}

// curve takes the means.
func (t *thinned) curve(pairsPerStep int64) Curve {
	c := Curve{LinesPerPoint: max(t.lines, 1), Points: []LossPoint{}}
	for _, s := range t.sums {
		n := float64(s.lines)
		c.Points = append(c.Points, LossPoint{int64(math.Round(s.step / n * float64(pairsPerStep))), s.loss / n})
	}
	return c
}
