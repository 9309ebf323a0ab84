// Package nn holds the layers that models are made of, and their parameters.
//
// A layer's constructor asks [Parameters] for what it needs, by public name,
// shape and distribution. When the model is complete, [Parameters.Allocate]
// puts all of them side by side in one buffer, with buffers of the same layout
// for the gradients and the optimizer's two moments: clearing, clipping and
// updating are single operations. Tensors of rank 2 and more come first, since
// they alone decay, and of those the factors of products, of which [Parameters]
// keeps a rounded copy when activations are of BF16.
//
// Each tensor is drawn from the seed and its own name, so that adding a layer
// does not change the others.
package nn
