// normal gives Phi(x) and exp(-x*x/2), by Abramowitz and Stegun 7.1.26: the
// error of Phi is below 1e-7.
INLINE float normal(float x, float *density) {
	float z = fabsf(x) * 0.70710678118654752f;
	float t = 1.0f / (1.0f + 0.3275911f * z);
	float e = exp_lane(-z * z);
	float p = 1.061405429f;
	p = p * t - 1.453152027f;
	p = p * t + 1.421413741f;
	p = p * t - 0.284496736f;
	p = p * t + 0.254829592f;
	float tail = 0.5f * p * t * e; // Phi(-|x|)
	*density = e;
	return x < 0 ? tail : 1.0f - tail;
}

// gelu: y = x*Phi(x), or with quick y = x*sigmoid(1.702x).
static void KERNEL(gelu)(float *y, const float *x, int64_t n, int quick) {
	if (quick) {
#pragma omp parallel for simd schedule(static) if (n > 8192)
		for (int64_t i = 0; i < n; i++)
			y[i] = x[i] / (1.0f + exp_lane(-1.702f * x[i]));
		return;
	}
#pragma omp parallel for simd schedule(static) if (n > 8192)
	for (int64_t i = 0; i < n; i++) {
		float e;
		y[i] = x[i] * normal(x[i], &e);
	}
}

// gelu_backward: dx = dy*(Phi(x) + x*phi(x)), or with quick and
// s = sigmoid(1.702x), dx = dy*(s + 1.702*x*s*(1-s)).
static void KERNEL(gelu_backward)(float *dx, const float *dy, const float *x, int64_t n, int quick) {
	if (quick) {
#pragma omp parallel for simd schedule(static) if (n > 8192)
		for (int64_t i = 0; i < n; i++) {
			float s = 1.0f / (1.0f + exp_lane(-1.702f * x[i]));
			dx[i] = dy[i] * (s + 1.702f * x[i] * s * (1.0f - s));
		}
		return;
	}
#pragma omp parallel for simd schedule(static) if (n > 8192)
	for (int64_t i = 0; i < n; i++) {
		float e, phi = normal(x[i], &e);
		dx[i] = dy[i] * (phi + x[i] * e * 0.39894228040143268f);
	}
}
