// Package batch brings pairs from the shards to the device: decode, crop,
// normalise, tokenise, ahead of the step that needs them.
//
// [Open] maps the parts of a shard folder as one list of rows. A [Loader] makes
// the batches of a run in worker goroutines, a few ahead. What batch number k
// holds is a pure function of the seed, the number of rows and k: [Order] is a
// keyed permutation of the rows for each epoch, computed without a table, and
// the crop of a picture depends on seed, epoch and position alone. A run that
// resumes starts its loader at any batch at no cost.
//
// Training pictures are shrunk once to nine eighths of the model's resolution,
// kept in memory up to a limit, and cut at random; see [Centre] for how pictures
// are evaluated. A picture that does not decode is reported with its batch, and
// the next row that does takes its place.
package batch
