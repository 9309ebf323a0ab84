// Package match finds which queries a text contains.
//
// Text and queries go through the same folding and the same cut into words
// (package fold); a query is contained when its words stand in the text one
// after another. Longest and nested queries are all found: "a red fox" contains
// "fox" and "red fox". What separates words does not matter, so "well-known"
// and "well known" are one; scripts written without spaces match by substring.
//
// A [Matcher] is built once, never changes and may be shared. Find appends query
// ids to the caller's slice; its scratch belongs to one worker. Time grows with
// the text, not with the number of queries: each word costs one lookup, and one
// more for each word by which a query could go on.
package match
