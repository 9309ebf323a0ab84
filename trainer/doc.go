// Package trainer is the pre-training job: CLIP on the shards of a dataset.
//
// [Run] reads DIR/shards, trains the model that [Options] name, and writes
// DIR/checkpoints: step folders (see package checkpoint) and metrics.jsonl, one
// line every few steps. It learns the tokenizer's vocabulary from the training
// texts first. The recipe is the paper's: symmetric contrastive loss with a
// learned temperature, AdamW with decoupled decay of matrices alone, linear
// warm-up, then a cosine to 0.
//
// A run may be killed at any moment; the next one goes on from the last
// checkpoint and ends with the same bits as one that never stopped, given the
// same number of threads. Cancelling the context, or reaching
// [Options.MaxDuration], saves a checkpoint first.
//
// Rooms below: device and its backends, autograd, nn and clip compute; token and
// batch feed; checkpoint keeps; evaluate judges. Run keeps one goroutine, and
// the loader's workers and the device's thread beside it; all have ended when
// it returns.
package trainer
