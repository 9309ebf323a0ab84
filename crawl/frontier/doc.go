// Package frontier remembers what a crawl knows: every page address, what
// became of it, and what it said, in one SQLite file.
//
// A page is pending, leased or decided. [Frontier.Lease] hands pages out,
// [Frontier.Commit] takes their results: the outcome, the candidates and the
// new links of several pages in one transaction, so that a process killed at
// any moment leaves each page either decided with all it said, or to be asked
// for again. Leases belong to the process that has the folder's lock: [Open]
// releases those of a process that died.
//
// Order is what makes a budget cut at the same place in every run. Pages are
// asked for level by level: by distance (hops) from the seeds, sitemaps and feeds
// behind the pages that named them; within a level first those that failed less
// often, then those of more priority, then by the hash of their address. What is
// found goes to later levels only, so that a level is whole when it begins. A
// caller that goes ahead of a level gives that up.
//
// A run has a row too: a run that was killed goes on with the budget that it
// had left; one that finished is followed by a new run, which takes up pages
// that are due again.
//
// A Frontier may be used by several goroutines; calls wait for one another.
// Memory is bounded by what a call is asked for, 192 MiB of SQLite's cache, and
// the links stored last, some 10 MiB, which save asking the file for each page's
// menu.
package frontier
