// The kernels of products, and how they pack factors: words of 4 bytes, each
// a float or two bfloat16.
#ifndef PAIRLOOM_PRODUCT_KERNELS_TABLE_H
#define PAIRLOOM_PRODUCT_KERNELS_TABLE_H

#include "product.h"

enum {
	PL_WORDS = 384,         // words along k that a factor's block has at most
	PL_ROW = PL_WORDS + 16, // words from row to row of A's block; no power of two, which the cache would map to one place
	PL_ROWS = 168,          // rows of a block, a multiple of every tile's
	PL_COLUMNS = 1024,      // columns of a block, a multiple of every panel's
	PL_BLOCK = PL_COLUMNS + 16,
	PL_ALONE = 64,  // columns of B that a block packs for itself at a time
	PL_GROUP = 128, // columns that are finished at a time, while they lie in the nearest caches
};

// A strip has a tile's pixels and one at either side, of so many words at most.
enum { PL_STRIP = 14, PL_PIXEL = 128 };

// The forms in which a block of A is packed: rows along k; panels of a tile's
// rows, a word of each after the other; or strips of pictures.
enum { PL_ROWWISE, PL_PANELS, PL_STRIPS };

// A part of a factor that is not packed yet, which tiles ask for on their way.
typedef struct {
	const char *at, *end;
} pl_ahead;

typedef struct {
	int64_t tile;     // rows of a panel of A, and of the tiles that are computed at once
	int64_t panel;    // columns of a panel of B
	int64_t per_word; // elements of k in a word
	// Both pack n elements of k from `from`, of rows of op(A), or columns of op(B), from first.
	void (*pack_a)(float *to, const pl_view *v, int form, int64_t first, int64_t rows, int64_t from, int64_t n);
	void (*pack_b)(float *to, const pl_view *v, int trans, int64_t first, int64_t cols, int64_t from, int64_t n);
	void (*block)(float *c, const float *a, int form, const float *b, int64_t rows, int64_t cols, int64_t words, int add, const pl_product *p, int64_t at, int64_t column, pl_ahead *ahead);
} pl_product_kernels;

#endif
