package trainer

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"time"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/token"
)

// patience is the number of steps in a row that may fail to be finite.
const patience = 10

// run is one call of Run.
type run struct {
	options       Options
	source        *batch.Source
	folder        string // of the checkpoints
	batch         int
	stepsPerEpoch int

	state   checkpoint.State
	found   *checkpoint.Checkpoint // to go on from, or nil
	resumed int64
	saved   int64  // step of the last checkpoint, -1 for none
	path    string // of the last checkpoint

	vocabulary *token.Vocabulary
	model      *clip.Model
	device     device.Device
	pool       *device.Pool
	figures    device.Memory // loss, squared norm of the gradient
	pace       pace
}

func (r *run) allocate() error {
	r.saved = -1
	r.pool = device.NewPool(r.device)
	if err := r.model.Parameters.Allocate(r.device, true); err != nil {
		return err
	}
	var err error
	r.figures, err = r.device.Alloc(2)
	return err
}

func (r *run) close() {
	r.pool.Close()
	r.model.Parameters.Free()
	if r.figures != nil {
		r.figures.Free()
	}
	r.device.Close()
}

// loop takes the steps that are left.
func (r *run) loop(ctx context.Context, progress func(Step)) error {
	if r.state.Step == r.state.Total {
		return nil
	}
	m, err := openMetrics(filepath.Join(r.folder, metricsName), r.state.MetricsBytes)
	if err != nil {
		return err
	}
	defer m.close()
	loader := batch.NewLoader(r.source, r.vocabulary, batch.Options{
		Batch: r.batch, Resolution: r.state.Model.Resolution, Context: r.state.Model.Context,
		Seed: r.options.Seed, CropScale: r.options.CropScale, Workers: r.options.workers(),
		CacheBytes: int64(r.options.CacheMB) * 1e6,
	}, r.state.Step, r.state.Total)
	defer loader.Close()

	tape := autograd.New(r.device, r.pool)
	start := time.Now()
	for r.state.Step < r.state.Total {
		if ctx.Err() != nil {
			return r.stop(m, ctx.Err())
		}
		if r.options.MaxDuration > 0 && time.Since(start) >= r.options.MaxDuration {
			return r.stop(m, nil)
		}
		began := time.Now()
		b, err := loader.Next(ctx)
		if err != nil {
			return r.stop(m, err)
		}
		ready := time.Now()
		figures, err := r.step(tape, b)
		if err != nil {
			return err
		}
		r.remember(b.Undecodable)
		loader.Release(b)
		r.pace.add(r.batch, ready.Sub(began), time.Since(began))
		r.state.Seconds += time.Since(began).Seconds()
		if err := r.account(m, figures, progress); err != nil {
			return err
		}
		if r.state.Step%int64(r.options.CheckpointEvery) == 0 || r.state.Step == r.state.Total {
			if err := r.save(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// stop saves what is done and passes the reason on.
func (r *run) stop(m *metrics, reason error) error {
	if r.state.Step != r.saved && r.state.Step > 0 {
		if err := r.save(m); err != nil {
			return err
		}
	}
	return reason
}

// stepFigures are what the host reads back after a step.
type stepFigures struct{ loss, norm2, rate float64 }

// step enqueues forward, backward and update, and waits for the figures.
func (r *run) step(tape *autograd.Tape, b *batch.Batch) (stepFigures, error) {
	p := &r.model.Parameters
	loss, norm := device.Whole(r.figures).Slice(0, 1), device.Whole(r.figures).Slice(1, 1)
	r.device.Fill(p.Grad, 0)
	r.model.Loss(tape, loss, b.Pictures, &b.Captions)
	tape.Backward()
	if err := r.pool.Err(); err != nil {
		return stepFigures{}, err
	}
	r.device.SquaredNorm(norm, p.Grad)

	o, t := r.options, float64(r.state.Updates+1)
	f := stepFigures{rate: o.rate(r.state.Step, r.state.Total)}
	a := device.AdamW{
		Rate: float32(f.rate), Beta1: float32(o.Beta1), Beta2: float32(o.Beta2), Epsilon: float32(o.Epsilon),
		Decay: float32(o.WeightDecay), Clip: float32(o.GradClip),
		Correct1: float32(1 - math.Pow(o.Beta1, t)), Correct2: float32(1 - math.Pow(o.Beta2, t)),
	}
	d := p.Decayed
	for _, part := range []struct {
		from, n int
		decay   float32
	}{{0, d, a.Decay}, {d, p.Data.Len - d, 0}} {
		a.Decay = part.decay
		r.device.AdamW(p.Data.Slice(part.from, part.n), p.Grad.Slice(part.from, part.n), p.M.Slice(part.from, part.n), p.V.Slice(part.from, part.n), norm, a)
	}
	r.model.ClampScale(r.device)

	var figures [2]float32
	if err := r.device.Read(figures[:], device.Whole(r.figures)); err != nil {
		return f, fmt.Errorf("step %d: %w", r.state.Step+1, err)
	}
	var scale [1]float32
	if err := r.device.Read(scale[:], r.model.Scale()); err != nil {
		return f, fmt.Errorf("step %d: %w", r.state.Step+1, err)
	}
	f.loss, f.norm2, r.state.Scale = float64(figures[0]), float64(figures[1]), float64(scale[0])
	return f, nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// account moves the state one step on, writes metrics and reports.
func (r *run) account(m *metrics, f stepFigures, progress func(Step)) error {
	s := &r.state
	s.Step++
	if finite(f.loss) && finite(f.norm2) {
		s.Updates++
		s.SkippedInRow = 0
		window := lossWindow(s.Total)
		if len(s.LossFirst) < window {
			s.LossFirst = append(s.LossFirst, f.loss)
		}
		if s.LossLast = append(s.LossLast, f.loss); len(s.LossLast) > window {
			s.LossLast = slices.Delete(s.LossLast, 0, 1)
		}
	} else {
		s.Skipped++
		if s.SkippedInRow++; s.SkippedInRow >= patience {
			return fmt.Errorf("step %d: %w in %d steps in a row; lower lr, or raise warmup", s.Step, ErrDiverged, patience)
		}
	}
	step := Step{
		Step: s.Step, Total: s.Total, Epoch: int((s.Step-1)/int64(r.stepsPerEpoch)) + 1,
		Loss: f.loss, Rate: f.rate, Temperature: math.Exp(-s.Scale), GradientNorm: math.Sqrt(f.norm2),
	}
	step.PairsPerSecond, step.DataWait = r.pace.figures()
	progress(step)
	if finite(f.loss) && finite(f.norm2) && (s.Step%int64(r.options.LogEvery) == 0 || s.Step == s.Total || s.Step == 1) {
		return m.write(metricsLine{
			Step: step.Step, Epoch: step.Epoch, Loss: step.Loss, Rate: step.Rate, Temperature: step.Temperature,
			GradientNorm: step.GradientNorm, Skipped: s.Skipped,
			PairsPerSecond: step.PairsPerSecond, DataWait: step.DataWait,
		})
	}
	return nil
}

// remember adds rows whose picture does not decode.
func (r *run) remember(rows []int) {
	for _, row := range rows {
		if at, there := slices.BinarySearch(r.state.Undecodable, row); !there {
			r.state.Undecodable = slices.Insert(r.state.Undecodable, at, row)
		}
	}
}

// pace measures the last steps, for progress alone.
type pace struct {
	pairs, waited, whole float64
}

// fading is how much of the past counts after one step.
const fading = 0.9

func (p *pace) add(pairs int, waited, whole time.Duration) {
	p.pairs = p.pairs*fading + float64(pairs)
	p.waited = p.waited*fading + waited.Seconds()
	p.whole = p.whole*fading + whole.Seconds()
}

func (p *pace) figures() (pairsPerSecond, dataWait float64) {
	if p.whole == 0 {
		return 0, 0
	}
	return p.pairs / p.whole, p.waited / p.whole
}
