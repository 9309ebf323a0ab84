// Package crawl goes from seed addresses to candidates: it reads pages through
// the gate, keeps what they say about their pictures, and follows their links.
//
// [Run] is the stage. It takes pages from the frontier, gives them to a fixed
// number of workers, each with a synchronous colly Collector on top of the
// gate, and commits results in batches. A host's pages are asked for in the
// frontier's order, never more at once than the gate has connections for the
// host; among hosts, the one whose turn comes first goes first. A page passes
// two channels, to its worker and back: the one place where a channel operation
// is spent on each, next to a request over the network. Its candidates and links
// travel with it, as slices.
//
// A run ends when nothing is left, or when a budget (max_pages, max_duration)
// is used up; then all candidates of the frontier are handed to the sink, in
// order of page address. A run that is cancelled finishes the pages under way
// and stores them; the next one goes on, with the same budget. The pages read
// and the candidates do not depend on the number of workers, nor on how often
// a run was stopped, as long as the site answers alike.
//
// Redirects are not followed in passing: the target becomes a page of its own,
// subject to scope, robots.txt and identity like any other. The exception is a
// redirect that sets a cookie, as sites do that send a client back to where it
// came from: the chain that it starts is followed at once, through the gate and
// within scope, with the cookies of that chain, which are then forgotten.
//
// [Explain] tells what became of one page, [State] how far a crawl is. Memory
// is bounded by the number of leased pages (at most 50,000) and the pages
// under way.
package crawl
