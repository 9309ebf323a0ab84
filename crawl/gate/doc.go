// Package gate is the only door to the network.
//
// A [Gate] is an [http.RoundTripper]. Whatever pairloom asks of a foreign
// server (a page, a robots.txt, a picture, each hop of a redirect) passes
// [Gate.RoundTrip], which in this order
//
//   - refuses schemes other than http and https, and hosts and ports that cannot be,
//   - asks the host's robots.txt (RFC 9309, read by our own parser), for pages its
//     tdmrep.json, and for pictures its ai.txt too,
//   - waits for the host's turn: one connection, and a delay that is the largest
//     of the configured one, Crawl-delay, a multiple of the last latency, and
//     Retry-After,
//   - looks the host's name up, once for all who wait and few at a time, and keeps the
//     answer for minutes; dials through a guard that sees the resolved address, so that
//     loopback, private and other special addresses are refused however they were spelt
//     and whenever they were found; speaks HTTP/2 to servers that do,
//   - undoes gzip, deflate, br and zstd, limits time and decoded bytes, and tries
//     again what may pass.
//
// A request that the gate does not let through ends in a [*Refusal], which
// names the reason and the rule that decided. [Reason] maps any error of a
// request, refusal or not, to the same closed list of reasons, for pages and
// pictures alike; [StatusReason] does so for HTTP statuses. [Gate.Judge] tells what
// a response and the site's files say against its use, and which of it is obeyed,
// [Gate.Sitemaps] what robots.txt names.
//
// [WithKind] tells the gate what a request is for, which sets its cap. A page
// or robots.txt longer than its cap ends there; a longer picture or sitemap is an
// error. Time is told by Options.Clock.
//
// The caller must close each response body: until then the host's connection
// is taken. All methods may be called concurrently. Memory is bounded: files of
// each kind are kept for the 16,384 origins used last, and 16 MiB of them; a host's
// clock is forgotten once it no longer matters.
package gate
