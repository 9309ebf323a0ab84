package trainer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// metricsName is the file of metrics, one JSON object a line.
const metricsName = "metrics.jsonl"

// metricsLine is one line. The timing keys differ from run to run; all others
// are the same for the same input, settings and number of threads.
type metricsLine struct {
	Step         int64   `json:"step"`
	Epoch        int     `json:"epoch"`
	Loss         float64 `json:"loss"`
	Rate         float64 `json:"lr"`
	Temperature  float64 `json:"temperature"`
	GradientNorm float64 `json:"gradient_norm"`
	Skipped      int64   `json:"skipped"`

	PairsPerSecond float64 `json:"timing_pairs_per_second"`
	DataWait       float64 `json:"timing_data_wait"`
}

// metrics appends to metrics.jsonl.
type metrics struct {
	file   *os.File
	buffer *bufio.Writer
	bytes  int64
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
		if err = f.Truncate(size); err == nil {
			_, err = f.Seek(size, io.SeekStart)
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open metrics: %w", err)
	}
	return &metrics{f, bufio.NewWriter(f), size}, nil
}

func (m *metrics) write(line metricsLine) error {
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	m.bytes += int64(len(text)) + 1
	m.buffer.Write(text)
	m.buffer.WriteByte('\n')
	if err := m.buffer.Flush(); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}

// sync makes the lines durable, before a checkpoint says how many there are.
func (m *metrics) sync() error {
	if err := m.file.Sync(); err != nil {
		return fmt.Errorf("sync metrics: %w", err)
	}
	return nil
}

func (m *metrics) close() { m.file.Close() }

func removeMetrics(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove metrics: %w", err)
	}
	return nil
}
