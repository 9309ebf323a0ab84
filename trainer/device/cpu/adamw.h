enum { PARTS = 256, BLOCK = 1024 };

// squared_norm: out = sum(x*x), in PARTS parts of fixed borders, so that any
// number of threads gives the same bits.
static void KERNEL(squared_norm)(float *out, const float *x, int64_t n) {
	double parts[PARTS];
#pragma omp parallel for schedule(static) if (n > 32768)
	for (int64_t part = 0; part < PARTS; part++) {
		int64_t last = n * (part + 1) / PARTS;
		double sum = 0;
		for (int64_t i = n * part / PARTS; i < last; i += BLOCK) {
			float block = 0;
			int64_t stop = smaller(i + BLOCK, last);
#pragma omp simd reduction(+ : block)
			for (int64_t j = i; j < stop; j++)
				block += x[j] * x[j];
			sum += (double)block;
		}
		parts[part] = sum;
	}
	double sum = 0;
	for (int part = 0; part < PARTS; part++)
		sum += parts[part];
	*out = (float)sum;
}

// adamw: one pass over parameters, gradients and both moments.
static void KERNEL(adamw)(float *p, const float *g, float *m, float *v, const float *norm2, int64_t n, pl_adamw_figures a) {
	if (!isfinite(*norm2) || (a.limit > 0 && *norm2 > a.limit))
		return;
	float scale = 1.0f, norm = sqrtf(*norm2);
	if (a.clip > 0 && norm > a.clip)
		scale = a.clip / norm;
	float rest1 = 1.0f - a.beta1, rest2 = 1.0f - a.beta2;
	float inverse1 = 1.0f / a.correct1, inverse2 = 1.0f / a.correct2;
#pragma omp parallel for simd schedule(static) if (n > 8192)
	for (int64_t i = 0; i < n; i++) {
		float gi = g[i] * scale;
		float mi = a.beta1 * m[i] + rest1 * gi;
		float vi = a.beta2 * v[i] + rest2 * gi * gi;
		m[i] = mi;
		v[i] = vi;
		p[i] -= a.rate * (a.decay * p[i] + mi * inverse1 / (sqrtf(vi * inverse2) + a.epsilon));
	}
}
