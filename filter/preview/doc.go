// Package preview counts what rules would drop, and what they would drop at other
// thresholds, before anything is decided.
//
// A [Survey] is shown every record once. It asks all rules of it, not only those up
// to the first that drops, and counts for each rule what it drops alone, what it
// drops after the rules before it, and what no other rule drops. For each limit of
// a rule it counts, over a grid of thresholds that is fixed before the first record
// ([Grid]), how many records would pass. The decisions are the rules' own, and
// those at other thresholds [filter.Limit.Drops]'s: this package has none.
//
// A [Sample] keeps the records with the smallest hashes, to look at.
//
// Counts and samples are the same in any order of the records, and may be gathered
// by several workers, each with a survey and samples of its own, and put together
// by Add. Memory is a few kilobytes a rule, whatever the number of records; time is
// that of all rules and of about seven comparisons a limit. Nothing here is safe for
// concurrent use.
package preview
