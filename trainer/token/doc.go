// Package token turns captions into token ids, by byte-level byte-pair encoding
// in CLIP's form: lower case, words ended by a marker, ids in the public order
// (256 bytes, 256 bytes that end a word, the merges, start, end).
//
// A [Vocabulary] is the public one ([Public]), learned from texts by [Train], or
// read by [Parse], which also reads the merges file of the public model. It
// never changes and may be shared. An [Encoder] keeps a cache of words and
// belongs to one goroutine; it allocates nothing for a text without entities.
// Training is deterministic: equal texts give equal bytes, in any order of texts.
//
// Texts are cleaned first, see [Clean]. With [Public], tokens are those of
// open_clip's tokenizer, ftfy's repairs included, but for:
//
//   - Mojibake, text decoded by the wrong table ("sÃ³"), is not guessed back.
//   - Text that looks like the start or end marker is text: no caption can end
//     another early.
//   - Characters that became letters or numbers after Unicode 15 are neither.
//     The public tokenizer goes by whatever version its regex library has.
//   - More than 30 marks on one letter are broken up by U+034F.
//
// bench/token counts how many of two million real texts differ.
package token
