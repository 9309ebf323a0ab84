// mean_token: the mean of a picture's n rows, then the rows.
static void KERNEL(mean_token)(float *y, const float *x, int64_t batch, int64_t n, int64_t cols) {
#pragma omp parallel for schedule(static) if (batch * n * cols > 32768)
	for (int64_t b = 0; b < batch; b++) {
		float *mean = y + b * (1 + n) * cols;
		const float *from = x + b * n * cols;
		memset(mean, 0, (size_t)cols * sizeof(float));
		memcpy(mean + cols, from, (size_t)(n * cols) * sizeof(float));
		for (int64_t i = 0; i < n; i++)
#pragma omp simd
			for (int64_t j = 0; j < cols; j++)
				mean[j] += from[i * cols + j];
#pragma omp simd
		for (int64_t j = 0; j < cols; j++)
			mean[j] /= (float)n;
	}
}

// mean_token_backward: dx[i] = dy[1+i] + dy[0]/n.
static void KERNEL(mean_token_backward)(float *dx, const float *dy, int64_t batch, int64_t n, int64_t cols) {
#pragma omp parallel for schedule(static) if (batch * n * cols > 32768)
	for (int64_t row = 0; row < batch * n; row++) {
		const float *mean = dy + row / n * (1 + n) * cols, *from = mean + (1 + row % n) * cols;
#pragma omp simd
		for (int64_t j = 0; j < cols; j++)
			dx[row * cols + j] = from[j] + mean[j] / (float)n;
	}
}

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
