// Package query holds the query list: the words and phrases of which a pair's
// text must contain one.
//
// A list is one zstd file: a header that states recipe and sources, then one
// entry a line with its source and count. queries/README.md describes the
// format. An entry's id is its place in the list; records carry ids, reports
// carry texts.
//
// Package match finds which entries a text contains; package balance decides
// which pairs stay when an entry has too many.
package query
