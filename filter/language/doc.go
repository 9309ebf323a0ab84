// Package language tells in which of 176 languages a short text is.
//
// The model is fastText's lid.176.ftz (README.md in this folder has source and
// licence), which is embedded and read at the first use: 4 MB of memory and some
// milliseconds. The inference is our own, and gives what fastText gives: a text is
// the mean of the vectors of its words and of their pieces of two to four
// characters, and a walk down a Huffman tree of languages finds the likeliest.
//
// A [Detector] never changes and may be shared; each goroutine has a [Scratch].
// Detect allocates nothing while that has room. Its time grows with the text: about
// 2 µs for 50 characters.
package language
