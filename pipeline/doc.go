// Package pipeline is the road: which stages there are, what each reads, does
// and writes, and what became of a record on it. It composes the rooms below and
// decides nothing that one of them decides.
//
// A stage is a value with named fields ([Match], [Fetch], [Curate], [Shard], ...)
// that holds the Options it works by and the folder it works in; Run does the
// work and returns its tally. [Road] lists the stages with what makes each of
// them due, and [Do] runs a list of them in order.
//
// What happens to one record is a function without state, such as
// [TextJudge.Judge]. The stage and [Explain] both call it, so that they cannot
// disagree; explain reads the settings of the run that decided from the
// manifest, not those of today.
//
// A stage writes a folder of parts and, last, a manifest, by a [folderWriter]. A
// stage that was killed goes on: what is whole stays, the rest is made again,
// with the same bytes. Only one process may write a folder at a time, which
// [Lock] sees to; status, explain and [Verify] only read.
//
// Memory of the stages that sort is bounded by [Options.MemoryMiB]; memory.go says
// who has which share.
package pipeline
