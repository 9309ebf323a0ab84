// Package dedup drops pairs for what other pairs are.
//
// [Exact] finds pictures that are equal byte for byte (by the xxhash64 of the
// original bytes) and texts that stand under many pictures. It knows three
// reasons: a picture that appears under more addresses than a picture ever
// should is an error placeholder or a spacer, and all its pairs go; of the
// other pairs of one picture one stays; a text under more pictures than the
// limit says nothing about any of them, and its pairs go.
//
// [NearPictures] finds pictures that look alike, by their perceptual hashes, and
// drops all but one of those around it.
//
// [NearTexts] finds texts that are nearly equal, to one another or to those of
// evaluation sets, by what package minhash proposes, and [Against] pictures of
// evaluation sets, by what package lookalike does.
//
// Which pair stays depends on the pairs alone, by the order of [AppendOrder] or
// [AppendPictureOrder]. Memory is what the sorters are given, whatever the input: of a
// picture or text with millions of pairs all but a little waits in a temporary
// file until it is known whether it is over its limit.
package dedup
