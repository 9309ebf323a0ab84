// normalize: y = x/|x| and norm = |x|, for each row.
static void KERNEL(normalize)(float *y, float *norm, const float *x, int64_t rows, int64_t cols) {
	for (int64_t i = 0; i < rows; i++) {
		float sum = 0;
#pragma omp simd reduction(+ : sum)
		for (int64_t j = 0; j < cols; j++)
			sum += x[i * cols + j] * x[i * cols + j];
		float length = sqrtf(sum);
		length = length < 1e-12f ? 1e-12f : length;
#pragma omp simd
		for (int64_t j = 0; j < cols; j++)
			y[i * cols + j] = x[i * cols + j] / length;
		norm[i] = length;
	}
}

// normalize_backward: dx = (dy - y*sum(dy*y)) / |x|.
static void KERNEL(normalize_backward)(float *dx, const float *dy, const float *y, const float *norm, int64_t rows, int64_t cols) {
	for (int64_t i = 0; i < rows; i++) {
		const float *d = dy + i * cols, *v = y + i * cols;
		float dot = 0;
#pragma omp simd reduction(+ : dot)
		for (int64_t j = 0; j < cols; j++)
			dot += d[j] * v[j];
#pragma omp simd
		for (int64_t j = 0; j < cols; j++)
			dx[i * cols + j] = (d[j] - v[j] * dot) / norm[i];
	}
}
