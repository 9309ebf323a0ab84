// Package export writes the finished pairs in the forms that other tools read, to a
// folder or a bucket, and reads them back.
//
// [Export.Run] cuts each side of a dataset into files of a fixed number of rows, deleted
// ones counted: so a row keeps its file, and its place there, whatever becomes of others,
// and a later run writes no more than the files whose rows changed. What it wrote it
// notes in [RecordName], first as work that is not finished, at last as the account of
// the whole: a run that was killed, or whose bucket failed, is gone on with. New files
// are whole before old ones go.
//
// The bytes depend on the dataset and the options alone: no clock, no order of workers.
//
// [Walk] reads whatever was exported, pair by pair, from the files themselves: it is what
// proves that a pair is gone.
//
// A worker holds 32 MiB of rows at most, beside the shards that it maps.
package export
