package main

import (
	"errors"
	"sync"
	"time"

	"github.com/pairloom/pairloom/pipeline"
)

// metricsEvery is the pause between two writes of metrics.prom during a run: as
// often as Prometheus usually asks.
const metricsEvery = 15 * time.Second

// runMetrics writes the figures of a run for Prometheus. A file that cannot be
// written is told in the log and ends nothing.
type runMetrics struct {
	w *workspace

	mu      sync.Mutex
	figures pipeline.Metrics
	wrote   time.Time
}

func newRunMetrics(w *workspace) *runMetrics {
	m := &runMetrics{w: w, figures: pipeline.ReadMetrics(w.dir), wrote: time.Now()}
	m.figures.Begin(m.wrote)
	return m
}

// tell is told the progress of a stage, from any goroutine.
func (m *runMetrics) tell(s *pipeline.Stage, done, total int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.wrote) < metricsEvery {
		return
	}
	m.figures.Progress(s, done, total)
	m.write()
}

// end is told the end of the run.
func (m *runMetrics) end(exit int, done []pipeline.Done) {
	s, err := m.w.standing()
	if err != nil {
		// A run that ended by a wrong setting has told of it.
		if c := (*pipeline.ConfigurationError)(nil); exit != exitConfiguration || !errors.As(err, &c) {
			m.w.log.Warn("metrics lack where the stages stand", "error", err)
		}
		s = &standing{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.figures.End(time.Now(), exit, done, s.Stages, s.Pages)
	m.write()
}

func (m *runMetrics) write() {
	if err := m.figures.Write(m.w.dir); err != nil {
		m.w.log.Warn("metrics are not written", "error", err)
	}
	m.wrote = time.Now()
}
