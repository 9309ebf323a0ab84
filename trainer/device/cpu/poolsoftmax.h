// pool_softmax: p[rows,n] = the softmax of factor*p, row by row.
static void KERNEL(pool_softmax)(float *p, int64_t rows, int64_t n, float factor) {
#pragma omp parallel for schedule(static) if (rows * n > 8192)
	for (int64_t i = 0; i < rows; i++) {
		float *row = p + i * n, top = row[0], total = 0;
		for (int64_t j = 1; j < n; j++)
			top = row[j] > top ? row[j] : top;
#pragma omp simd reduction(+ : total)
		for (int64_t j = 0; j < n; j++) {
			float e = exp_lane(factor * (row[j] - top));
			row[j] = e;
			total += e;
		}
#pragma omp simd
		for (int64_t j = 0; j < n; j++)
			row[j] /= total;
	}
}

// pool_softmax_backward turns dp into the gradient of the scores before factor.
static void KERNEL(pool_softmax_backward)(float *dp, const float *p, int64_t rows, int64_t n, float factor) {
#pragma omp parallel for schedule(static) if (rows * n > 8192)
	for (int64_t i = 0; i < rows; i++) {
		const float *row = p + i * n;
		float *d = dp + i * n, sum = 0;
#pragma omp simd reduction(+ : sum)
		for (int64_t j = 0; j < n; j++)
			sum += row[j] * d[j];
#pragma omp simd
		for (int64_t j = 0; j < n; j++)
			d[j] = row[j] * (d[j] - sum) * factor;
	}
}
