// bias: y[i,j] += b[j].
static void TYPED(bias)(T *y, const float *b, int64_t rows, int64_t cols) {
#pragma omp parallel for schedule(static) if (rows * cols > 32768)
	for (int64_t i = 0; i < rows; i++) {
		T *row = y + i * cols;
#pragma omp simd
		for (int64_t j = 0; j < cols; j++)
			row[j] = R(F(row[j]) + b[j]);
	}
}

// strip_sum adds rows first to last of a strip of cols-wide rows to total.
INLINE void TYPED(strip_sum)(float *total, const T *x, int64_t cols, int64_t first, int64_t last, int64_t width) {
	if (width == STRIP) {
		lanes part[STRIP / LANES] = {{0}};
		for (int64_t i = first; i < last; i++) {
#pragma GCC unroll 16
			for (int l = 0; l < STRIP / LANES; l++)
				part[l] += L(x + i * cols + l * LANES);
		}
#pragma GCC unroll 16
		for (int l = 0; l < STRIP / LANES; l++)
			*(lanes *)(total + l * LANES) += part[l];
		return;
	}
	float part[STRIP] = {0};
	for (int64_t i = first; i < last; i++)
		for (int64_t j = 0; j < width; j++)
			part[j] += F(x[i * cols + j]);
	for (int64_t j = 0; j < width; j++)
		total[j] += part[j];
}

// bias_backward: db[j] += sum over i of dy[i,j].
static void TYPED(bias_backward)(float *db, const T *dy, int64_t rows, int64_t cols) {
#pragma omp parallel for schedule(static) if (rows * cols > 32768)
	for (int64_t strip = 0; strip < cols; strip += STRIP) {
		int64_t width = smaller(STRIP, cols - strip);
		float total[STRIP] = {0};
		for (int64_t chunk = 0; chunk < rows; chunk += CHUNK)
			TYPED(strip_sum)(total, dy + strip, cols, chunk, smaller(chunk + CHUNK, rows), width);
		for (int64_t j = 0; j < width; j++)
			db[strip + j] += total[j];
	}
}
