// 3x3 convolutions of stride 1 and padding 1 by oneDNN, rows of channels.
#ifndef PAIRLOOM_CONVOLUTION_H
#define PAIRLOOM_CONVOLUTION_H

#include <stdint.h>

#include "onednn.h"

// A pl_convolution is the generated code for one shape.
typedef struct pl_convolution pl_convolution;

// pl_convolution_new returns oneDNN's status, and leaves *made NULL on a fault.
// With bf16 the factors x and dy are bfloat16, and w is rounded on its way.
int pl_convolution_new(pl_convolution **made, pl_onednn o, int64_t batch, int64_t side, int64_t in, int64_t out, int bf16);
void pl_convolution_free(pl_convolution *c);

// pl_convolution_scratch is in words: the most that one of the three needs.
int64_t pl_convolution_scratch(const pl_convolution *c);

int pl_convolution_forward(pl_convolution *c, float *y, void *x, float *w, float *scratch);
int pl_convolution_backward_data(pl_convolution *c, float *dx, void *dy, float *w, float *scratch);
// pl_convolution_backward_weights adds to dw.
int pl_convolution_backward_weights(pl_convolution *c, float *dw, void *dy, void *x, float *scratch);

#endif
