// Attention of one query a picture, without keys and values: see device.Device.
#ifndef PAIRLOOM_ATTENTION_POOL_H
#define PAIRLOOM_ATTENTION_POOL_H

#include <stdint.h>

typedef struct {
	int64_t batch, tokens, width, heads;
} pl_pool_shape;

// pl_attention_pool_scratch is in words.
int64_t pl_attention_pool_scratch(pl_pool_shape a, int backward);

// Both return oneDNN's status.
int pl_attention_pool(float *out, const float *q, const float *x, const float *wk, const float *wv, pl_pool_shape a, float *scratch);
int pl_attention_pool_backward(float *dq, float *dx, float *dwk, float *dwv, const float *dout, const float *q, const float *x, const float *wk, const float *wv, pl_pool_shape a, float *scratch);

#endif
