// SigLIP's loss, a band of rows of the logits at a time. Rows are independent.

// log1p_lane is log(1 + e) for e in 0..1: 2 atanh(e / (2 + e)) as a series, whose
// argument is at most 1/3; relative error below 2e-7.
INLINE float log1p_lane(float e) {
	float r = e / (2 + e), q = r * r;
	float p = 1.0f / 15;
	p = p * q + 1.0f / 13;
	p = p * q + 1.0f / 11;
	p = p * q + 1.0f / 9;
	p = p * q + 1.0f / 7;
	p = p * q + 1.0f / 5;
	p = p * q + 1.0f / 3;
	p = p * q + 1.0f;
	return 2 * r * p;
}

// siglip_tile leaves each row's part of the loss, times n, in sums.
static void KERNEL(siglip_tile)(double *sums, const float *s, float bias, int64_t first, int64_t rows, int64_t n) {
#pragma omp parallel for schedule(static) if (rows * n > 8192)
	for (int64_t i = 0; i < rows; i++) {
		const float *row = s + i * n;
		float total = 0;
#pragma omp simd reduction(+ : total)
		for (int64_t j = 0; j < n; j++) {
			float z = row[j] + bias, size = z < 0 ? -z : z;
			total += (z > 0 ? z : 0) + log1p_lane(exp_lane(-size));
		}
		// softplus(-z) = softplus(z) - z
		sums[first + i] = (double)total - ((double)row[first + i] + (double)bias);
	}
}

// siglip_gradient turns a band of S into G = dloss/dS and leaves sum(G*S) of
// each row in sums[row], sum(G) in sums[n+row].
static void KERNEL(siglip_gradient)(double *sums, float *s, float bias, int64_t first, int64_t rows, int64_t n) {
	float share = 1.0f / (float)n;
#pragma omp parallel for schedule(static) if (rows * n > 8192)
	for (int64_t i = 0; i < rows; i++) {
		float *row = s + i * n, products = 0, total = 0, diagonal = row[first + i];
#pragma omp simd reduction(+ : products, total)
		for (int64_t j = 0; j < n; j++) {
			float v = row[j], g = share / (1 + exp_lane(-v - bias));
			row[j] = g;
			products += g * v;
			total += g;
		}
		row[first + i] -= share;
		sums[first + i] = (double)products - (double)share * (double)diagonal;
		sums[n + first + i] = (double)total - (double)share;
	}
}
