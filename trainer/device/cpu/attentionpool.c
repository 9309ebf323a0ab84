#include <math.h>
#include <oneapi/dnnl/dnnl.h>

#include "attentionpool.h"
#include "kernels.h"

// Scratch: u = q wk and pooled = p x, both [batch,heads,width], with p[batch,
// heads,tokens]; backward has the gradient of each as well.
int64_t pl_attention_pool_scratch(pl_pool_shape a, int backward) {
	return (backward ? 2 : 1) * a.batch * a.heads * (2 * a.width + a.tokens);
}

// The first fault is kept: later products are not computed.
static int product(int *status, char ta, char tb, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc) {
	if (!*status)
		*status = dnnl_sgemm(ta, tb, m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
	return *status;
}

// attend computes u, p and pooled.
static int attend(float *u, float *pooled, float *p, const float *q, const float *x, const float *wk, pl_pool_shape a) {
	int64_t w = a.width, size = w / a.heads, all = a.heads * w;
	int status = 0;
	for (int64_t h = 0; h < a.heads; h++)
		product(&status, 'N', 'N', a.batch, w, size, q + h * size, w, wk + h * size * w, w, 0, u + h * w, all);
	for (int64_t b = 0; b < a.batch; b++)
		product(&status, 'N', 'T', a.heads, a.tokens, w, u + b * all, w, x + b * a.tokens * w, w, 0, p + b * a.heads * a.tokens, a.tokens);
	pl_pool_softmax(p, a.batch * a.heads, a.tokens, 1 / sqrtf((float)size));
	for (int64_t b = 0; b < a.batch; b++)
		product(&status, 'N', 'N', a.heads, w, a.tokens, p + b * a.heads * a.tokens, a.tokens, x + b * a.tokens * w, w, 0, pooled + b * all, w);
	return status;
}

int pl_attention_pool(float *out, const float *q, const float *x, const float *wk, const float *wv, pl_pool_shape a, float *scratch) {
	int64_t w = a.width, size = w / a.heads, all = a.heads * w;
	float *u = scratch, *pooled = u + a.batch * all, *p = pooled + a.batch * all;
	int status = attend(u, pooled, p, q, x, wk, a);
	for (int64_t h = 0; h < a.heads; h++)
		product(&status, 'N', 'T', a.batch, size, w, pooled + h * w, all, wv + h * size * w, w, 0, out + h * size, w);
	return status;
}

int pl_attention_pool_backward(float *dq, float *dx, float *dwk, float *dwv, const float *dout, const float *q, const float *x, const float *wk, const float *wv, pl_pool_shape a, float *scratch) {
	int64_t w = a.width, size = w / a.heads, all = a.heads * w, heads = a.heads, tokens = a.tokens;
	float *u = scratch, *pooled = u + a.batch * all, *du = pooled + a.batch * all, *dpooled = du + a.batch * all;
	float *p = dpooled + a.batch * all, *dp = p + a.batch * heads * tokens;
	int status = attend(u, pooled, p, q, x, wk, a);
	for (int64_t h = 0; h < heads; h++) {
		int64_t at = h * size;
		product(&status, 'N', 'N', a.batch, w, size, dout + at, w, wv + at * w, w, 0, dpooled + h * w, all);
		product(&status, 'T', 'N', size, w, a.batch, dout + at, w, pooled + h * w, all, 1, dwv + at * w, w);
	}
	for (int64_t b = 0; b < a.batch; b++)
		product(&status, 'N', 'T', heads, tokens, w, dpooled + b * all, w, x + b * tokens * w, w, 0, dp + b * heads * tokens, tokens);
	pl_pool_softmax_backward(dp, p, a.batch * heads, tokens, 1 / sqrtf((float)size));
	for (int64_t b = 0; b < a.batch; b++) {
		const float *pb = p + b * heads * tokens, *ds = dp + b * heads * tokens, *xb = x + b * tokens * w;
		product(&status, 'T', 'N', tokens, w, heads, pb, tokens, dpooled + b * all, w, 0, dx + b * tokens * w, w);
		product(&status, 'T', 'N', tokens, w, heads, ds, tokens, u + b * all, w, 1, dx + b * tokens * w, w);
		product(&status, 'N', 'N', heads, w, tokens, ds, tokens, xb, w, 0, du + b * all, w);
	}
	for (int64_t h = 0; h < heads; h++) {
		int64_t at = h * size;
		product(&status, 'N', 'T', a.batch, size, w, du + h * w, all, wk + at * w, w, 0, dq + at, w);
		product(&status, 'T', 'N', size, w, a.batch, q + at, w, du + h * w, all, 1, dwk + at * w, w);
	}
	return status;
}
