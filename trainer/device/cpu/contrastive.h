// The loss takes the logits S[n,n] a band of rows at a time, so that S is never
// whole. A band's rows are finished at once; columns carry a running maximum
// and a running sum from band to band.

// contrastive_tile takes the band s[rows,n] whose first row is number first.
static void KERNEL(contrastive_tile)(float *rowlse, float *colmax, float *colsum, float *diagonal, const float *s, int64_t first, int64_t rows, int64_t n) {
#pragma omp parallel for schedule(static) if (rows * n > 8192)
	for (int64_t i = 0; i < rows; i++) {
		const float *row = s + i * n;
		float top = row[0], total = 0;
#pragma omp simd reduction(max : top)
		for (int64_t j = 0; j < n; j++)
			top = row[j] > top ? row[j] : top;
#pragma omp simd reduction(+ : total)
		for (int64_t j = 0; j < n; j++)
			total += exp_lane(row[j] - top);
		rowlse[first + i] = top + logf(total);
		diagonal[first + i] = row[first + i];
	}
#pragma omp parallel for schedule(static) if (rows * n > 8192)
	for (int64_t strip = 0; strip < n; strip += STRIP) {
		int64_t width = smaller(STRIP, n - strip);
		float top[STRIP], total[STRIP];
		for (int64_t j = 0; j < width; j++)
			top[j] = first == 0 ? s[strip + j] : colmax[strip + j];
		for (int64_t i = 0; i < rows; i++) {
#pragma omp simd
			for (int64_t j = 0; j < width; j++) {
				float v = s[i * n + strip + j];
				top[j] = v > top[j] ? v : top[j];
			}
		}
#pragma omp simd
		for (int64_t j = 0; j < width; j++)
			total[j] = first == 0 ? 0 : colsum[strip + j] * exp_lane(colmax[strip + j] - top[j]);
		for (int64_t i = 0; i < rows; i++) {
#pragma omp simd
			for (int64_t j = 0; j < width; j++)
				total[j] += exp_lane(s[i * n + strip + j] - top[j]);
		}
		for (int64_t j = 0; j < width; j++) {
			colmax[strip + j] = top[j];
			colsum[strip + j] = total[j];
		}
	}
}

// contrastive_gradient turns a band of S into G = dloss/dS, where rows count by
// share and columns by 1-share, and leaves sum(G*S) of each row in sums.
static void KERNEL(contrastive_gradient)(double *sums, float *s, const float *rowlse, const float *collse, int64_t first, int64_t rows, int64_t n, float share) {
	// Factors of exactly 1 where both sides count the same.
	float half = 0.5f / (float)n, by_row = 2 * share, by_column = 2 - by_row;
#pragma omp parallel for schedule(static) if (rows * n > 8192)
	for (int64_t i = 0; i < rows; i++) {
		float *row = s + i * n, total = 0, diagonal = row[first + i];
#pragma omp simd reduction(+ : total)
		for (int64_t j = 0; j < n; j++) {
			float v = row[j];
			float g = (by_row * exp_lane(v - rowlse[first + i]) + by_column * exp_lane(v - collse[j])) * half;
			row[j] = g;
			total += g * v;
		}
		row[first + i] -= 2 * half;
		sums[first + i] = (double)total - 2.0 * (double)half * (double)diagonal;
	}
}
