// Products c[m,n] = op(a)[m,k] op(b)[k,n] + beta c of any shape, layout and alignment:
// what is used where cuBLASLt has no algorithm, or is not installed. Tiles of 128 x 128,
// see product.h: 2*m*n*k operations; a is read ceil(n/128) times and b ceil(m/128)
// times, mostly from L2, as neighbours in the grid share rows of a. Where k is the long side
// (gradients of weights) it is cut into chunks, by shape alone: a sum of each chunk in f32
// to scratch, then one pass that adds them in order, 4*chunks*m*n bytes.
#include "product.h"

// Blocks: tiles, chunks of `each` of k, products of the batch.
template <bool ALONG_A, bool ALONG_B, class T, class C>
DEVICE void product(C *c, const T *a, const T *b, int m, int n, int k, int ldc, int lda, int ldb, float beta, int each, long long chunk, long long stride_c, long long stride_a, long long stride_b, T *slices) {
	int tiles = (n + 127) / 128, from = (int)blockIdx.y * each, to = min(k, from + each);
	a += (long long)blockIdx.z * stride_a;
	b += (long long)blockIdx.z * stride_b;
	c += (long long)blockIdx.z * stride_c + (long long)blockIdx.y * chunk;
	Matrix<T> x = ALONG_A ? matrix(a, m, to, lda) : matrix(a, to, m, lda);
	Matrix<T> y = ALONG_B ? matrix(b, n, to, ldb) : matrix(b, to, n, ldb);
	multiply_tile<ALONG_A, ALONG_B, 128>(c, ldc, beta, x, y, (int)(blockIdx.x / tiles) * TILE, (int)(blockIdx.x % tiles) * 128, m, n, from, to, slices);
}
#define PRODUCT(LAYOUT, ALONG_A, ALONG_B, S, T, SC, C)                                                                               \
	KERNEL_SHARING(TILERS, TILES_AT_ONCE_##S, product_##LAYOUT##_##S##_to_##SC, C *c, const T *a, const T *b, int m, int n, int k, int ldc, int lda, int ldb,   \
	       float beta, int each, long long chunk, long long stride_c, long long stride_a, long long stride_b) {                     \
		SHARED(T, slices, (Slices<T, 128>::count));                                                                                  \
		product<ALONG_A, ALONG_B>(c, a, b, m, n, k, ldc, lda, ldb, beta, each, chunk, stride_c, stride_a, stride_b, slices);         \
	}
#define PRODUCTS(S, T, SC, C)                  \
	PRODUCT(nn, true, false, S, T, SC, C)      \
	PRODUCT(nt, true, true, S, T, SC, C)       \
	PRODUCT(tn, false, false, S, T, SC, C)     \
	PRODUCT(tt, false, true, S, T, SC, C)
PRODUCTS(f32, float, f32, float)
PRODUCTS(f32, float, bf16, bf16)
PRODUCTS(bf16, bf16, f32, float)
PRODUCTS(bf16, bf16, bf16, bf16)

// c = the sum of chunks[.][m,n], in order, + beta c.
template <class C> DEVICE void product_sum(C *c, const float *chunks, int count, int m, int n, int ldc, float beta) {
	long long all = (long long)m * n;
	for (long long i = (long long)blockIdx.x * blockDim.x + thread(); i < all; i += (long long)gridDim.x * blockDim.x) {
		float sum = 0;
		for (int j = 0; j < count; j++) sum += chunks[j * all + i];
		C *to = c + i / n * ldc + i % n;
		put(to, beta == 0 ? sum : sum + beta * wide(*to));
	}
}
#define PRODUCT_SUM(S, C) \
	KERNEL(256, product_sum_##S, C *c, const float *chunks, int count, int m, int n, int ldc, float beta) { product_sum(c, chunks, count, m, n, ldc, beta); }
FOR_TYPES(PRODUCT_SUM)
