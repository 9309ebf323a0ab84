// Package batch brings pairs from the shards to the device: decode, crop,
// normalise, tokenise, ahead of the step that needs them.
//
// [Open] maps the parts of a shard folder as one list of rows, [OpenAll] those of
// several folders, each with a weight. A [Loader] makes the batches of a run in
// worker goroutines, a few ahead. What batch number k holds is a pure function of
// the seed, the number of rows, the weights and k: [Order] is a keyed permutation
// of the draws for each epoch, computed without a table, and the crop of a
// picture depends on seed, epoch and position alone. A run that resumes starts
// its loader at any batch at no cost.
//
// Training pictures are shrunk once to nine eighths of the model's resolution,
// by a power of two while they are decoded where that is enough, kept in memory
// up to a limit, and cut at random. [Centre] is how pictures are evaluated: what
// torchvision makes of them, to the bit, from JPEGs with colours at full
// resolution. A picture that does not decode is reported with its batch, and the
// next row that does takes its place.
//
// Shards hold JPEGs that pairloom wrote; a decoder of our own takes those, and
// image/jpeg all others. A worker allocates nothing from picture to picture.
package batch
