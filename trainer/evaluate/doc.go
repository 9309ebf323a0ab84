// Package evaluate judges a trained model, and holds what uses one: vectors of
// texts and pictures, and classifiers made of prompts.
//
// [Open] loads a checkpoint as an [Embedder], [Load] what [Options.Weights] names,
// weights of others among them. [Embedder.Texts] and
// [Embedder.Pictures] give vectors of length 1; [Embedder.Classifier] makes the
// zero-shot classifier of labels and templates, or finds it in a folder where an
// earlier call left it under the hash of model, templates and labels.
//
// [Run] evaluates a checkpoint and writes DIR/evaluation/eval.json.
// Pictures are scaled and cut as the public models do it; what does not decode is
// counted and left out. Each accuracy stands beside what guessing gives, with a
// 95% interval by bootstrap.
//
// Held-out pairs that the model was trained on, by their place in the list that its
// checkpoints have or by what looks like them there, are counted, named and left out;
// [Options.Seen] may refuse or keep them.
//
// Retrieval, on the held-out pairs of DIR/shards: for each picture all texts are
// ranked by cosine, and the other way round. Where a text or a picture (by
// PictureHash) occurs more than once, any of the pairs that share it is a right
// answer, and the best of them counts; chance takes the number of right answers
// into account. With all distinct it is k/N. Ties count against the model, so
// that a collapsed one is not rewarded.
//
// Zero-shot, on the held-out pairs whose queries name exactly one of the classes,
// and on any class set (folders, MNIST's and CIFAR's files, Parquet files in
// Hugging Face's layout, pairs of shards whose texts are labels; see [OpenSet]):
// each class is embedded by every template; the mean, normalised again, is its row
// of the classifier. A class without pictures is an answer like the others, and is
// left out of the mean of classes.
//
// The linear probe is logistic regression, fitted by L-BFGS, its strength found by
// the CLIP paper's sweep on a fifth of the training set, on the features that the
// paper used (appendix A.3): of a ViT the class token's before the projection to
// the shared space, of a ResNet the attention pool's, neither scaled to length 1;
// moved to mean 0 and scaled by one number first, so that the sweep suits any
// encoder. Effective robustness is that of Taori et al.
// (2020): the accuracy on a shifted set minus what a line through other models'
// accuracies predicts.
package evaluate
