// running_stats: the mean and 1/sqrt(variance+eps) of each column.
static void KERNEL(running_stats)(float *stats, const float *mean, const float *variance, int64_t cols, float eps) {
	for (int64_t j = 0; j < cols; j++) {
		stats[j] = mean[j];
		stats[cols + j] = 1 / sqrtf(variance[j] + eps);
	}
}

INLINE float at_least_0(float x) { return x > 0 ? x : 0; }

// Where dy counts: everywhere; where y > 0, which dy then shows; where the
// output computed again is > 0.
enum { EVERYWHERE, GIVEN, AGAIN };
