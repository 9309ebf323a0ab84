// Products of matrices, in float32 and bfloat16: see product.c.
#ifndef PAIRLOOM_PRODUCT_H
#define PAIRLOOM_PRODUCT_H

#include <stdint.h>

enum { PL_F32, PL_BF16 };

// A pl_view is a matrix as it is stored, a row after the other, each ld
// elements from the last. With side it is what a 3x3 convolution of padding 1
// sees of pictures [.,side,side,ld]: a row holds the ld channels of each of the
// nine places around a pixel, zeros outside of the picture.
typedef struct {
	const void *at;
	int64_t ld;
	int type;
	int64_t side;
} pl_view;

// What becomes of a sum on its way to C, in this order; what is NULL or 0 is
// left out. pre, slope and residual have C's type and its rows.
typedef struct {
	const float *bias;    // is added
	void *pre;            // receives what came of it
	int activation;       // PL_GELU or PL_QUICK_GELU is applied
	const void *slope;    // the derivative of slope_of at slope multiplies
	int slope_of;         // PL_GELU or PL_QUICK_GELU
	const void *residual; // is added
	float beta;           // times C is added
} pl_finish;

enum { PL_GELU = 1, PL_QUICK_GELU = 2 };

// C[m,n] = alpha op(A)[m,k] op(B)[k,n], and what finish says. With trans_a, A
// is stored as [k,m]; with trans_b, B is stored as [n,k].
typedef struct {
	int64_t m, n, k;
	pl_view a, b;
	int trans_a, trans_b;
	float alpha;
	void *c;
	int64_t ldc;
	int type; // of C
	pl_finish finish;
} pl_product;

// pl_product_choose takes the level of pl_choose.
void pl_product_choose(int level);

// pl_bf16_available says whether the processor multiplies bfloat16.
int pl_bf16_available(void);

// pl_product_room is the scratch in words that pl_product_run needs of the
// calling thread's team, and pl_product_most the most that it needs where C is
// float32 and takes nothing but sums.
int64_t pl_product_room(pl_product p);
int64_t pl_product_most(void);

void pl_product_run(pl_product p, float *room);

// pl_sgemm is a product of float32 matrices that may be parts of larger ones, in
// a room of pl_product_most.
void pl_sgemm(int trans_a, int trans_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc, float *room);

#endif
