// Package clip is the model: an image tower, a text tower, and the symmetric
// contrastive loss between them.
//
// The image tower is a ViT with CLIP's extra layer norm before the blocks, whose
// feature is the class token's, or CLIP's modified ResNet, whose feature is that
// of its attention pool. The text tower is a causal transformer; its
// feature is the row at the end-of-text token. Both are projected to one
// space without bias and normalised. Parameters carry the names of the public
// checkpoints.
//
// Captions are packed end to end. The text tower is causal, so that what would
// follow the end-of-text token changes nothing: it is never computed.
//
// [Config].Objective builds other models around the same image tower, to compare
// with: objective.go has their parts and losses.
//
// A [Config] comes from [Preset] by a short name, or from the file of another
// program; [Places] finds where the tensors of others belong. [New] makes the model's
// parameters; the caller allocates and draws them, then calls [Model.Loss] in
// training, [Model.Images] and [Model.Texts] for embeddings. A model belongs to
// the goroutine of its device. Embeddings and losses are F32, whatever the type of
// the tape's activations.
package clip
