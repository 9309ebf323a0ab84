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
// On a tape made with Evaluate nothing is noted, and [Tape.Reset] returns the
// values; one made with Rehearse does the same, with a training batch's
// statistics. A tape is reused from step to step and belongs to one goroutine.
package autograd
