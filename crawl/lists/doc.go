// Package lists reads the lists of pictures and texts that people already have, and
// makes candidates of them: texts, CSV, TSV, JSON, Parquet and Arrow with a column of
// addresses, folders of pictures with captions, tars of WebDataset, and what img2dataset
// and Hugging Face's datasets write.
//
// [Sources] finds the files that a user named and of what format each is; [Read] reads
// one of them, from its beginning to its end, and hands over a [shard.Candidate] for
// each row that has an address (or a picture) and a text. Every other row is dropped for
// one of the reasons in reason.go. An error is the file's, and names it: it cannot be
// opened, is cut off, or has no column of addresses.
//
// Pictures that a list brings along are not copied: the candidate's PictureAt says where
// they lie, and package places reads them from there later, if the file is still the one that
// was imported.
//
// What a row takes is bounded by 1 MiB, whatever the file claims; what is held beside it
// is a page of each column of a Parquet file, a batch of an Arrow file, the names of one
// folder, or 64 bits for each picture of a tar or folder. Read may be called by many
// goroutines, each for a file of its own. Nothing here asks the network or a clock.
package lists
