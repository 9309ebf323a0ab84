package trainer

import (
	"context"
	"time"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/nn"
)

// Values of Options.Loss.
const (
	lossCLIP   = "clip"
	lossSigLIP = "siglip"
)

// biasName is the public name of SigLIP's bias, which belongs to no tower.
const biasName = "logit_bias"

// siglipBias is SigLIP's first bias (arXiv 2303.15343).
const siglipBias = -10.0

// head is what the loss needs beside the embeddings.
type head struct {
	siglip      bool
	share       float32         // of the contrastive loss, from picture to text
	scale, bias *autograd.Value // of one word each; bias is nil without siglip, scale where the objective has none
}

// newHead finds the loss's parameters, and adds the bias of SigLIP.
func newHead(o Options, m *clip.Model) head {
	h := head{siglip: o.Loss == lossSigLIP, share: 0.5, scale: m.LogitScale()}
	if h.siglip {
		h.bias = m.Parameters.New(biasName, nn.Constant(siglipBias))
	}
	if o.Objective == clip.ConVIRT {
		h.share = clip.ConVIRTShare
	}
	return h
}

// record enqueues the loss of x against y as the end of the tape.
func (h head) record(t *autograd.Tape, loss device.Buffer, x, y *autograd.Value) {
	if h.siglip {
		t.Siglip(loss, x, y, h.scale, h.bias)
		return
	}
	t.Contrastive(loss, x, y, h.scale, h.share)
}

// embeddings holds both sides of a batch that comes in micro batches, and the
// gradient of the loss with respect to them: [pairs, dim] each.
type embeddings struct {
	memory         []device.Memory
	x, y, dx, dy   device.Buffer
	lse            device.Buffer // [2*pairs]
	fixed          device.Buffer // gradient of a scale that is not learned
	pairs, dim     int
	recordsNothing *autograd.Tape // for the first pass
}

func (r *run) newEmbeddings(pairs int) (*embeddings, error) {
	e := &embeddings{pairs: pairs, dim: r.state.Model.Embed, recordsNothing: r.typed(autograd.Rehearse(r.device, r.pool))}
	for _, b := range []struct {
		to    *device.Buffer
		words int
	}{{&e.x, pairs * e.dim}, {&e.y, pairs * e.dim}, {&e.dx, pairs * e.dim}, {&e.dy, pairs * e.dim}, {&e.lse, 2 * pairs}, {&e.fixed, 1}} {
		m, err := r.device.Alloc(4 * b.words)
		if err != nil {
			e.free()
			return nil, err
		}
		e.memory, *b.to = append(e.memory, m), device.Whole(m, device.F32)
	}
	return e, nil
}

func (e *embeddings) free() {
	for _, m := range e.memory {
		m.Free()
	}
	e.memory = nil
}

// put takes rows of both sides in, from pair first on.
func (e *embeddings) put(d device.Device, first int, x, y *autograd.Value) {
	d.Copy(e.x.Slice(first*e.dim, x.Rows*e.dim), x.Data)
	d.Copy(e.y.Slice(first*e.dim, y.Rows*e.dim), y.Data)
}

// loss computes the loss of the first n pairs.
func (e *embeddings) loss(d device.Device, h head, loss device.Buffer, n int) {
	if h.siglip {
		d.Siglip(loss, e.x, e.y, h.scale.Data, h.bias.Data, n, e.dim)
		return
	}
	d.Contrastive(loss, e.lse, e.x, e.y, h.scale.Data, n, e.dim, h.share)
}

// backward computes the gradients of the loss of all pairs, after loss.
func (e *embeddings) backward(d device.Device, h head) {
	if h.siglip {
		d.SiglipBackward(e.dx, e.dy, h.scale.Grad, h.bias.Grad, e.x, e.y, h.scale.Data, h.bias.Data, e.pairs, e.dim)
		return
	}
	dscale := h.scale.Grad
	if dscale.Absent() {
		dscale = e.fixed
	}
	d.ContrastiveBackward(e.dx, e.dy, dscale, e.lse, e.x, e.y, h.scale.Data, e.pairs, e.dim, h.share)
}

// gradient adds the gradient of the next batch to that of the parameters; the
// loss goes to loss[0]. With micro batches this is gradient caching
// (arXiv 2101.06983): both towers embed every micro batch and keep nothing
// else; the loss of the whole batch gives the gradient of each embedding; each
// micro batch then goes forward once more, recorded, and back from its rows of
// that gradient. Every pair meets all others of the batch, and the memory is
// that of one micro batch.
func (r *run) gradient(ctx context.Context, feed *feed, loss device.Buffer) error {
	e := r.embedded
	if e == nil {
		return feed.each(ctx, r.batch, func(b *batch.Batch) {
			feed.flops += r.objective.flops(b)
			r.objective.record(r.tape, loss, b)
			r.tape.Backward()
		})
	}
	err := feed.each(ctx, r.batch, func(b *batch.Batch) {
		t := e.recordsNothing
		e.put(r.device, b.First, r.model.Images(t, r.model.Pictures(t, b.Pictures)), r.model.Texts(t, &b.Captions))
		t.Reset()
	})
	if err != nil {
		return err
	}
	e.loss(r.device, r.head, loss, e.pairs)
	e.backward(r.device, r.head)
	return feed.each(ctx, r.batch, func(b *batch.Batch) {
		x, y := r.model.Images(r.tape, r.model.Pictures(r.tape, b.Pictures)), r.model.Texts(r.tape, &b.Captions)
		feed.flops += r.objective.flops(b)
		r.tape.Seed(x, e.dx.Slice(b.First*e.dim, x.Rows*e.dim))
		r.tape.Seed(y, e.dy.Slice(b.First*e.dim, y.Rows*e.dim))
		r.tape.Backward()
	})
}

// loader is a *[batch.Loader], or what stands for it where nothing is computed.
type loader interface {
	Ready() bool
	Next(context.Context) (*batch.Batch, error)
	Release(*batch.Batch)
	Close()
}

// feed takes batches from the loader and tells how long that took.
type feed struct {
	loader loader
	device device.Device
	pool   *device.Pool
	seen   func(undecodable []int)
	last   *batch.Batch  // whose memory the device may still read
	read   device.Mark   // after which it does not
	waited time.Duration // of the device for data, in this step
	flops  float64       // useful operations of this step
}

// each takes micro batches until they make up pairs. The host is one ahead of the
// device: it gives a batch's memory back when the device has come past its use.
func (f *feed) each(ctx context.Context, pairs int, use func(b *batch.Batch)) error {
	for done := 0; done < pairs; {
		if !f.loader.Ready() {
			// There is nothing to run ahead with: what the device still does is no waiting.
			if err := f.device.Wait(f.device.Mark()); err != nil {
				return &deviceError{err}
			}
		}
		began := time.Now()
		b, err := f.loader.Next(ctx)
		f.waited += time.Since(began)
		if err != nil {
			return err
		}
		if err := f.enqueue(b, use); err != nil {
			return &deviceError{err}
		}
		read := f.device.Mark()
		f.seen(b.Undecodable)
		done += b.Captions.Len()
		if err := f.release(); err != nil {
			return err
		}
		f.last, f.read = b, read
	}
	return nil
}

// enqueue is use, or that memory ran out.
func (f *feed) enqueue(b *batch.Batch, use func(b *batch.Batch)) (err error) {
	defer f.pool.Lacking(&err)
	use(b)
	return nil
}

// release gives the last batch back.
func (f *feed) release() error {
	if f.last == nil {
		return nil
	}
	if err := f.device.Wait(f.read); err != nil {
		return &deviceError{err}
	}
	f.loader.Release(f.last)
	f.last = nil
	return nil
}

// deviceError tells a fault of the device, after which the state is worth
// nothing, from one of the data.
type deviceError struct{ error }

func (e *deviceError) Unwrap() error { return e.error }
