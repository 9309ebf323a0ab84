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
// libjpeg-turbo decodes JPEGs with the settings that Pillow uses, and Go's own decoders
// PNG, GIF and WebP. A crop is scaled in one pass from the decoded picture, with Pillow's
// bicubic filter in its arithmetic, so that its bytes are those of torchvision on Pillow's
// pictures: [Centre] is Resize and CenterCrop, a crop with CropScale RandomResizedCrop, and
// one without the paper's, Resize and a square at random. The two last are drawn by our own
// numbers. Only what a crop needs is decoded, where libjpeg leaves the bits as they are. No
// picture is decoded at a smaller scale, which would change them.
//
// A cache keeps decoded pictures and tokens up to a limit, and changes no bit. A picture
// that does not decode, or that ends before its last row, is reported with its batch, and
// the next row that does decode takes its place. Damage that libjpeg only warns about is
// shown as libjpeg shows it, as in Pillow. An incomplete progressive file is smoothed as
// the installed version of libjpeg-turbo does: 2.1 and 3 differ there.
//
// A worker allocates nothing from picture to picture.
package batch
