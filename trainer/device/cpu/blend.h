static void KERNEL(blend)(float *y, const float *x, int64_t n, float keep) {
#pragma omp parallel for simd schedule(static) if (n > 32768)
	for (int64_t i = 0; i < n; i++)
		y[i] = keep * y[i] + (1 - keep) * x[i];
}

static void KERNEL(clamp)(float *x, int64_t n, float lo, float hi) {
	for (int64_t i = 0; i < n; i++)
		x[i] = x[i] < lo ? lo : x[i] > hi ? hi : x[i];
}
