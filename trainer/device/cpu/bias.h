// bias: y[i,j] += b[j].
static void KERNEL(bias)(float *y, const float *b, int64_t rows, int64_t cols) {
#pragma omp parallel for schedule(static) if (rows * cols > 32768)
	for (int64_t i = 0; i < rows; i++) {
		float *row = y + i * cols;
#pragma omp simd
		for (int64_t j = 0; j < cols; j++)
			row[j] += b[j];
	}
}

// Column sums go strip by strip of STRIP columns and chunk by chunk of CHUNK
// rows: the same order for any number of threads, and the rounding of a long
// sum grows with the chunks instead of the rows.
enum { STRIP = 64, CHUNK = 64 };

// bias_backward: db[j] += sum over i of dy[i,j].
static void KERNEL(bias_backward)(float *db, const float *dy, int64_t rows, int64_t cols) {
#pragma omp parallel for schedule(static) if (rows * cols > 32768)
	for (int64_t strip = 0; strip < cols; strip += STRIP) {
		int64_t width = smaller(STRIP, cols - strip);
		float total[STRIP] = {0};
		for (int64_t chunk = 0; chunk < rows; chunk += CHUNK) {
			float part[STRIP] = {0};
			for (int64_t i = chunk; i < smaller(chunk + CHUNK, rows); i++) {
				const float *row = dy + i * cols + strip;
#pragma omp simd
				for (int64_t j = 0; j < width; j++)
					part[j] += row[j];
			}
			for (int64_t j = 0; j < width; j++)
				total[j] += part[j];
		}
		for (int64_t j = 0; j < width; j++)
			db[strip + j] += total[j];
	}
}
