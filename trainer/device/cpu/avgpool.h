// avg_pool: y = the means of 2x2 squares of rows. An odd side's last rows and
// columns are in no square.
static void TYPED(avg_pool)(T *y, const T *x, int64_t batch, int64_t side, int64_t cols) {
	int64_t n = side / 2;
#pragma omp parallel for schedule(static) if (batch * side * side * cols > 32768)
	for (int64_t line = 0; line < batch * n; line++)
		for (int64_t i = 0; i < n; i++) {
			const T *a = x + ((line / n * side + line % n * 2) * side + 2 * i) * cols, *b = a + side * cols;
			T *out = y + (line * n + i) * cols;
#pragma omp simd
			for (int64_t j = 0; j < cols; j++)
				out[j] = R((F(a[j]) + F(a[cols + j]) + F(b[j]) + F(b[cols + j])) * 0.25f);
		}
}

// avg_pool_backward: dx = dy/4 + beta*dx.
static void TYPED(avg_pool_backward)(T *dx, const T *dy, int64_t batch, int64_t side, int64_t cols, float beta) {
	int64_t n = side / 2;
#pragma omp parallel for schedule(static) if (batch * side * side * cols > 32768)
	for (int64_t line = 0; line < batch * side; line++)
		for (int64_t i = 0; i < side; i++) {
			int64_t b = line / side, at = line % side / 2;
			const T *d = dy + ((b * n + at) * n + i / 2) * cols;
			T *out = dx + (line * side + i) * cols;
			int outside = at == n || i / 2 == n;
			if (outside && beta == 0) {
				memset(out, 0, (size_t)cols * sizeof(T));
			} else if (outside) {
				continue; // beta is 0 or 1
			} else if (beta != 0) {
#pragma omp simd
				for (int64_t j = 0; j < cols; j++)
					out[j] = R(F(out[j]) + 0.25f * F(d[j]));
			} else {
#pragma omp simd
				for (int64_t j = 0; j < cols; j++)
					out[j] = R(0.25f * F(d[j]));
			}
		}
}
