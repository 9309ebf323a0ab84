// Package extsort sorts more records than memory holds.
//
// A record is a key and a value, both plain bytes. A [Sorter] takes records in
// any order and gives them back ordered by key, then by value, compared as
// bytes; equal records all come back. The order therefore depends only on what
// was added, never on the order of adding, which is what makes a stage's output
// independent of its number of workers. Encode numbers big-endian, so that
// their bytes sort as they do.
//
// Records collect in one mapping of the size given, which is not the garbage
// collector's: close a sorter. A full one is
// sorted and written to a temporary file that has no name, so that a killed
// process leaves nothing behind; at the end the runs are merged. More runs than
// one merge may read are first merged into longer ones. Cost is n log n
// comparisons and, beyond memory, each byte written and read once for each
// level of merging (one level up to 64 times the memory).
//
// A [Spool] keeps records in the order of adding, in memory or in a file, for a
// second look.
package extsort
