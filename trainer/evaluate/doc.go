// Package evaluate judges the last checkpoint on held-out pairs: retrieval in
// both directions, and zero-shot classification from prompts, each beside what
// guessing gives.
//
// Retrieval: for each picture all held-out texts are ranked by cosine, and the
// other way round. Where a text or a picture (by PictureHash) occurs more than
// once, any of the pairs that share it is a right answer, and the best of them
// counts; chance takes the number of right answers into account. With all
// distinct it is k/N. Ties count against the model, so that a collapsed one is
// not rewarded.
//
// Zero-shot: a class is a label with the query that stands for it. A held-out
// pair belongs to a class when its queries name exactly one of the classes. Each
// class is embedded by every template; the mean, normalised again, is its row of
// the classifier.
//
// [Run] reads DIR/shards and DIR/checkpoints and writes
// DIR/evaluation/eval.json. Pictures are scaled and cut as the public models
// do it; what does not decode is counted and left out.
package evaluate
