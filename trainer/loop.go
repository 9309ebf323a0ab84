package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
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
	options         Options
	dir             string
	grounds         []ground
	source          *batch.Source
	home            string // folder of the checkpoints
	folder          string // where they are written: home, or within it while another run is there
	batch           int    // pairs that meet in the loss
	batchesPerEpoch int

	state       checkpoint.State
	found       *checkpoint.Checkpoint // to go on from, or nil
	resumed     int64
	begins      bool     // a segment does
	behind      bool     // the segment is of pairs that changed since; another may follow
	anew        bool     // another model is due, see Options.Extend
	added, gone int64    // training pairs since the last segment
	note        string   // what became of the changes
	keys        []uint64 // of the pairs trained on before, while they are compared
	unknown     bool     // some of those cannot be told
	saved       int64    // step of the last checkpoint, -1 for none
	path        string   // of the last checkpoint
	failedSaves int

	initial    map[string]checkpoint.Tensor // read from Options.Init, until the model has it
	vocabulary *token.Vocabulary
	model      *clip.Model
	head       head
	objective  objective
	classes    []int32 // of each row, -1 for none; nil unless the objective needs them
	device     device.Device
	pool       *device.Pool
	tape       *autograd.Tape
	embedded   *embeddings   // with micro batches, else nil
	figures    device.Memory // the loss of each batch of the step, then the squared norm of the gradient
	fading     fading        // average of the weights
	validation *validation   // nil for none

	metrics    *metrics
	complained bool // of metrics that cannot be written
	hinted     bool
	notice     string // for the next Step
	pace       pace
}

func (r *run) allocate() error {
	r.saved = -1
	r.pool = device.NewPool(r.device)
	r.tape = autograd.New(r.device, r.pool)
	if err := r.model.Parameters.Allocate(r.device, true); err != nil {
		return err
	}
	var err error
	if r.figures, err = r.device.Alloc(4 * (r.options.accumulate() + 1)); err != nil {
		return err
	}
	if r.options.EMA > 0 {
		if err := r.fading.allocate(r.device, &r.model.Parameters); err != nil {
			return err
		}
	}
	if r.microBatch() < r.batch {
		r.embedded, err = r.newEmbeddings(r.batch)
	}
	return err
}

// microBatch is the number of pairs that are on the device at a time.
func (r *run) microBatch() int {
	if r.options.MicroBatch > 0 {
		return min(r.options.MicroBatch, r.batch)
	}
	return r.batch
}

func (r *run) close() {
	if r.source != nil {
		r.source.Close()
	}
	if r.device == nil {
		return
	}
	if r.embedded != nil {
		r.embedded.free()
	}
	if r.validation != nil {
		r.validation.close()
	}
	r.fading.free()
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
	var err error
	if r.metrics, err = openMetrics(filepath.Join(r.folder, metricsName), r.state.MetricsBytes); err != nil {
		return err
	}
	defer r.metrics.close()
	if err := r.metrics.openEvents(filepath.Join(r.folder, eventsFolder), r.state.Step+1); err != nil {
		r.tell(err.Error())
	}
	feed := r.newFeed()
	defer feed.loader.Close()
	if err := r.validateIfDue(ctx); err != nil {
		return r.stop(err)
	}
	start := time.Now()
	for r.state.Step < r.state.Total {
		if ctx.Err() != nil {
			return r.stop(ctx.Err())
		}
		if r.options.StopAt > 0 && r.state.Step >= r.options.StopAt {
			return r.stop(nil)
		}
		if r.options.MaxDuration > 0 && time.Since(start) >= r.options.MaxDuration {
			return r.stop(nil)
		}
		began := time.Now()
		figures, err := r.step(ctx, feed)
		if err != nil {
			return r.stop(err)
		}
		whole := time.Since(began)
		r.pace.add(r.pairsPerStep(), feed, whole)
		r.state.Seconds += whole.Seconds()
		r.state.Flops += feed.flops
		if err := r.account(figures, progress); err != nil {
			return err
		}
		if err := r.validateIfDue(ctx); err != nil {
			return r.stop(err)
		}
		if r.state.Step%int64(r.options.CheckpointEvery) == 0 || r.state.Step == r.state.Total {
			if err := r.checkpoint(); err != nil {
				return err
			}
		}
	}
	return r.metrics.retry()
}

func (r *run) pairsPerStep() int { return r.batch * r.options.accumulate() }

// newFeed starts the loader where the state is.
func (r *run) newFeed() *feed {
	o := batch.Options{
		Batch: r.batch, Resolution: r.state.Model.Resolution, Context: r.state.Model.Context,
		Seed: r.options.Seed, CropScale: r.options.CropScale, Workers: r.options.workers(),
		Jitter: r.options.Jitter, Saturation: r.options.Saturation, Hue: r.options.Hue, Gray: r.options.Gray, Rotate: r.options.Rotate,
		CacheBytes: int64(r.options.CacheMB) * 1e6,
	}
	if r.options.Objective == clip.ConVIRT {
		o.CropScale, o.Flip, o.Jitter, o.Rotate, o.Sentence = convirtCrop, true, convirtJitter, convirtRotate, true
	}
	if r.embedded != nil {
		o.Micro, o.Passes = r.microBatch(), 2
	}
	k := int64(r.options.accumulate())
	s := r.segment()
	first := int64(s.Epoch)*int64(r.batchesPerEpoch) - s.From*k // number of the batch that step 0 would begin with
	loader := batch.NewLoader(r.source, r.vocabulary, o, first+r.state.Step*k, first+r.state.Total*k)
	return &feed{loader: loader, device: r.device, pool: r.pool, seen: r.remember}
}

// stop saves what is done and passes the reason on. A fault does not put the run
// in the place of the one that it is to replace.
func (r *run) stop(reason error) error {
	var fault *deviceError
	failed := reason != nil && !errors.Is(reason, context.Canceled) && !errors.Is(reason, context.DeadlineExceeded)
	if errors.As(reason, &fault) || failed && r.folder != r.home {
		return reason
	}
	if r.state.Step != r.saved && r.state.Step > 0 {
		if err := r.save(); err != nil {
			return err
		}
		if err := r.arrive(); err != nil {
			return err
		}
	}
	return reason
}

// stepFigures are what the host reads back after a step.
type stepFigures struct{ loss, norm2, rate float64 }

// step computes the gradient of the step's batches and makes one update. The
// gradient of several batches is their sum here and their mean to the user: the
// limit of the norm and epsilon grow with their number, which comes to the same.
func (r *run) step(ctx context.Context, feed *feed) (stepFigures, error) {
	feed.waited, feed.flops = 0, 0
	p, k := &r.model.Parameters, r.options.accumulate()
	if len(p.Buffers) > 0 {
		// Half a step would leave its mark on the running statistics.
		ctx = context.WithoutCancel(ctx)
	}
	r.device.Fill(p.Grad, 0)
	for i := range k {
		if err := r.gradient(ctx, feed, device.Whole(r.figures, device.F32).Slice(i, 1)); err != nil {
			return stepFigures{}, err
		}
	}
	norm := device.Whole(r.figures, device.F32).Slice(k, 1)
	r.device.SquaredNorm(norm, p.Grad)

	o, t := r.options, float64(r.state.Updates+1)
	f := stepFigures{rate: rateOf(r.segment(), r.state.Step)}
	a := device.AdamW{
		Rate: float32(f.rate), Beta1: float32(o.Beta1), Beta2: float32(o.Beta2), Epsilon: float32(o.Epsilon * float64(k)),
		Decay: float32(o.WeightDecay), Clip: float32(o.GradClip * float64(k)),
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
	r.fading.add(r.device, p, o.EMA, r.state.Updates)

	figures := make([]float32, k+1)
	err := r.device.Read(figures, device.Whole(r.figures, device.F32))
	if scale := [1]float32{}; err == nil && r.head.scale != nil {
		err = r.device.Read(scale[:], r.head.scale.Data)
		r.state.Scale = float64(scale[0])
	}
	if err != nil {
		return f, &deviceError{fmt.Errorf("step %d: %w", r.state.Step+1, err)}
	}
	for _, loss := range figures[:k] {
		f.loss += float64(loss) / float64(k)
	}
	f.norm2 = float64(figures[k]) / float64(k*k)
	return f, nil
}
