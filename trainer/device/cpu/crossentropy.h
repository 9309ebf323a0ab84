// Softmax cross entropy. Rows are independent.

// cross_entropy leaves each row's loss in each.
static void KERNEL(cross_entropy)(float *each, float *lse, const float *logits, const int32_t *targets, const int32_t *offsets, int64_t rows, int64_t classes) {
#pragma omp parallel for schedule(static) if (rows * classes > 8192)
	for (int64_t r = 0; r < rows; r++) {
		const float *row = logits + r * classes;
		float top = row[0], total = 0;
		double mean = 0;
#pragma omp simd reduction(max : top)
		for (int64_t c = 0; c < classes; c++)
			top = row[c] > top ? row[c] : top;
#pragma omp simd reduction(+ : total)
		for (int64_t c = 0; c < classes; c++)
			total += exp_lane(row[c] - top);
		lse[r] = top + logf(total);
		for (int32_t t = offsets[r]; t < offsets[r + 1]; t++)
			mean += row[targets[t]];
		int32_t count = offsets[r + 1] - offsets[r];
		each[r] = count ? (float)((double)lse[r] - mean / count) : 0;
	}
}

static void KERNEL(cross_entropy_backward)(float *dlogits, const float *lse, const float *logits, const int32_t *targets, const int32_t *offsets, int64_t rows, int64_t classes, float weight) {
#pragma omp parallel for schedule(static) if (rows * classes > 8192)
	for (int64_t r = 0; r < rows; r++) {
		int32_t count = offsets[r + 1] - offsets[r];
		float share = count ? weight / (float)rows : 0, total = lse[r];
		const float *row = logits + r * classes;
		float *out = dlogits + r * classes;
#pragma omp simd
		for (int64_t c = 0; c < classes; c++)
			out[c] = share * exp_lane(row[c] - total);
		for (int32_t t = offsets[r]; t < offsets[r + 1]; t++)
			out[targets[t]] -= share / (float)count;
	}
}
