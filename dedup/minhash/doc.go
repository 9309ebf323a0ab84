// Package minhash finds texts that are nearly equal.
//
// Two texts are as similar as the sets of their shingles are, by Jaccard: what they
// share, over what either has. Shingles are all runs of three, four and five
// characters of the folded text, which suits captions: half of all alt texts have no
// more than 54 characters, too few for shingles of words.
//
// [AppendShingles] gives a text's shingles as numbers, [Sketcher.Sketch] a sketch of
// a fixed size whose places agree between two texts with a probability that is their
// similarity, and [Banding.Append] the hashes of the sketch's bands. Texts that share
// a band are candidates, and [Set] tells what their similarity is in truth. So
// nothing is found that is not there, and what is missed is what shares no band:
// [Banding.Recall] says how likely that is not so.
//
// The sketch is that of fast similarity sketching (Dahlgaard, Knudsen and Thorup,
// FOCS 2017): each shingle goes to one place, the least value stays there, and
// rounds follow until no place is empty. A caption costs a few microseconds, where
// MinHash proper hashes each shingle once for each place.
//
// All of it is pure. A Sketcher, a Set and what they return belong to one goroutine.
package minhash
