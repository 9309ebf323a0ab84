// Package balance decides which pairs stay when a query has too many.
//
// A [Balancer] takes every pair with its queries, counts, and then tells of each
// pair, when it is asked again, whether it stays. It knows two rules:
//
//   - [Cap] is the CLIP paper's (section 2.2: at most 20,000 pairs a query).
//     Each query keeps the Limit pairs with the smallest seeded hash, and a pair
//     stays if any of its queries keeps it.
//   - [Probability] is MetaCLIP's (arXiv 2309.16671, section 3.3). A query with
//     n pairs keeps each with probability min(1, Limit/n), independently of
//     other queries and pairs, and a pair stays if any of these draws succeeds:
//     with probability 1 - prod(1 - p).
//
// Under both, a frequent query can end above the limit through pairs that rarer
// queries keep; [Counts] tells both numbers. The choice depends on pair ids,
// queries and seed alone: it is the same in any order of adding, with any memory
// and on any number of machines.
//
// Nothing is sorted. Pairs go to a log, in memory or, past Options.Memory, in a
// file; the log is then walked once to find each over-full query's limiting
// hash, with which any pair can be decided on by itself. Time is linear in the number of rows (a pair's
// queries). Memory is Options.Memory, plus 28 bytes a query, plus 160 bytes a
// query that is over the limit.
package balance
