// Products of matrices too small for a library call: attention's, one head of
// one sequence at a time. Matrices lie in scratch, their rows padded to WIDE
// columns, so that no tail needs masks.
enum { WIDE = 2 * LANES };

INLINE int64_t padded(int64_t n) { return (n + WIDE - 1) / WIDE * WIDE; }

// tile_rows computes `count` rows of C[.,n] = A B. A's element (i,l) lies at
// a[i*row + l*col]; B and C have ldb and ldc columns, padded.
#define TILE(count) \
	for (int64_t j = 0; j < n; j += WIDE) { \
		lanes sum[count][2]; \
		for (int r = 0; r < count; r++) \
			sum[r][0] = sum[r][1] = (lanes){0}; \
		const float *at = b + j; \
		for (int64_t l = 0; l < k; l++, at += ldb) { \
			lanes b0 = *(const lanes *)at, b1 = *(const lanes *)(at + LANES); \
			for (int r = 0; r < count; r++) { \
				float value = a[(i + r) * row + l * col]; \
				sum[r][0] += value * b0; \
				sum[r][1] += value * b1; \
			} \
		} \
		for (int r = 0; r < count; r++) { \
			*(lanes *)(c + (i + r) * ldc + j) = sum[r][0]; \
			*(lanes *)(c + (i + r) * ldc + j + LANES) = sum[r][1]; \
		} \
	}

static void KERNEL(product)(float *c, int64_t ldc, const float *a, int64_t row, int64_t col, const float *b, int64_t ldb, int64_t m, int64_t n, int64_t k) {
	int64_t i = 0;
	for (; i + 6 <= m; i += 6)
		TILE(6)
	for (; i + 2 <= m; i += 2)
		TILE(2)
	for (; i < m; i++)
		TILE(1)
}
