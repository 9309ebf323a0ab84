package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/layout"
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

	given      *layout.Given // of Options.Init, until the model has it
	vocabulary *token.Vocabulary
	model      *clip.Model
	head       head
	objective  objective
	classes    []int32        // of each row, -1 for none; nil unless the objective needs them
	choice     backend.Choice // of the device
	device     device.Device
	placed     string // what is to be told of the device
	pool       *device.Pool
	tape       *autograd.Tape
	embedded   *embeddings   // with micro batches, else nil
	figures    device.Memory // the loss of each batch of the step, then the squared norm of the gradient
	towers     towers        // norms for the metrics
	pending    *pending      // the step that the device is at, nil for none
	fading     fading        // average of the weights
	validation *validation   // nil for none

	metrics    *metrics
	complained bool   // of metrics that cannot be written
	notice     string // for the next Step
	pace       pace
}

func (r *run) allocate() error {
	r.saved = -1
	r.pool = device.NewPool(r.device)
	r.model.Parameters.Type = r.options.activations()
	r.tape = r.typed(autograd.New(r.device, r.pool))
	if err := r.model.Parameters.Allocate(r.device, true); err != nil {
		return err
	}
	var err error
	if r.figures, err = r.device.Alloc(4 * (r.options.accumulate() + 1)); err != nil {
		return err
	}
	if err := r.towers.allocate(r.device, &r.model.Parameters); err != nil {
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

// typed gives a tape the type of the run's activations.
func (r *run) typed(t *autograd.Tape) *autograd.Tape {
	t.Type = r.options.activations()
	return t
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
	if r.given != nil {
		r.given.Close()
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
	r.towers.free()
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
	defer func() { checkpoint.Release(r.folder) }()
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
	r.pace.from = start
	for r.begun() < r.state.Total {
		if reason, due := r.stops(ctx, start); due {
			return r.halt(reason, progress)
		}
		if err := r.gradients(ctx, feed); err != nil {
			r.model.Parameters.RestoreBuffers(r.device)
			var fault *deviceError
			if errors.As(err, &fault) {
				err = &deviceError{fmt.Errorf("step %d: %w", r.begun()+1, fault.error)}
			}
			return r.halt(err, progress)
		}
		// The step before is accounted for while the device computes this gradient:
		// the update of this one depends on it.
		if err := r.settle(progress); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil { // half a step is none
			r.model.Parameters.RestoreBuffers(r.device)
			return r.stop(err)
		}
		r.update(feed)
		if !r.rests() {
			continue
		}
		if err := r.settle(progress); err != nil {
			return err
		}
		if err := r.validateIfDue(ctx); err != nil {
			return r.stop(err)
		}
		if r.checkpointDue() {
			if err := r.checkpoint(); err != nil {
				return err
			}
		}
		r.pace.from = time.Now()
	}
	return r.metrics.retry()
}

// begun is the number of steps that are done or pending.
func (r *run) begun() int64 {
	if r.pending != nil {
		return r.state.Step + 1
	}
	return r.state.Step
}

// stops tells whether the run ends before its last step, and why.
func (r *run) stops(ctx context.Context, start time.Time) (reason error, due bool) {
	o := r.options
	due = o.StopAt > 0 && r.begun() >= o.StopAt || o.MaxDuration > 0 && time.Since(start) >= o.MaxDuration
	return ctx.Err(), due || ctx.Err() != nil
}

// rests tells whether something is due that needs the pending step's end.
func (r *run) rests() bool {
	step := r.begun()
	return step == r.state.Total || step%int64(r.options.CheckpointEvery) == 0 ||
		r.validation != nil && step%int64(r.options.ValidateEvery) == 0
}

func (r *run) checkpointDue() bool {
	return r.state.Step%int64(r.options.CheckpointEvery) == 0 || r.state.Step == r.state.Total
}

// halt accounts for the pending step and stops.
func (r *run) halt(reason error, progress func(Step)) error {
	if err := r.settle(progress); err != nil {
		return err
	}
	return r.stop(reason)
}

func (r *run) pairsPerStep() int { return r.batch * r.options.accumulate() }

// loading says what the loader does.
func (r *run) loading() batch.Options {
	o := batch.Options{
		Batch: r.batch, Resolution: r.state.Model.Resolution, Context: r.state.Model.Context,
		Seed: r.options.Seed, CropScale: r.options.CropScale, CropAspect: r.options.CropAspect, Workers: r.options.workers(),
		Jitter: r.options.Jitter, Saturation: r.options.Saturation, Hue: r.options.Hue, Gray: r.options.Gray, Rotate: r.options.Rotate,
		CacheBytes: int64(r.options.CacheMB) * 1e6,
	}
	if r.options.Objective == clip.ConVIRT {
		o.CropScale, o.CropAspect = convirtCrop, convirtAspect
		o.Flip, o.Jitter, o.Rotate, o.Sentence = true, convirtJitter, convirtRotate, true
	}
	if r.microBatch() < r.batch {
		o.Micro, o.Passes = r.microBatch(), 2
	}
	return o
}

// newFeed starts the loader where the state is.
func (r *run) newFeed() *feed {
	k := int64(r.options.accumulate())
	s := r.segment()
	first := int64(s.Epoch)*int64(r.batchesPerEpoch) - s.From*k // number of the batch that step 0 would begin with
	loader := batch.NewLoader(r.source, r.vocabulary, r.loading(), first+r.state.Step*k, first+r.state.Total*k)
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

// stepFigures are what the host reads of a step.
type stepFigures struct {
	loss, norm2, rate float64
	outlier           bool  // the step was not taken
	norms             norms // where the step is logged
}

// pending is a step that is enqueued.
type pending struct {
	end           device.Mark
	figures       []float32 // as run.figures, there after end
	scale         [1]float32
	rate          float64
	limit         float32   // of the squared norm; 0 for none
	squares       []float32 // where the step is logged, see towers
	waited, flops float64   // seconds for data; useful operations
}

// gradients enqueues the gradient of the step's batches. That of several is their sum
// here and their mean to the user: the limit of the norm and epsilon grow with their
// number, which comes to the same.
func (r *run) gradients(ctx context.Context, feed *feed) error {
	feed.waited, feed.flops = 0, 0
	r.model.Parameters.KeepBuffers(r.device)
	r.device.Fill(r.model.Parameters.Grad, 0)
	for i := range r.options.accumulate() {
		if err := r.gradient(ctx, feed, device.Whole(r.figures, device.F32).Slice(i, 1)); err != nil {
			return err
		}
	}
	return nil
}

// update enqueues the update along the gradient, and leaves the step pending.
func (r *run) update(feed *feed) {
	p, k := &r.model.Parameters, r.options.accumulate()
	figures := device.Whole(r.figures, device.F32)
	norm := figures.Slice(k, 1)
	r.device.SquaredNorm(norm, p.Grad)

	o, t := r.options, float64(r.state.Updates+1)
	n := &pending{figures: make([]float32, k+1), rate: rateOf(r.segment(), r.state.Step), waited: feed.waited.Seconds(), flops: feed.flops}
	limit := outlierLimit(&r.state, r.state.Step) * float64(k)
	n.limit = float32(limit * limit)
	if r.logged(r.state.Step + 1) {
		n.squares = r.towers.measure(r.device, p)
	}
	p.Update(r.device, norm, device.AdamW{
		Rate: float32(n.rate), Beta1: float32(o.Beta1), Beta2: float32(o.Beta2), Epsilon: float32(o.Epsilon * float64(k)),
		Decay: float32(o.WeightDecay), Clip: float32(o.GradClip * float64(k)),
		Correct1: float32(1 - math.Pow(o.Beta1, t)), Correct2: float32(1 - math.Pow(o.Beta2, t)),
		Limit: n.limit,
	})
	r.model.ClampScale(r.device)
	r.fading.add(r.device, p, o.EMA, r.state.Updates)
	r.device.Fetch(n.figures, figures)
	if r.head.scale != nil {
		r.device.Fetch(n.scale[:], r.head.scale.Data)
	}
	n.end = r.device.Mark()
	r.pending = n
}

// settle waits for the pending step, if there is one, and accounts for it.
func (r *run) settle(progress func(Step)) error {
	n := r.pending
	if n == nil {
		return nil
	}
	r.pending = nil
	if err := r.device.Wait(n.end); err != nil {
		return &deviceError{fmt.Errorf("step %d: %w", r.state.Step+1, err)}
	}
	whole := r.pace.add(r.pairsPerStep(), n)
	r.state.Seconds += whole.Seconds()
	r.state.Flops += n.flops
	if r.head.scale != nil {
		r.state.Scale = float64(n.scale[0])
	}
	k := len(n.figures) - 1
	f := stepFigures{rate: n.rate, norm2: float64(n.figures[k]) / float64(k*k)}
	for _, loss := range n.figures[:k] {
		f.loss += float64(loss) / float64(k)
	}
	f.outlier = n.limit > 0 && n.figures[k] > n.limit && finite(f.norm2)
	if n.squares != nil {
		f.norms = r.towers.norms(n.squares, k)
	}
	return r.account(f, progress)
}
