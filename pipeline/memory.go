package pipeline

import "runtime/debug"

// What takes memory in the stages that sort, of memory_mib in bytes:
//
//	match   the sorter, seven eighths; when it has settled, what it no longer
//	        holds goes to the balance of queries (its log, and the candidates for
//	        each query's last pair)
//	fetch   the index of outcomes, a half, where queries are full then a quarter, and
//	        the balance an eighth; the lists of missing pictures and of those
//	        that are due, a quarter each; beside it 32 MiB of pictures that wait
//	        for their part, and 64 MiB of originals that are read or decoded
//	curate  decisions, a sixth; the index of pictures and then the balance, a sixth;
//	        the step of deduplication that decides, a third, and the next one, which
//	        takes what stays, a sixth
//	shard   the shuffle of what is new, six eighths; what is deleted, and then the index
//	        of what is new, an eighth; mapped pictures, what the shuffle does not hold
//
// Beside it, in all about 150 MiB (up to 220 where memory_mib is below 100, which
// the names of the query list and the collector's slack then pass): the program and the compiled query list, which
// are mapped; batches of each worker, and of the part that is written; counts, 32
// bytes a query; and what the garbage collector has not yet freed, which
// collectAt bounds. Sorters' memory is not the collector's.

// heapSlack is what the collector may have beside the memory that a stage gives to
// what lies on the heap.
const heapSlack = 64 << 20

// collectAt lets the heap grow to about that many bytes before the collector
// works, and not beyond: there is little to free in a stage's work, and looking for
// it costs more than that. The function that it returns sets things back.
func collectAt(bytes int) (restore func()) {
	limit := debug.SetMemoryLimit(int64(bytes + heapSlack))
	percent := debug.SetGCPercent(400)
	return func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(percent)
	}
}
