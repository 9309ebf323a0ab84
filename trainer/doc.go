// Package trainer is the pre-training job: CLIP on the shards of a dataset.
//
// [Run] reads DIR/shards, trains the model that [Options] name, and writes
//
//	DIR/checkpoints/step-00001200/   the last ones; see package checkpoint
//	                best             leads to the one with the least held-out loss
//	                seen-001.arrow   what it was trained on, a file for each segment
//	                metrics.jsonl    a line every few steps, and after each validation
//	                metrics.prom     the last line, for Prometheus' textfile collector
//	                tensorboard/     event files, one a run
//
// The recipe is the paper's: symmetric contrastive loss with a learned
// temperature, AdamW with decoupled decay of matrices alone (positions of rank 2
// are among them; class token and logit scale are not), linear warm-up, then a
// cosine to 0. [Options.Loss] chooses SigLIP's loss instead.
//
// # Large batches
//
// Options.MicroBatch bounds what is in memory at a time, by gradient caching:
// all pairs of the batch meet in the loss and the gradient is that of the whole
// batch, to rounding. Each micro batch goes forward twice and its pictures are
// made twice, so that memory does not grow with the batch but for four rows of
// embedding a pair. Batch norms normalise within a micro batch.
//
// Options.Accumulate is something else: a step takes the mean gradient of
// several batches, each with negatives of its own. Both may be combined.
//
// # Before it begins
//
// Run holds what it needs against the memory of the machine and the disk of the
// checkpoints, and refuses what cannot fit before any work; [DryRun] says what it
// needs. Both go through steps of the run on a device that only counts; see package
// tally.
//
// # Objectives
//
// Options.Objective chooses what is learned around the same image tower; package
// clip says what each is. The predictive ones are those that the CLIP paper
// compares with. For convirt, the loader draws one sentence of the text, crops of
// 0.6 to 1 of the area, flips, and brightness and contrast of 0.6 to 1.4, as its
// paper does; the pretrained encoders of that paper are left out, since a
// comparison at equal compute has none. Options.LMWeight adds language modelling
// to the text tower of the contrastive objective, and Options.TextInit starts that
// tower from a GPT-2; package gpt2 says what of it fits. A run that goes on does
// not read it again, but for its hash.
//
// # Going on
//
// A run may be killed at any moment; the next one goes on from the last
// checkpoint and ends with the same bits as one that never stopped, given the
// same number of threads. Checkpoints lie between updates. Cancelling the
// context, or reaching [Options.MaxDuration], saves one first. A checkpoint that
// cannot be written does not end the run, unless it is the last: the step's
// Notice says so, the last good one stays, and the next is tried as planned.
// Other settings than those of the checkpoints are refused, epochs among them,
// since the learning rate of every step depends on it. What counts of a file that
// they name is its content; [Fingerprint] stands for all of it.
//
// A dataset that changed ends no run. Training goes on in segments, each on the pairs
// of its time: one that is not through ends on its own generation of the dataset, or,
// where that was written anew, its schedule on the pairs there are; [Options.Extend]
// says when another begins. Before its first step the checkpoints' folder has a list of
// what it adds to what the model was trained on. docs/training-on.md has the cases.
//
// With [Options.Replace] a run with other settings trains in the place of the one
// there: in DIR/checkpoints/next, until its first checkpoint is whole. Everything
// that could refuse the new run is read before, and no error and no kill takes the
// old one away without it; so Options.Init may be the weights of the old one.
//
// Rooms below: device and its backends, autograd, nn and clip compute; token and
// batch feed; gpt2 lends the text tower weights; checkpoint keeps; evaluate
// judges. Run keeps one goroutine, and the loader's workers and the device's
// thread beside it; all have ended when it returns.
package trainer
