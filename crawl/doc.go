// Package crawl goes from seed addresses to candidates: it reads pages through
// the gate, keeps what they say about their pictures, and follows their links.
//
// [Run] is the stage. It takes pages from the frontier, gives them to a fixed
// number of workers, each of which asks the gate and reads one page at a time, and
// commits results in batches, beside handing out more. A host's pages are asked
// for in the frontier's order, never more at once than the gate has connections
// for the host; among hosts, the one whose turn comes first goes first. A page
// passes two channels, to its worker and back: the one place where a channel
// operation is spent on each, next to a request over the network. Its candidates
// and links travel with it, as slices.
//
// A run ends when nothing is left, or when a budget (max_pages, max_bytes,
// max_duration) is used up, and says which and what is left. max_pages is exact;
// at the others no more pages are handed out, those under way come in, and are cut
// off a tenth of max_duration later. Then all candidates of the frontier are
// handed to the sink, in order of page address. A run that is cancelled finishes
// the pages under way and stores them, hands on what is known, and the next one
// goes on with the same budget.
//
// # What does not depend on chance
//
// Pages are taken level by level (hops from the seeds), all of a level before the
// next, in an order that depends on addresses, texts of links and the dataset
// alone. The pages read and the candidates therefore do not depend on the number
// of workers, on the speed of servers, nor on how often a run was stopped, as long
// as the site answers alike: not with max_pages either, which cuts the order at one
// place. There are three exceptions. When nothing of a level can be asked for
// except on hosts that have been silent for crawl.patience, or whose turn is
// further away than that, idle workers take pages of later levels on other hosts:
// with a budget, which pages it buys then depends on how slow those hosts were; and
// a page may have been read before a shorter way to it was found, so that its
// links count as further away. max_bytes and max_duration cut where the clock or
// the pages under way have it. Patience 0 keeps the order at any cost.
//
// # What leads to a page
//
// Links, frames and refreshes of pages, one hop further each. The sitemaps that
// the robots.txt of a host names, asked for behind the pages of the level in which
// the host is first met, indexes at most three deep; and the feeds that a seed or
// a host's front page names. What these list is one hop further than that level.
// All are in the frontier as what they are, within scope and robots.txt, and count
// as pages asked for. A list's dates only bring a visit forward. Lists bring a host to
// twice crawl.max_per_host addresses: the rest is counted, and looked at when the list
// is read again. A seed that is a list is read as one.
//
// Redirects are not followed in passing: the target becomes a page of its own,
// subject to scope, robots.txt and identity like any other. The exception is a
// redirect that sets a cookie, as sites do that send a client back to where it
// came from: the chain that it starts is followed at once, through the gate and
// within scope, with the cookies of that chain, which are then forgotten.
//
// # When a page is asked for again
//
// After crawl.revisit_after; from then on sooner or later by whether it has
// changed. By the next run, when it failed in passing; when a setting that decided
// it has changed (see deciding); when links out of scope may now be in it. A page
// that is gone (404) is asked for again as any other, which is ever more rarely; one
// that is gone for good (410), but for a seed, after 90 days; and either at once when
// a page that is read leads to it or a list says that it has changed, but once a day
// at most.
//
// [Explain] tells what became of one page, [State] how far a crawl is, [Due] what
// a run would find to do. Memory is bounded by the number of leased pages (at most
// 50,000), the pages and lists under way, and SQLite's cache.
package crawl
