// Package hamming finds the 64-bit words that differ in few bits.
//
// [Join] finds all pairs of a long list, [Components] which words hang together by
// such pairs, and a [Set] those near to one word. All are complete: nothing is
// approximate, and the result depends on the words alone, not on processor, memory
// or number of workers.
//
// Join rests on the pigeonhole principle: cut into d+2 blocks, two words that differ
// in at most d bits agree in at least two blocks. For each block but the last, words
// are parted by it; in each bin of equal ones they are sorted by each later block,
// and compared within groups that agree in both. A group that is too large for that,
// as words of the real world make them, is parted in the same way once more, by the
// bits in which its words differ. Of the groups that a pair is in, the one of its
// first two equal blocks reports it. So n words cost about 5 n steps of
// distribution, 15 n of sorting within the processor's cache, and n comparisons for
// each word beyond 2^21, at distance 4; pairs that are found add to it. A set that is
// one dense cluster has pairs in proportion to its square, and takes as long.
//
// Eight words are compared at once where the processor has VPOPCNTQ (AVX-512).
package hamming
