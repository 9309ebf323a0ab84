// gelu: y = x*Phi(x), or with quick y = x*sigmoid(1.702x).
static void TYPED(gelu)(T *y, const T *x, int64_t n, int quick) {
	if (quick) {
#pragma omp parallel for simd schedule(static) if (n > 8192)
		for (int64_t i = 0; i < n; i++)
			y[i] = R(F(x[i]) / (1.0f + exp_lane(-1.702f * F(x[i]))));
		return;
	}
#pragma omp parallel for simd schedule(static) if (n > 8192)
	for (int64_t i = 0; i < n; i++) {
		float e;
		y[i] = R(F(x[i]) * normal(F(x[i]), &e));
	}
}

// gelu_backward: dx = dy*(Phi(x) + x*phi(x)), or with quick and
// s = sigmoid(1.702x), dx = dy*(s + 1.702*x*s*(1-s)).
static void TYPED(gelu_backward)(T *dx, const T *dy, const T *x, int64_t n, int quick) {
	if (quick) {
#pragma omp parallel for simd schedule(static) if (n > 8192)
		for (int64_t i = 0; i < n; i++) {
			float s = 1.0f / (1.0f + exp_lane(-1.702f * F(x[i])));
			dx[i] = R(F(dy[i]) * (s + 1.702f * F(x[i]) * s * (1.0f - s)));
		}
		return;
	}
#pragma omp parallel for simd schedule(static) if (n > 8192)
	for (int64_t i = 0; i < n; i++) {
		float e, phi = normal(F(x[i]), &e);
		dx[i] = R(F(dy[i]) * (phi + F(x[i]) * e * 0.39894228040143268f));
	}
}
