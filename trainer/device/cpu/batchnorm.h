// moments_rows adds `count` rows to sums of x-p and (x-p)^2; p lies near the
// mean, so that nothing cancels.
INLINE void TYPED(moments_rows)(float *sum, float *square, const T *x, const float *p, int64_t cols, int64_t width, int count) {
#pragma omp simd
	for (int64_t j = 0; j < width; j++) {
		float s = 0, q = 0;
#pragma GCC unroll 4
		for (int r = 0; r < count; r++) {
			float d = F(x[r * cols + j]) - p[j];
			s += d;
			q += d * d;
		}
		sum[j] += s;
		square[j] += q;
	}
}

// Each part's sums lie in parts[part][2][cols].
static void TYPED(batch_stats)(float *stats, float *mean, float *variance, float *count, const T *x, int64_t rows, int64_t cols, float eps, float momentum, double *parts) {
	int64_t each = (rows + BANDS - 1) / BANDS, first_rows = smaller(rows, 64);
	float *pivot = stats;
	for (int64_t j = 0; j < cols; j++)
		pivot[j] = 0;
	for (int64_t i = 0; i < first_rows; i++)
		for (int64_t j = 0; j < cols; j++)
			pivot[j] += F(x[i * cols + j]) / (float)first_rows;
#pragma omp parallel for schedule(static) if (rows * cols > 32768)
	for (int64_t part = 0; part < BANDS; part++) {
		int64_t from = smaller(part * each, rows), to = smaller(from + each, rows);
		double *sums = parts + part * 2 * cols, *squares = sums + cols;
		memset(sums, 0, (size_t)(2 * cols) * sizeof(double));
		for (int64_t block = 0; block < cols; block += SPAN) {
			int64_t width = smaller(SPAN, cols - block);
			for (int64_t chunk = from; chunk < to; chunk += CHUNK) {
				int64_t i = chunk, end = smaller(chunk + CHUNK, to);
				float s[SPAN] = {0}, q[SPAN] = {0};
				for (; i + 4 <= end; i += 4)
					TYPED(moments_rows)(s, q, x + i * cols + block, pivot + block, cols, width, 4);
				for (; i < end; i++)
					TYPED(moments_rows)(s, q, x + i * cols + block, pivot + block, cols, width, 1);
				for (int64_t j = 0; j < width; j++) {
					sums[block + j] += (double)s[j];
					squares[block + j] += (double)q[j];
				}
			}
		}
	}
	for (int64_t part = 1; part < BANDS; part++)
		for (int64_t j = 0; j < 2 * cols; j++)
			parts[j] += parts[part * 2 * cols + j];
	for (int64_t j = 0; j < cols; j++) {
		double shifted = parts[j] / (double)rows, m = (double)pivot[j] + shifted;
		double total = parts[cols + j] - parts[j] * shifted;
		total = total < 0 ? 0 : total;
		stats[j] = (float)m;
		stats[cols + j] = (float)(1 / sqrt(total / (double)rows + (double)eps));
		if (mean && isfinite(m) && isfinite(total)) {
			mean[j] += momentum * (float)(m - (double)mean[j]);
			variance[j] += momentum * (float)(total / (double)(rows > 1 ? rows - 1 : 1) - (double)variance[j]);
		}
	}
	if (count)
		*count += 1;
}

// batch_norm: y = (x-mean)*scale + shift + shortcut with scale = gain*rstd,
// and with relu at least 0.
static void TYPED(batch_norm)(T *y, const T *x, const float *stats, const float *gain, const float *shift, const T *shortcut, int64_t rows, int64_t cols, int relu, float *scale) {
	for (int64_t j = 0; j < cols; j++)
		scale[j] = gain[j] * stats[cols + j];
	const float *mean = stats;
#pragma omp parallel for schedule(static) if (rows * cols > 32768)
	for (int64_t i = 0; i < rows; i++) {
		const T *in = x + i * cols, *add = shortcut + i * cols;
		T *out = y + i * cols;
		if (shortcut && relu) {
#pragma omp simd
			for (int64_t j = 0; j < cols; j++)
				out[j] = R(at_least_0((F(in[j]) - mean[j]) * scale[j] + shift[j] + F(add[j])));
		} else if (shortcut) {
#pragma omp simd
			for (int64_t j = 0; j < cols; j++)
				out[j] = R((F(in[j]) - mean[j]) * scale[j] + shift[j] + F(add[j]));
		} else if (relu) {
#pragma omp simd
			for (int64_t j = 0; j < cols; j++)
				out[j] = R(at_least_0((F(in[j]) - mean[j]) * scale[j] + shift[j]));
		} else {
#pragma omp simd
			for (int64_t j = 0; j < cols; j++)
				out[j] = R((F(in[j]) - mean[j]) * scale[j] + shift[j]);
		}
	}
}

// slopes_rows adds `count` rows of g and g*(x-mean).
INLINE void TYPED(slopes_rows)(float *sum, float *along, T *dy, const T *x, const T *y, const float *mean, const float *scale, const float *shift, int64_t cols, int64_t width, int where, int count) {
#pragma omp simd
	for (int64_t j = 0; j < width; j++) {
		float s = 0, a = 0;
#pragma GCC unroll 4
		for (int r = 0; r < count; r++) {
			float d = F(x[r * cols + j]) - mean[j], g = F(dy[r * cols + j]);
			if (where == GIVEN) {
				g = F(y[r * cols + j]) > 0 ? g : 0;
				dy[r * cols + j] = R(g);
			} else if (where == AGAIN)
				g = d * scale[j] + shift[j] > 0 ? g : 0;
			s += g;
			a += g * d;
		}
		sum[j] += s;
		along[j] += a;
	}
}

INLINE void TYPED(slopes_part)(double *sums, double *alongs, T *dy, const T *x, const T *y, const float *mean, const float *scale, const float *shift, int64_t from, int64_t to, int64_t cols, int where) {
	for (int64_t block = 0; block < cols; block += SPAN) {
		int64_t width = smaller(SPAN, cols - block);
		for (int64_t chunk = from; chunk < to; chunk += CHUNK) {
			int64_t i = chunk, end = smaller(chunk + CHUNK, to);
			float s[SPAN] = {0}, a[SPAN] = {0};
			for (; i + 4 <= end; i += 4)
				TYPED(slopes_rows)(s, a, dy + i * cols + block, x + i * cols + block, y + i * cols + block, mean + block, scale + block, shift + block, cols, width, where, 4);
			for (; i < end; i++)
				TYPED(slopes_rows)(s, a, dy + i * cols + block, x + i * cols + block, y + i * cols + block, mean + block, scale + block, shift + block, cols, width, where, 1);
			for (int64_t j = 0; j < width; j++) {
				sums[block + j] += (double)s[j];
				alongs[block + j] += (double)a[j];
			}
		}
	}
}

// batch_norm_backward: with g = dy where it counts, dx = scale*(g - mean(g) -
// (x-mean)*slope) with slope = sum(g*(x-mean))*rstd^2/rows. scale[3][cols]
// holds scale, mean(g) and slope.
static void TYPED(batch_norm_backward)(T *dx, float *dgain, float *dshift, T *dy, const T *x, const float *stats, const float *gain, const float *shift, const T *y, int64_t rows, int64_t cols, int relu, float *scale, double *parts) {
	int64_t each = (rows + BANDS - 1) / BANDS;
	const float *mean = stats, *rstd = stats + cols;
	float *level = scale + cols, *slope = level + cols;
	for (int64_t j = 0; j < cols; j++)
		scale[j] = gain[j] * rstd[j];
#pragma omp parallel for schedule(static) if (rows * cols > 32768)
	for (int64_t part = 0; part < BANDS; part++) {
		int64_t from = smaller(part * each, rows), to = smaller(from + each, rows);
		double *sums = parts + part * 2 * cols, *alongs = sums + cols;
		memset(sums, 0, (size_t)(2 * cols) * sizeof(double));
		if (!relu)
			TYPED(slopes_part)(sums, alongs, dy, x, x, mean, scale, shift, from, to, cols, EVERYWHERE);
		else if (y)
			TYPED(slopes_part)(sums, alongs, dy, x, y, mean, scale, shift, from, to, cols, GIVEN);
		else
			TYPED(slopes_part)(sums, alongs, dy, x, x, mean, scale, shift, from, to, cols, AGAIN);
	}
	for (int64_t part = 1; part < BANDS; part++)
		for (int64_t j = 0; j < 2 * cols; j++)
			parts[j] += parts[part * 2 * cols + j];
	for (int64_t j = 0; j < cols; j++) {
		double along = parts[cols + j] * (double)rstd[j];
		dshift[j] += (float)parts[j];
		dgain[j] += (float)along;
		level[j] = (float)(parts[j] / (double)rows);
		slope[j] = (float)(along * (double)rstd[j] / (double)rows);
	}
	int again = relu && !y;
#pragma omp parallel for schedule(static) if (rows * cols > 32768)
	for (int64_t i = 0; i < rows; i++) {
		const T *in = x + i * cols, *d = dy + i * cols;
		T *out = dx + i * cols;
		if (again) {
#pragma omp simd
			for (int64_t j = 0; j < cols; j++) {
				float h = F(in[j]) - mean[j], g = F(d[j]);
				g = h * scale[j] + shift[j] > 0 ? g : 0;
				out[j] = R(scale[j] * (g - level[j] - h * slope[j]));
			}
		} else {
#pragma omp simd
			for (int64_t j = 0; j < cols; j++)
				out[j] = R(scale[j] * (F(d[j]) - level[j] - (F(in[j]) - mean[j]) * slope[j]));
		}
	}
}
