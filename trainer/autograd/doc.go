// Package autograd records what a model computes and runs it backwards.
//
// A [Tape] belongs to one step: operations on it enqueue their forward on the
// device, note how to go back, and return a [Value], a matrix of rows and
// columns. [Tape.Backward] walks the notes in reverse. Gradients of parameters
// are added to what is there; gradients of everything else come from the pool
// and go back to it as soon as their last reader is enqueued, and so do the
// values themselves: a training step holds one copy of the activations and
// little more.
//
// A tape's activations are of F32 or BF16, [Tape].Type; gradients are of the type
// of what they are the gradient of, those of parameters of F32. Statistics, losses
// and embeddings are F32 in both.
//
// On a tape made with Evaluate nothing is noted; [Tape.Forget] returns a value when
// its last reader is enqueued, and [Tape.Reset] returns the rest. One made with
// Rehearse does the same, with a training batch's statistics. A tape is reused from
// step to step and belongs to one goroutine.
package autograd
