// Package cells reads columns of Parquet files that others wrote, cell by cell, and
// believes nothing that they say of themselves: no claim of a header makes room for
// more than is there.
//
// [Open] reads a file's footer, a [Reader] the cells of one column of one row group, in
// order. It holds one page of data, a dictionary where there is one, and the packed form
// of what was read last. Columns that are lists are not read. All that is wrong with a
// file is an error; what its libraries panic on becomes one too ([Recovered]).
//
// A File may be read by several Readers at a time; a Reader is one goroutine's.
package cells
