#include <math.h>
#include <oneapi/dnnl/dnnl.h>

#include "contrastive_loss.h"
#include "kernels.h"

int64_t pl_contrastive_scratch(int64_t n) {
	// A band of S, then the diagonal and three columns, then n doubles.
	return PL_BAND * n + 3 * n + 2 * n;
}

// band computes s[rows,n] = exp(scale) X[first..] Y^t.
static int band(float *s, const float *x, const float *y, float factor, int64_t first, int64_t rows, int64_t n, int64_t dim) {
	return dnnl_sgemm('N', 'T', rows, n, dim, factor, x + first * dim, dim, y, dim, 0, s, n);
}

int pl_contrastive(float *loss, float *lse, const float *x, const float *y, const float *scale, int64_t n, int64_t dim, float *scratch) {
	float *s = scratch, *diagonal = s + PL_BAND * n, *top = diagonal + n, *total = top + n;
	float factor = expf(*scale);
	for (int64_t first = 0; first < n; first += PL_BAND) {
		int64_t rows = n - first < PL_BAND ? n - first : PL_BAND;
		int status = band(s, x, y, factor, first, rows, n, dim);
		if (status)
			return status;
		pl_contrastive_tile(lse, top, total, diagonal, s, first, rows, n);
	}
	double sum = 0;
	for (int64_t i = 0; i < n; i++) {
		lse[n + i] = top[i] + logf(total[i]);
		sum += (double)lse[i] + (double)lse[n + i] - 2 * (double)diagonal[i];
	}
	*loss = (float)(sum / (double)(2 * n));
	return 0;
}

int pl_contrastive_backward(float *dx, float *dy, float *dscale, const float *lse, const float *x, const float *y, const float *scale, int64_t n, int64_t dim, float *scratch) {
	// The doubles come first, so that they are aligned.
	double *sums = (double *)scratch;
	float *s = scratch + 2 * n;
	float factor = expf(*scale);
	for (int64_t first = 0; first < n; first += PL_BAND) {
		int64_t rows = n - first < PL_BAND ? n - first : PL_BAND;
		int status = band(s, x, y, factor, first, rows, n, dim);
		if (status)
			return status;
		pl_contrastive_gradient(sums, s, lse, lse + n, first, rows, n);
		status = dnnl_sgemm('N', 'N', rows, dim, n, factor, s, n, y, dim, 0, dx + first * dim, dim);
		if (status)
			return status;
		status = dnnl_sgemm('T', 'N', n, dim, rows, factor, s, n, x + first * dim, dim, first > 0, dy, dim);
		if (status)
			return status;
	}
	double sum = 0;
	for (int64_t i = 0; i < n; i++)
		sum += sums[i];
	*dscale += (float)sum;
	return 0;
}
