// Package build makes a query list from a Wikipedia dump, page-view files and
// WordNet, by the recipe of CLIP's paper as MetaCLIP published it (arXiv
// 2309.16671, appendix; facebookresearch/MetaCLIP, metaclip/build_metadata.py):
//
//   - every word and phrase of WordNet's synsets;
//   - words that the articles hold at least 100 times;
//   - phrases of two words with a pointwise mutual information of at least 30
//     bits, log2(c(ab) N / (c(a) c(b))) with N the number of words;
//   - titles with at least 70 views, where rows of an hourly page-view file
//     under 50 views and titles with a colon do not count.
//
// The list has them in this order: WordNet by text without case, words
// by count, phrases by mutual information, titles by views; ties by code point. It is cut
// at its size from the end. A text that equals an earlier entry after folding
// (package fold) is not taken again, so an entry's source is the first that has
// it. MetaCLIP also adds the numbers 0 to 99 and walks unordered sets, so that
// its cut differs between runs.
//
// About 30 bits: no phrase can have more than log2(N / c(ab)), so on English
// Wikipedia (3 to 4 thousand million words, 2^31.6) only phrases seen once or
// twice whose words occur nowhere else reach 30, and in a smaller dump none can.
// MinPMI 8 with MinPhraseCount 100 gives phrases that people use.
//
// Words are those of package fold, which matching uses too, so they are in
// lower case. Redirects, disambiguation pages and all namespaces but 0 are left
// out and counted. Markup goes through a parser that is linear in the page.
//
// Each worker counts in tables of a fixed size that go to disk, sorted, when
// they are full, so counts are exact and memory is bounded by Options.Memory,
// plus about 50 MiB, the list itself, the words above MinCount and the titles with 50 views
// in an hour. Finished counts of a dump stay in Options.Temp under its hash, and
// a later build with other thresholds starts from them. The result is the same
// for any number of workers and any memory.
package build
