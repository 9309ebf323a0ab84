// Attention of one query a picture, without keys and values: see device.Device.
#ifndef PAIRLOOM_ATTENTION_POOL_H
#define PAIRLOOM_ATTENTION_POOL_H

#include <stdint.h>

typedef struct {
	int64_t batch, tokens, width, heads;
	int type; // of all but dwk and dwv: PL_F32 or PL_BF16
} pl_pool_shape;

// pl_attention_pool_scratch is in words.
int64_t pl_attention_pool_scratch(pl_pool_shape a, int backward);

void pl_attention_pool(void *out, const void *q, const void *x, const void *wk, const void *wv, pl_pool_shape a, float *scratch);
void pl_attention_pool_backward(void *dq, void *dx, float *dwk, float *dwv, const void *dout, const void *q, const void *x, const void *wk, const void *wv, pl_pool_shape a, float *scratch);

#endif
