// Package browse is a page on loopback to look through a dataset: the pairs that it
// holds, and those that were dropped on the way, with their pictures.
//
// [New] reads a dataset's folder once and keeps an index in memory: of each pair its
// id, where its row lies, what decided on it, the hosts of its page and its picture, its
// queries, and its text folded for searching. That is 50 bytes, 4 for each query, and
// the text; names of hosts and queries come once. Texts as they stand, addresses and
// pictures are read from the mapped files when a page shows them. When a stage has
// written a manifest anew, the next request finds it, the index is built again beside
// the old one, and takes its place; one that cannot be built leaves the old one with a
// line that says why.
//
// A [Server] is an http.Handler that any number of requests may use at once. It is
// made for one listener on a loopback address and answers no other: the Host header
// must name the listener, so that a foreign name that resolves to 127.0.0.1 reads
// nothing (DNS rebinding); what changes something is a POST with the token of this
// process from this very origin; the pages' policy allows their own script, style and
// pictures and nothing else. Every text comes from the web and is escaped by
// html/template. It writes nothing itself: refusing a picture is the caller's function.
package browse
