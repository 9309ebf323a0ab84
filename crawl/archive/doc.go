// Package archive reads web archives, and writes the one of a live crawl.
//
// A [Reader] hands out the records of a WARC, WAT or ARC file: plain, gzip or
// zstd by member, whatever the file's name says. A member that is broken is
// counted, and reading goes on at the next one. An [Extractor] turns records into
// candidates, each with the file and the offset at which its record lies; what
// the archive says against the use of its pages is obeyed as the live crawl
// obeys it, robots.txt by way of [Robots]. [Writer] writes records.
//
// Memory is bounded whatever a file claims: the caps are the constants of this
// package. Readers and Extractors are for one goroutine each.
package archive
