package trainer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/internal/atomicfile"
)

// Names in the folder of the checkpoints.
const (
	metricsName    = "metrics.jsonl" // one JSON object a line
	prometheusName = "metrics.prom"  // the last figures, for a textfile collector
	eventsFolder   = "tensorboard"   // event files, one a run
)

// metricsLine is one line. The timing keys differ from run to run; all others
// are the same for the same input, settings and number of threads.
type metricsLine struct {
	Step         int64   `json:"step"`
	Epoch        int     `json:"epoch"`
	Loss         float64 `json:"loss"`
	Rate         float64 `json:"lr"`
	Temperature  float64 `json:"temperature"`
	LogitScale   float64 `json:"logit_scale"`
	GradientNorm float64 `json:"gradient_norm"` // of all, before clipping

	// Norms of the image tower, of the text tower (or what predicts in its place), and
	// of the logit scale with SigLIP's bias; of the weights before the step.
	GradientVisual float64 `json:"gradient_norm_visual"`
	GradientText   float64 `json:"gradient_norm_text"`
	GradientLogits float64 `json:"gradient_norm_logits"`
	WeightVisual   float64 `json:"weight_norm_visual"`
	WeightText     float64 `json:"weight_norm_text"`

	Skipped  int64 `json:"skipped"`
	Outliers int64 `json:"outliers"`

	PairsPerSecond float64 `json:"timing_pairs_per_second"`
	DataWait       float64 `json:"timing_data_wait"`
	PeakShare      float64 `json:"timing_peak_share"`
}

// validationLine is a line after a validation.
type validationLine struct {
	Step int64   `json:"step"`
	Loss float64 `json:"validation_loss"`
}

// metrics appends to metrics.jsonl, and writes the same for Prometheus and
// TensorBoard. A disk that is full does not end a run: what could not be
// written to metrics.jsonl is kept and written with the next line; the other
// two only ever show the present.
type metrics struct {
	file       *os.File
	bytes      int64  // of the lines that are whole on disk
	pending    []byte // lines that are not
	prometheus string
	events     *events // nil when the file could not be made
}

// openMetrics opens the file and cuts what a killed run wrote after its last
// checkpoint.
func openMetrics(path string, length int64) (*metrics, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open metrics: %w", err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil && size > length {
		size = length
		err = f.Truncate(size)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open metrics: %w", err)
	}
	return &metrics{file: f, bytes: size, prometheus: filepath.Join(filepath.Dir(path), prometheusName)}, nil
}

// openEvents starts an event file in folder; the run's first step is first.
func (m *metrics) openEvents(folder string, first int64) (err error) {
	m.events, err = openEvents(folder, first)
	return err
}

// write adds a line of training.
func (m *metrics) write(line metricsLine) error {
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	scalars := []scalar{
		{"train/loss", line.Loss}, {"train/learning_rate", line.Rate}, {"train/temperature", line.Temperature},
		{"train/gradient_norm", line.GradientNorm}, {"train/skipped_steps", float64(line.Skipped)},
		{"train/logit_scale", line.LogitScale},
		{"norms/gradient_visual", line.GradientVisual}, {"norms/gradient_text", line.GradientText}, {"norms/gradient_logits", line.GradientLogits},
		{"norms/weight_visual", line.WeightVisual}, {"norms/weight_text", line.WeightText},
		{"train/outlier_steps", float64(line.Outliers)},
		{"speed/pairs_per_second", line.PairsPerSecond}, {"speed/data_wait", line.DataWait}, {"speed/peak_share", line.PeakShare},
	}
	return errors.Join(m.append(text), m.events.write(line.Step, scalars), atomicfile.WriteFile(m.prometheus, exposition(line)))
}

// writeValidation adds a line of validation.
func (m *metrics) writeValidation(line validationLine) error {
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return errors.Join(m.append(text), m.events.write(line.Step, []scalar{{"validation/loss", line.Loss}}))
}

func (m *metrics) append(text []byte) error {
	m.pending = append(append(m.pending, text...), '\n')
	return m.retry()
}

// retry writes the lines that are pending, at the place where they belong.
func (m *metrics) retry() error {
	if len(m.pending) == 0 {
		return nil
	}
	if _, err := m.file.WriteAt(m.pending, m.bytes); err != nil {
		return errors.Join(fmt.Errorf("write metrics: %w", err), m.file.Truncate(m.bytes))
	}
	m.bytes += int64(len(m.pending))
	m.pending = m.pending[:0]
	return nil
}

// sync makes the lines durable, before a checkpoint says how many there are.
func (m *metrics) sync() error {
	if err := m.retry(); err != nil {
		return err
	}
	if err := m.file.Sync(); err != nil {
		return fmt.Errorf("sync metrics: %w", err)
	}
	return nil
}

func (m *metrics) close() {
	m.file.Close()
	m.events.close()
}

// exposition is the line in Prometheus' text format, version 0.0.4.
func exposition(l metricsLine) []byte {
	var b strings.Builder
	for _, m := range []struct {
		name, kind, help string
		value            float64
	}{
		{"step", "gauge", "Training steps taken.", float64(l.Step)},
		{"epoch", "gauge", "Epoch, from 1.", float64(l.Epoch)},
		{"loss", "gauge", "Loss of the last step.", l.Loss},
		{"learning_rate", "gauge", "Learning rate of the last step.", l.Rate},
		{"temperature", "gauge", "Learned temperature.", l.Temperature},
		{"gradient_norm", "gauge", "Norm of the gradient before clipping.", l.GradientNorm},
		{"gradient_norm_visual", "gauge", "Of the image tower.", l.GradientVisual},
		{"gradient_norm_text", "gauge", "Of the text tower.", l.GradientText},
		{"weight_norm_visual", "gauge", "Of the image tower.", l.WeightVisual},
		{"weight_norm_text", "gauge", "Of the text tower.", l.WeightText},
		{"skipped_steps_total", "counter", "Steps whose loss or gradient was not finite.", float64(l.Skipped)},
		{"outlier_steps_total", "counter", "Steps that were not taken by skip_outliers.", float64(l.Outliers)},
		{"pairs_per_second", "gauge", "Pairs a second over the last steps.", l.PairsPerSecond},
		{"data_wait_ratio", "gauge", "Share of the time spent waiting for data.", l.DataWait},
		{"peak_flops_ratio", "gauge", "Useful operations over those of large matrix products.", l.PeakShare},
	} {
		name := "pairloom_train_" + m.name
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n%s %v\n", name, m.help, name, m.kind, name, m.value)
	}
	return []byte(b.String())
}
