// Package checkpoint keeps the state of a training run on disk.
//
//	DIR/checkpoints/step-00001200/model.safetensors      weights, public names
//	                              ema.safetensors        their fading average, where one is kept
//	                              optimizer.safetensors  both moments
//	                              vocabulary.txt         merges of the tokenizer
//	                              open_clip_config.json  and others, for other programs; see package layout
//	                              state.json             the rest, and hashes of the files above
//	                best-00000900/                       the same without moments
//	                best                                 link to the folder above
//	                seen-001.arrow                       what the first segment was trained on, seen-002.arrow what the next added
//	                next/                                a run that is to replace all this, until its first checkpoint
//	                anew/                                a run that is to do so when it is complete
//
// Each file appears whole or not at all, and state.json comes last: a folder
// without it is unfinished and is never read. [Save] writes a checkpoint and
// removes the oldest; [SaveBest] keeps the best apart from those, and moves the
// link when it is whole; [Latest] finds the newest; [Checkpoint.Weights] and its
// siblings check length and hash before a byte is used. A run that replaces
// another is placed by [Begin] beside it and by [Settle] in its place, so that one
// of them is whole at every moment. Which pairs a model was trained on is told by the
// segments of its state, see [Segment], and by [Seen].
//
// Weights are plain safetensors in float32 under the names of the public
// checkpoints, so that other programs load them as they are. [Decode] and
// [Encode] are the codec; Decode holds all of a file in memory. A [TensorFile] reads
// one a piece at a time, from its start to its end, hashed on the way: so
// [Checkpoint.Load] and [Weights.Load] fill a model, the latter from files of others.
// Files are read and not mapped: one that is cut while it is read gives an error, where
// a map would end the program.
package checkpoint
