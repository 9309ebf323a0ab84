// gather: y[i] = table[ids[i]] + beta y[i]; an id below 0 is a row of zeros.
static void TYPED(gather)(T *y, const float *table, const int32_t *ids, int64_t rows, int64_t cols, float beta) {
#pragma omp parallel for schedule(static) if (rows * cols > 32768)
	for (int64_t i = 0; i < rows; i++) {
		T *out = y + i * cols;
		const float *in = table + ids[i] * cols;
		if (beta == 0) {
			if (ids[i] < 0) {
				memset(out, 0, (size_t)cols * sizeof(T));
			} else {
#pragma omp simd
				for (int64_t j = 0; j < cols; j++)
					out[j] = R(in[j]);
			}
		} else if (ids[i] >= 0) {
#pragma omp simd
			for (int64_t j = 0; j < cols; j++)
				out[j] = R(beta * F(out[j]) + in[j]);
		} else if (beta != 1) {
#pragma omp simd
			for (int64_t j = 0; j < cols; j++)
				out[j] = R(beta * F(out[j]));
		}
	}
}

// gather_backward: dtable[ids[i]] += dy[i]. Threads share the columns, so that
// rows with one id are added in one order.
static void TYPED(gather_backward)(float *dtable, const T *dy, const int32_t *ids, int64_t rows, int64_t cols) {
#pragma omp parallel for schedule(static) if (rows * cols > 32768)
	for (int64_t strip = 0; strip < cols; strip += STRIP) {
		int64_t width = smaller(STRIP, cols - strip);
		for (int64_t i = 0; i < rows; i++) {
			if (ids[i] < 0)
				continue;
			float *to = dtable + ids[i] * cols + strip;
			const T *from = dy + i * cols + strip;
#pragma omp simd
			for (int64_t j = 0; j < width; j++)
				to[j] += F(from[j]);
		}
	}
}

// pick is gather out of a table of activations.
static void TYPED(pick)(T *y, const T *table, const int32_t *ids, int64_t rows, int64_t cols, float beta) {
#pragma omp parallel for schedule(static) if (rows * cols > 32768)
	for (int64_t i = 0; i < rows; i++) {
		T *out = y + i * cols;
		const T *in = table + ids[i] * cols;
		if (beta == 0 && ids[i] >= 0)
			memcpy(out, in, (size_t)cols * sizeof(T));
		else if (beta == 0)
			memset(out, 0, (size_t)cols * sizeof(T));
		else
			for (int64_t j = 0; j < cols; j++)
				out[j] = R(beta * F(out[j]) + (ids[i] < 0 ? 0 : F(in[j])));
	}
}

// pick_backward is gather_backward into the gradient of such a table.
static void TYPED(pick_backward)(T *dtable, const T *dy, const int32_t *ids, int64_t rows, int64_t cols) {
#pragma omp parallel for schedule(static) if (rows * cols > 32768)
	for (int64_t strip = 0; strip < cols; strip += STRIP) {
		int64_t width = smaller(STRIP, cols - strip);
		for (int64_t i = 0; i < rows; i++) {
			if (ids[i] < 0)
				continue;
			T *to = dtable + ids[i] * cols + strip;
			const T *from = dy + i * cols + strip;
#pragma omp simd
			for (int64_t j = 0; j < width; j++)
				to[j] = R(F(to[j]) + F(from[j]));
		}
	}
}
