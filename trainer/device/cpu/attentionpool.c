#include <math.h>

#include "attentionpool.h"
#include "kernels.h"
#include "product.h"

// Scratch: u = q wk and pooled = p x, both [batch,heads,width], with p[batch,
// heads,tokens]; backward has the gradient of each as well, and a picture's of x.
// Then the room of products.
static int64_t own_scratch(pl_pool_shape a, int backward) {
	int64_t each = a.batch * a.heads * (2 * a.width + a.tokens);
	return ((backward ? 2 * each + a.tokens * a.width : each) + 15) / 16 * 16;
}

int64_t pl_attention_pool_scratch(pl_pool_shape a, int backward) { return own_scratch(a, backward) + pl_product_most(); }

// A part of a matrix of a type, from element at.
static pl_view part(const void *x, int type, int64_t at, int64_t ld) {
	pl_view v = {(const char *)x + at * (type == PL_BF16 ? 2 : 4), ld, type, 0};
	return v;
}

static pl_view own(const float *x, int64_t ld) { return part(x, PL_F32, 0, ld); }

static void product(float *room, int ta, int tb, int64_t m, int64_t n, int64_t k, pl_view a, pl_view b, float beta, pl_view c) {
	pl_product p = {m, n, k, a, b, ta, tb, 1, (void *)c.at, c.ld, c.type, {.beta = beta}};
	pl_product_run(p, room);
}

// attend computes u, p and pooled.
static void attend(float *room, float *u, float *pooled, float *p, const void *q, const void *x, const void *wk, pl_pool_shape a) {
	int64_t w = a.width, size = w / a.heads, all = a.heads * w;
	int t = a.type;
	for (int64_t h = 0; h < a.heads; h++)
		product(room, 0, 0, a.batch, w, size, part(q, t, h * size, w), part(wk, t, h * size * w, w), 0, own(u + h * w, all));
	for (int64_t b = 0; b < a.batch; b++)
		product(room, 0, 1, a.heads, a.tokens, w, own(u + b * all, w), part(x, t, b * a.tokens * w, w), 0, own(p + b * a.heads * a.tokens, a.tokens));
	pl_pool_softmax(p, a.batch * a.heads, a.tokens, 1 / sqrtf((float)size));
	for (int64_t b = 0; b < a.batch; b++)
		product(room, 0, 0, a.heads, w, a.tokens, own(p + b * a.heads * a.tokens, a.tokens), part(x, t, b * a.tokens * w, w), 0, own(pooled + b * all, w));
}

void pl_attention_pool(void *out, const void *q, const void *x, const void *wk, const void *wv, pl_pool_shape a, float *scratch) {
	int64_t w = a.width, size = w / a.heads, all = a.heads * w;
	float *u = scratch, *pooled = u + a.batch * all, *p = pooled + a.batch * all, *room = scratch + own_scratch(a, 0);
	int t = a.type;
	attend(room, u, pooled, p, q, x, wk, a);
	for (int64_t h = 0; h < a.heads; h++)
		product(room, 0, 1, a.batch, size, w, own(pooled + h * w, all), part(wv, t, h * size * w, w), 0, part(out, t, h * size, w));
}

void pl_attention_pool_backward(void *dq, void *dx, float *dwk, float *dwv, const void *dout, const void *q, const void *x, const void *wk, const void *wv, pl_pool_shape a, float *scratch) {
	int64_t w = a.width, size = w / a.heads, all = a.heads * w, heads = a.heads, tokens = a.tokens;
	float *u = scratch, *pooled = u + a.batch * all, *du = pooled + a.batch * all, *dpooled = du + a.batch * all;
	float *p = dpooled + a.batch * all, *dp = p + a.batch * heads * tokens, *sums = dp + a.batch * heads * tokens, *room = scratch + own_scratch(a, 1);
	int t = a.type;
	attend(room, u, pooled, p, q, x, wk, a);
	for (int64_t h = 0; h < heads; h++) {
		int64_t at = h * size;
		product(room, 0, 0, a.batch, w, size, part(dout, t, at, w), part(wv, t, at * w, w), 0, own(dpooled + h * w, all));
		product(room, 1, 0, size, w, a.batch, part(dout, t, at, w), own(pooled + h * w, all), 1, own(dwv + at * w, w));
	}
	for (int64_t b = 0; b < a.batch; b++)
		product(room, 0, 1, heads, tokens, w, own(dpooled + b * all, w), part(x, t, b * tokens * w, w), 0, own(dp + b * heads * tokens, tokens));
	pl_pool_softmax_backward(dp, p, a.batch * heads, tokens, 1 / sqrtf((float)size));
	for (int64_t b = 0; b < a.batch; b++) {
		const float *pb = p + b * heads * tokens, *ds = dp + b * heads * tokens;
		pl_view xb = part(x, t, b * tokens * w, w);
		float *sum = t == PL_F32 ? (float *)dx + b * tokens * w : sums;
		product(room, 1, 0, tokens, w, heads, own(pb, tokens), own(dpooled + b * all, w), 0, own(sum, w));
		product(room, 1, 0, tokens, w, heads, own(ds, tokens), own(u + b * all, w), 1, own(sum, w));
		if (t == PL_BF16)
			pl_round_bf16((uint16_t *)dx + b * tokens * w, sum, tokens * w);
		product(room, 0, 0, heads, w, tokens, own(ds, tokens), xb, 0, own(du + b * all, w));
	}
	for (int64_t h = 0; h < heads; h++) {
		int64_t at = h * size;
		product(room, 0, 1, a.batch, size, w, own(du + h * w, all), part(wk, t, at * w, w), 0, part(dq, t, at, w));
		product(room, 1, 0, size, w, a.batch, part(q, t, at, w), own(du + h * w, all), 1, own(dwk + at * w, w));
	}
}
