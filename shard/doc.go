// Package shard holds pairloom's records and the files they lie in.
//
// A pair passes through five records on its way: [Candidate] (what a page
// said), [Matched] (with the queries its text contains), [Image] (the fetched
// picture), [Selection] (kept, or the reason why not) and [Pair] (the finished
// record of the dataset). Each is written as Arrow IPC files, called parts,
// into a folder of its own:
//
//	candidates/  matched/  images/  selection/  shards/
//
// A part appears whole or not at all: [PartWriter] writes beside it under a
// temporary name, syncs, renames, and syncs the folder. Its schema metadata
// carries the schema version, the stage, the hash of the stage's settings and
// the hash of what the part was made from, so that a stage that was killed
// knows which of its parts still hold. A folder's _MANIFEST.json is written
// last; it names the parts with rows, bytes and xxhash64 and holds the stage's
// [Tally]. A folder without a manifest is unfinished work.
//
// Readers map a part and hand out slices that point into the mapping: strings
// and bytes of a record live until the next step of the iteration or until
// Close, whichever the method states. Copy what must outlive that.
package shard
