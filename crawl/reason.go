package crawl

// Reasons why a page was not kept. The other ones are the gate's.
const (
	NotHTML        = "not_html"              // another content type, or a file name that says so
	BadURL         = "bad_url"               // no request can be made for it
	OptedOut       = "opt_out"               // the page, its headers or robots.txt ask for it
	Redirected     = "redirected"            // the target is a page of its own
	HostCap        = "max_per_host"          // past that number of pages on one host
	OutOfScope     = "out_of_scope"          // redirects to where links are not followed
	IsSitemap      = "sitemap"               // no page: a list of addresses, which was read
	IsFeed         = "feed"                  // no page: an RSS or Atom feed, which was read
	NoList         = "no_sitemap"            // was named as a sitemap or feed, and is none
	TrapURLLength  = "trap_url_length"       // longer than 2,000 characters
	TrapDepth      = "trap_depth"            // more than 20 path segments
	TrapRepeat     = "trap_repeated_segment" // a path segment more than twice
	TrapHops       = "trap_hops"             // further from a seed than max_hops
	TrapSession    = "trap_session"          // a session identifier in the address
	TrapCalendar   = "trap_calendar"         // a calendar has no end
	maxURLLength   = 2000
	maxPathDepth   = 20
	maxSegmentUses = 2
)
