// Package sitemap reads the lists of addresses that sites publish: sitemaps and
// their indexes (sitemaps.org, XML or one address a line), RSS 0.9 to 2.0 and
// Atom (RFC 4287), plain or compressed with gzip.
//
// [Read] takes a stream and calls back for each entry. It is pure: no network, no
// clock, and nothing is resolved or judged, which the caller does. Lists are
// written by strangers: decoded bytes, entries and nesting are bounded, entities
// that a document declares are never expanded, and what comes before a fault
// counts.
package sitemap
