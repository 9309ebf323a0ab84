// Package match finds which queries a text contains.
//
// A [Matcher] is built once, by [New] in memory or by [Compile] as a file that
// [Open] maps; it never changes and may be shared. Processes that open the same
// file share its memory. Find appends query ids to the caller's slice, sorted and
// without repeats; its [Scratch] belongs to one worker, and with it Find
// allocates nothing. Nested and overlapping queries are all found: "a red fox"
// contains "fox" and "red fox". Where several queries are one to a mode, the
// first is found and the others are counted as shadowed.
//
// Mode [Clean], the default: text and query are folded by fold.Text (NFC, full
// case folding, plain apostrophes, white space) and cut into words by fold.Words
// (letters, marks and numbers; inner apostrophes; trailing plus and number
// signs). A query is contained when its words stand in the text one after
// another, whatever separates them: "well-known" and "well known" are one.
// Scripts written without spaces give a word for each character, and so match by
// substring. A query without words is never found and counted as empty.
//
// Mode [MetaCLIP] gives what MetaCLIP's substring function gives, byte for byte:
//
//   - the text gets a space at both ends, and a space before and after each
//     comma, full stop, semicolon, colon, question mark, exclamation mark and
//     back-tick; each tab, carriage return and line feed becomes a space;
//   - the query gets a space at both ends, and nothing else;
//   - the query is contained when it is a substring of the text. Case, Unicode
//     forms and numbers of spaces count.
//
// So "St. Louis" is never found, nor "fox" in "(fox)", nor "red fox" in
// "red  fox". The empty query is found where two spaces meet.
//
// Time grows with the text, not with the number of queries. Both modes cut the
// text into words; a word costs one look into a small cache of the worker or one
// into a table of all words, and one more for each word by which a query could
// go on. Every hit is held against the word's own bytes, not its hash alone.
// docs/format.md describes the file.
package match
