// Package places says where a picture lies in a file that people have, as one short
// text, and reads it there: a file of its own, a stretch of a tar or Arrow file, or a
// cell of a Parquet file.
//
// A [Place] holds the file's fingerprint, of its length and both ends, so that a file
// that was replaced since is told ([ErrChanged]) and not read as if it were the old one.
// [Pictures] keeps the files that hold many pictures open, the last few hundred that were
// asked for; of a Parquet file it knows where the pages lie, so that a picture costs its
// page and not its row group. Any number of goroutines may read.
package places
