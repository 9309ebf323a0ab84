// Operations on words: y[n] from x[n], one by one.
static void TYPED(fill)(T *x, int64_t n, float value) {
#pragma omp parallel for simd schedule(static) if (n > 32768)
	for (int64_t i = 0; i < n; i++)
		x[i] = R(value);
}

static void TYPED(sum)(T *y, const T *a, const T *b, int64_t n) {
#pragma omp parallel for simd schedule(static) if (n > 32768)
	for (int64_t i = 0; i < n; i++)
		y[i] = R(F(a[i]) + F(b[i]));
}
