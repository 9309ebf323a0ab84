// Package balance decides which pairs stay when a query has too many.
//
// The rule is the CLIP paper's cap (section 2.2: at most 20,000 pairs a query):
// each query keeps the Limit pairs with the smallest seeded hash, and a pair
// stays if any of its queries keeps it. A frequent query can therefore end above
// the limit through pairs that rarer queries keep; [Counts] tells both numbers.
// The choice depends on pair ids and seed alone: it is the same in any order of
// adding, on any number of machines, and it changes little when pairs are added.
//
// Memory is what the sorters are given plus three counters a query; cost is one
// external sort of the (query, pair) rows and one of the kept pairs.
package balance
