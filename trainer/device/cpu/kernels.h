// The kernels that are no products, as a table that is filled once from what the
// processor has. PL_KERNELS lists them: name, parameters, arguments.
#ifndef PAIRLOOM_KERNELS_H
#define PAIRLOOM_KERNELS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
	int32_t rows, sequences, longest, width, heads, causal;
} pl_attention_shape;

typedef struct {
	float rate, beta1, beta2, epsilon, decay, clip, limit, correct1, correct2;
} pl_adamw_figures;

typedef struct {
	float mean[3], deviation[3];
} pl_normalization;

// Batch norm's sums are kept in this many parts.
enum { pl_batch_norm_parts = 64 };

#define PL_KERNELS(X) \
	X(blend, (float *y, const float *x, int64_t n, float keep), (y, x, n, keep)) \
	X(clamp, (float *x, int64_t n, float lo, float hi), (x, n, lo, hi)) \
	X(round_bf16, (uint16_t *y, const float *x, int64_t n), (y, x, n)) \
	X(widen_bf16, (float *y, const uint16_t *x, int64_t n), (y, x, n)) \
	X(running_stats, (float *stats, const float *mean, const float *variance, int64_t cols, float eps), (stats, mean, variance, cols, eps)) \
	X(pool_softmax, (float *p, int64_t rows, int64_t n, float factor), (p, rows, n, factor)) \
	X(pool_softmax_backward, (float *dp, const float *p, int64_t rows, int64_t n, float factor), (dp, p, rows, n, factor)) \
	X(normalize, (float *y, float *norm, const float *x, int64_t rows, int64_t cols), (y, norm, x, rows, cols)) \
	X(normalize_backward, (float *dx, const float *dy, const float *y, const float *norm, int64_t rows, int64_t cols), (dx, dy, y, norm, rows, cols)) \
	X(scan, (float *scores, const float *rows, const float *query, int64_t n, int64_t dim), (scores, rows, query, n, dim)) \
	X(contrastive_tile, (float *rowlse, float *colmax, float *colsum, float *diagonal, const float *s, int64_t first, int64_t rows, int64_t n), (rowlse, colmax, colsum, diagonal, s, first, rows, n)) \
	X(contrastive_gradient, (double *sums, float *s, const float *rowlse, const float *collse, int64_t first, int64_t rows, int64_t n, float share), (sums, s, rowlse, collse, first, rows, n, share)) \
	X(siglip_tile, (double *sums, const float *s, float bias, int64_t first, int64_t rows, int64_t n), (sums, s, bias, first, rows, n)) \
	X(siglip_gradient, (double *sums, float *s, float bias, int64_t first, int64_t rows, int64_t n), (sums, s, bias, first, rows, n)) \
	X(cross_entropy, (float *each, float *lse, const float *logits, const int32_t *targets, const int32_t *offsets, int64_t rows, int64_t classes), (each, lse, logits, targets, offsets, rows, classes)) \
	X(cross_entropy_backward, (float *dlogits, const float *lse, const float *logits, const int32_t *targets, const int32_t *offsets, int64_t rows, int64_t classes, float weight), (dlogits, lse, logits, targets, offsets, rows, classes, weight)) \
	X(squared_norm, (float *out, const float *x, int64_t n), (out, x, n)) \
	X(adamw, (float *p, const float *g, float *m, float *v, const float *norm2, int64_t n, pl_adamw_figures a), (p, g, m, v, norm2, n, a))

// PL_ACTIVATIONS lists those that there are for each type T of activations, float
// and bfloat16.
#define PL_ACTIVATIONS(X, T) \
	X(bias, (T *y, const float *b, int64_t rows, int64_t cols), (y, b, rows, cols)) \
	X(bias_backward, (float *db, const T *dy, int64_t rows, int64_t cols), (db, dy, rows, cols)) \
	X(fill, (T *x, int64_t n, float value), (x, n, value)) \
	X(sum, (T *y, const T *a, const T *b, int64_t n), (y, a, b, n)) \
	X(pixels, (T *out, const uint8_t *pictures, int64_t batch, int64_t side, pl_normalization n), (out, pictures, batch, side, n)) \
	X(layernorm, (T *y, float *stats, const T *x, const float *gain, const float *shift, int64_t rows, int64_t cols, float eps), (y, stats, x, gain, shift, rows, cols, eps)) \
	X(layernorm_backward, (T *dx, float *dgain, float *dshift, const T *dy, const float *stats, const T *x, const float *gain, int64_t rows, int64_t cols, float beta), (dx, dgain, dshift, dy, stats, x, gain, rows, cols, beta)) \
	X(gelu, (T *y, const T *x, int64_t n, int quick), (y, x, n, quick)) \
	X(gelu_backward, (T *dx, const T *dy, const T *x, int64_t n, int quick), (dx, dy, x, n, quick)) \
	X(attention, (T *out, float *lse, const T *qkv, const int32_t *offsets, pl_attention_shape a, float *scratch), (out, lse, qkv, offsets, a, scratch)) \
	X(attention_backward, (T *dqkv, const T *dout, const T *out, const float *lse, const T *qkv, const int32_t *offsets, pl_attention_shape a, float *scratch), (dqkv, dout, out, lse, qkv, offsets, a, scratch)) \
	X(gather, (T *y, const float *table, const int32_t *ids, int64_t rows, int64_t cols, float beta), (y, table, ids, rows, cols, beta)) \
	X(gather_backward, (float *dtable, const T *dy, const int32_t *ids, int64_t rows, int64_t cols), (dtable, dy, ids, rows, cols)) \
	X(pick, (T *y, const T *table, const int32_t *ids, int64_t rows, int64_t cols, float beta), (y, table, ids, rows, cols, beta)) \
	X(pick_backward, (T *dtable, const T *dy, const int32_t *ids, int64_t rows, int64_t cols), (dtable, dy, ids, rows, cols)) \
	X(patchify, (T *out, const T *pictures, int64_t batch, int64_t side, int64_t patch), (out, pictures, batch, side, patch)) \
	X(unfold, (T *out, const T *pictures, int64_t batch, int64_t side), (out, pictures, batch, side)) \
	X(batch_stats, (float *stats, float *mean, float *variance, float *count, const T *x, int64_t rows, int64_t cols, float eps, float momentum, double *parts), (stats, mean, variance, count, x, rows, cols, eps, momentum, parts)) \
	X(batch_norm, (T *y, const T *x, const float *stats, const float *gain, const float *shift, const T *shortcut, int64_t rows, int64_t cols, int relu, float *scale), (y, x, stats, gain, shift, shortcut, rows, cols, relu, scale)) \
	X(batch_norm_backward, (T *dx, float *dgain, float *dshift, T *dy, const T *x, const float *stats, const float *gain, const float *shift, const T *y, int64_t rows, int64_t cols, int relu, float *scale, double *parts), (dx, dgain, dshift, dy, x, stats, gain, shift, y, rows, cols, relu, scale, parts)) \
	X(avg_pool, (T *y, const T *x, int64_t batch, int64_t side, int64_t cols), (y, x, batch, side, cols)) \
	X(avg_pool_backward, (T *dx, const T *dy, int64_t batch, int64_t side, int64_t cols, float beta), (dx, dy, batch, side, cols, beta)) \
	X(mean_token, (T *y, const T *x, int64_t batch, int64_t n, int64_t cols), (y, x, batch, n, cols)) \
	X(mean_token_backward, (T *dx, const T *dy, int64_t batch, int64_t n, int64_t cols), (dx, dy, batch, n, cols))

typedef struct {
	const char *name;
	// Words of attention scratch that one thread needs.
	int64_t (*attention_scratch)(int64_t longest, int64_t size);
#define X(name, parameters, arguments) void (*name) parameters;
	PL_KERNELS(X)
	PL_ACTIVATIONS(X, float)
#undef X
#define X(name, parameters, arguments) void (*name##_bf16) parameters;
	PL_ACTIVATIONS(X, uint16_t)
#undef X
} pl_kernels;

extern const pl_kernels *pl_chosen;

// pl_choose fills pl_chosen: with level 0 the best this processor can run, 1
// at most AVX2, 2 plain.
void pl_choose(int level);

static inline int64_t pl_attention_scratch(int64_t longest, int64_t size) {
	return pl_chosen->attention_scratch(longest, size);
}
static inline const char *pl_kernels_name(void) { return pl_chosen->name; }

#define X(name, parameters, arguments) \
	static inline void pl_##name parameters { pl_chosen->name arguments; }
PL_KERNELS(X)
#undef X

// Of those of activations, the caller says whether they are bfloat16.
#define PL_BARE(...) __VA_ARGS__
#define X(name, parameters, arguments) \
	static inline void pl_##name(int bf16, PL_BARE parameters) { \
		if (bf16) \
			pl_chosen->name##_bf16 arguments; \
		else \
			pl_chosen->name arguments; \
	}
PL_ACTIVATIONS(X, void)
#undef X
#undef PL_BARE

#endif
