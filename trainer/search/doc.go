// Package search finds the rows of embedding files that are nearest to a query
// vector, exactly: every row is scored.
//
// [Open] maps files that pairloom embed wrote and refuses those of another
// model. [Index.Top] scans them with several workers, block by block, each with
// a heap of the best so far: memory is a block of scores and a heap a worker,
// whatever the size of the files, and the time is that of reading them. Equal
// scores go by place, the earlier file and row first, so that the answer is the
// same for any number of workers.
package search
