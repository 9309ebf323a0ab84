#include <math.h>

#include "contrastive_loss.h"
#include "kernels.h"
#include "product.h"

int64_t pl_contrastive_scratch(int64_t n) {
	// A band of S, then either the diagonal and two columns or 2n doubles, then
	// the room of products.
	return (PL_BAND + 4) * n + pl_product_most();
}

static float *room_of(float *scratch, int64_t n) { return scratch + (PL_BAND + 4) * n; }

// band computes s[rows,n] = exp(scale) X[first..] Y^t.
static void band(float *s, const float *x, const float *y, float factor, int64_t first, int64_t rows, int64_t n, int64_t dim, float *room) {
	pl_sgemm(0, 1, rows, n, dim, factor, x + first * dim, dim, y, dim, 0, s, n, room);
}

// band_backward computes dx's rows of the band, and adds its share to dy.
static void band_backward(float *dx, float *dy, const float *g, const float *x, const float *y, float factor, int64_t first, int64_t rows, int64_t n, int64_t dim, float *room) {
	pl_sgemm(0, 0, rows, dim, n, factor, g, n, y, dim, 0, dx + first * dim, dim, room);
	pl_sgemm(1, 0, n, dim, rows, factor, g, n, x + first * dim, dim, first > 0, dy, dim, room);
}

void pl_contrastive(float *loss, float *lse, const float *x, const float *y, const float *scale, int64_t n, int64_t dim, float share, float *scratch) {
	float *s = scratch, *diagonal = s + PL_BAND * n, *top = diagonal + n, *total = top + n;
	float factor = expf(*scale);
	for (int64_t first = 0; first < n; first += PL_BAND) {
		int64_t rows = n - first < PL_BAND ? n - first : PL_BAND;
		band(s, x, y, factor, first, rows, n, dim, room_of(scratch, n));
		pl_contrastive_tile(lse, top, total, diagonal, s, first, rows, n);
	}
	double sum = 0;
	for (int64_t i = 0; i < n; i++) {
		lse[n + i] = top[i] + logf(total[i]);
		sum += (double)share * (double)lse[i] + (1 - (double)share) * (double)lse[n + i] - (double)diagonal[i];
	}
	*loss = (float)(sum / (double)n);
}

void pl_contrastive_backward(float *dx, float *dy, float *dscale, const float *lse, const float *x, const float *y, const float *scale, int64_t n, int64_t dim, float share, float *scratch) {
	// The doubles come first, so that they are aligned.
	double *sums = (double *)scratch;
	float *s = scratch + 2 * n;
	float factor = expf(*scale);
	for (int64_t first = 0; first < n; first += PL_BAND) {
		int64_t rows = n - first < PL_BAND ? n - first : PL_BAND;
		band(s, x, y, factor, first, rows, n, dim, room_of(scratch, n));
		pl_contrastive_gradient(sums, s, lse, lse + n, first, rows, n, share);
		band_backward(dx, dy, s, x, y, factor, first, rows, n, dim, room_of(scratch, n));
	}
	double sum = 0;
	for (int64_t i = 0; i < n; i++)
		sum += sums[i];
	*dscale += (float)sum;
}

void pl_siglip(float *loss, const float *x, const float *y, const float *scale, const float *bias, int64_t n, int64_t dim, float *scratch) {
	double *sums = (double *)scratch, sum = 0;
	float *s = scratch + 4 * n;
	for (int64_t first = 0; first < n; first += PL_BAND) {
		int64_t rows = n - first < PL_BAND ? n - first : PL_BAND;
		band(s, x, y, expf(*scale), first, rows, n, dim, room_of(scratch, n));
		pl_siglip_tile(sums, s, *bias, first, rows, n);
	}
	for (int64_t i = 0; i < n; i++)
		sum += sums[i];
	*loss = (float)(sum / (double)n);
}

void pl_siglip_backward(float *dx, float *dy, float *dscale, float *dbias, const float *x, const float *y, const float *scale, const float *bias, int64_t n, int64_t dim, float *scratch) {
	double *sums = (double *)scratch, by_scale = 0, by_bias = 0;
	float *s = scratch + 4 * n, factor = expf(*scale);
	for (int64_t first = 0; first < n; first += PL_BAND) {
		int64_t rows = n - first < PL_BAND ? n - first : PL_BAND;
		band(s, x, y, factor, first, rows, n, dim, room_of(scratch, n));
		pl_siglip_gradient(sums, s, *bias, first, rows, n);
		band_backward(dx, dy, s, x, y, factor, first, rows, n, dim, room_of(scratch, n));
	}
	for (int64_t i = 0; i < n; i++) {
		by_scale += sums[i];
		by_bias += sums[n + i];
	}
	*dscale += (float)by_scale;
	*dbias += (float)by_bias;
}
