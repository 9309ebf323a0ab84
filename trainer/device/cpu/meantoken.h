// mean_token: the mean of a picture's n rows, then the rows.
static void TYPED(mean_token)(T *y, const T *x, int64_t batch, int64_t n, int64_t cols) {
#pragma omp parallel for schedule(static) if (batch * n * cols > 32768)
	for (int64_t b = 0; b < batch; b++) {
		T *mean = y + b * (1 + n) * cols;
		const T *from = x + b * n * cols;
		memcpy(mean + cols, from, (size_t)(n * cols) * sizeof(T));
		for (int64_t strip = 0; strip < cols; strip += STRIP) {
			int64_t width = smaller(STRIP, cols - strip);
			float sum[STRIP] = {0};
			for (int64_t i = 0; i < n; i++)
#pragma omp simd
				for (int64_t j = 0; j < width; j++)
					sum[j] += F(from[i * cols + strip + j]);
#pragma omp simd
			for (int64_t j = 0; j < width; j++)
				mean[strip + j] = R(sum[j] / (float)n);
		}
	}
}

// mean_token_backward: dx[i] = dy[1+i] + dy[0]/n.
static void TYPED(mean_token_backward)(T *dx, const T *dy, int64_t batch, int64_t n, int64_t cols) {
#pragma omp parallel for schedule(static) if (batch * n * cols > 32768)
	for (int64_t row = 0; row < batch * n; row++) {
		const T *mean = dy + row / n * (1 + n) * cols, *from = mean + (1 + row % n) * cols;
#pragma omp simd
		for (int64_t j = 0; j < cols; j++)
			dx[row * cols + j] = R(F(from[j]) + F(mean[j]) / (float)n);
	}
}
