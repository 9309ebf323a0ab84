// layernorm: y = (x-mean)*rstd*gain + shift, for each row.
static void TYPED(layernorm)(T *y, float *stats, const T *x, const float *gain, const float *shift, int64_t rows, int64_t cols, float eps) {
#pragma omp parallel for schedule(static) if (rows * cols > 16384)
	for (int64_t i = 0; i < rows; i++) {
		const T *in = x + i * cols;
		T *out = y + i * cols;
		float mean = 0, variance = 0;
#pragma omp simd reduction(+ : mean)
		for (int64_t j = 0; j < cols; j++)
			mean += F(in[j]);
		mean /= (float)cols;
#pragma omp simd reduction(+ : variance)
		for (int64_t j = 0; j < cols; j++)
			variance += (F(in[j]) - mean) * (F(in[j]) - mean);
		float rstd = 1.0f / sqrtf(variance / (float)cols + eps);
#pragma omp simd
		for (int64_t j = 0; j < cols; j++)
			out[j] = R((F(in[j]) - mean) * rstd * gain[j] + shift[j]);
		stats[2 * i] = mean;
		stats[2 * i + 1] = rstd;
	}
}

// layernorm_backward: with h = (x-mean)*rstd and e = dy*gain,
// dx = rstd*(e - mean(e) - h*mean(e*h)) + beta*dx; dgain += dy*h; dshift += dy.
static void TYPED(layernorm_backward)(T *dx, float *dgain, float *dshift, const T *dy, const float *stats, const T *x, const float *gain, int64_t rows, int64_t cols, float beta) {
#pragma omp parallel for schedule(static) if (rows * cols > 16384)
	for (int64_t strip = 0; strip < cols; strip += STRIP) {
		int64_t width = smaller(STRIP, cols - strip);
		float gains[STRIP] = {0}, shifts[STRIP] = {0};
		for (int64_t chunk = 0; chunk < rows; chunk += CHUNK) {
			float g[STRIP] = {0}, s[STRIP] = {0};
			for (int64_t i = chunk; i < smaller(chunk + CHUNK, rows); i++) {
				const T *in = x + i * cols + strip, *d = dy + i * cols + strip;
				float mean = stats[2 * i], rstd = stats[2 * i + 1];
#pragma omp simd
				for (int64_t j = 0; j < width; j++) {
					g[j] += F(d[j]) * (F(in[j]) - mean) * rstd;
					s[j] += F(d[j]);
				}
			}
			for (int64_t j = 0; j < width; j++) {
				gains[j] += g[j];
				shifts[j] += s[j];
			}
		}
		for (int64_t j = 0; j < width; j++) {
			dgain[strip + j] += gains[j];
			dshift[strip + j] += shifts[j];
		}
	}
#pragma omp parallel for schedule(static) if (rows * cols > 16384)
	for (int64_t i = 0; i < rows; i++) {
		const T *in = x + i * cols, *d = dy + i * cols;
		T *out = dx + i * cols;
		float mean = stats[2 * i], rstd = stats[2 * i + 1], e = 0, eh = 0;
#pragma omp simd reduction(+ : e, eh)
		for (int64_t j = 0; j < cols; j++) {
			e += F(d[j]) * gain[j];
			eh += F(d[j]) * gain[j] * (F(in[j]) - mean) * rstd;
		}
		e /= (float)cols;
		eh /= (float)cols;
		if (beta != 0) {
#pragma omp simd
			for (int64_t j = 0; j < cols; j++)
				out[j] = R(beta * F(out[j]) + rstd * (F(d[j]) * gain[j] - e - (F(in[j]) - mean) * rstd * eh));
		} else {
#pragma omp simd
			for (int64_t j = 0; j < cols; j++)
				out[j] = R(rstd * (F(d[j]) * gain[j] - e - (F(in[j]) - mean) * rstd * eh));
		}
	}
}
