// Package token turns captions into token ids, by byte-level byte-pair encoding
// in CLIP's form: lower case, words ended by a marker, ids in the public order
// (256 bytes, 256 bytes that end a word, the merges, start, end).
//
// A [Vocabulary] is learned from texts by [Train] or read by [Parse], which
// also reads the merges file of the public model. It never changes and may be
// shared. An [Encoder] keeps a bounded cache of words and belongs to one
// goroutine. Training is deterministic: equal texts give equal bytes, in any
// order of texts.
//
// Texts are cleaned first, see [Clean]. Text that looks like the start or end
// marker is text: no caption can end another early.
package token
