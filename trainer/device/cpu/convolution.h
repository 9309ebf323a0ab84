// 3x3 convolutions of stride 1 and padding 1 of rows of channels, as products
// with what the nine places around each pixel hold.
#ifndef PAIRLOOM_CONVOLUTION_H
#define PAIRLOOM_CONVOLUTION_H

#include <stdint.h>

typedef struct {
	int64_t batch, side, in, out;
	int type; // of x, y, w, dx and dy: PL_F32 or PL_BF16
} pl_convolution;

// pl_convolution_scratch is in words: the most that one of the three needs.
int64_t pl_convolution_scratch(pl_convolution c);

void pl_convolution_forward(void *y, const void *x, const void *w, pl_convolution c, float *scratch);
void pl_convolution_backward_data(void *dx, const void *dy, const void *w, pl_convolution c, float *scratch);
// pl_convolution_backward_weights adds to dw.
void pl_convolution_backward_weights(float *dw, const void *dy, const void *x, pl_convolution c, float *scratch);

#endif
