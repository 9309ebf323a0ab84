// Package compare trains objectives on the same shards at equal compute, and
// judges each on the same labelled pictures on the way.
//
// [Run] trains every objective of [Options] with every seed, one after another,
// and stops at each point, of which each has twice the pairs of the one before
// it. There the model classifies the pictures of all sets without having seen
// their labels:
//
//	contrastive, convirt  cosine of the picture and the mean of a label's prompts
//	bag_of_words          mean logit of the distinct tokens of a label's prompts
//	caption               mean log-likelihood a token of a label's prompts
//	supervised            the logit of the label, which it was trained on
//
// Learning rates fall to 0 at the end of the budget, so that the points before
// it lie below what a run of their own length would reach, for all objectives
// alike. ConVIRT's pretrained encoders have no place at equal compute: convirt is
// the rest of that paper.
//
// What is done is kept: a run that was stopped, or killed at any moment, goes on
// and ends with the same figures, those of time apart. It writes
//
//	OUT/caption-seed1/checkpoints/  of one run
//	                  points.json   its points so far
//	OUT/compare.json                all of them
//	    compare.md                  means over seeds
//	    compare.svg                 accuracy against pairs seen and operations
//
// Run keeps one goroutine, beside those of training.
package compare
