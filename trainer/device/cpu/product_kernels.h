// What products need of an instruction set. Each product_*.c sets the target,
// LANES, TILE_ROWS, the suffix, and PAIRS where factors stay bfloat16, then
// includes this file once.
//
// Factors are packed into words: a float, or with PAIRS two neighbours along k
// of bfloat16. The sum of an element of C adds its words in order, by itself:
// neither m, n nor threads change its bits.
#include <math.h>
#include <string.h>

#include "product_kernels_table.h"

#define INLINE static inline __attribute__((always_inline))

// A register of floats; in memory it needs no alignment.
typedef float lanes __attribute__((vector_size(LANES * 4), aligned(4)));

#include "exp.h"
#include "activation.h"
#include "bfloat16.h"

enum { MR = TILE_ROWS, NR = 2 * LANES };

#ifdef PAIRS
typedef uint16_t element;
enum { PER_WORD = 2, OWN = PL_BF16 };
#else
typedef float element;
enum { PER_WORD = 1, OWN = PL_F32 };
#endif

INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static void widen_row(float *y, const uint16_t *x, int64_t n) {
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		y[i] = widen(x[i]);
}

static void narrow_row(uint16_t *y, const float *x, int64_t n) {
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		y[i] = narrow(x[i]);
}

// own copies n elements of a type into elements of this file.
static void own(element *to, const void *from, int64_t at, int64_t n, int type) {
	if (type == OWN)
		memcpy(to, (const element *)from + at, (size_t)n * sizeof(element));
	else
#ifdef PAIRS
		narrow_row(to, (const float *)from + at, n);
#else
		widen_row(to, (const uint16_t *)from + at, n);
#endif
}

// fetch returns n elements of a row of v: where they are stored, or in room.
INLINE const element *fetch(const pl_view *v, int64_t row, int64_t from, int64_t n, element *room) {
	if (v->side == 0) {
		int64_t at = row * v->ld + from;
		if (v->type == OWN)
			return (const element *)v->at + at;
		own(room, v->at, at, n, v->type);
		return room;
	}
	// Three places beside each other lie one after the other, but at a picture's edge.
	int64_t side = v->side, column = row % side, line = row / side % side, three = 3 * v->ld;
	int64_t dy = from / three - 1, at = from % three, inner = column > 0 && column < side - 1;
	for (int64_t done = 0; done < n;) {
		int64_t dx = inner ? 0 : at / v->ld - 1, end = inner ? three : (dx + 2) * v->ld, count = smaller(end - at, n - done);
		if (line + dy < 0 || line + dy >= side || column + dx < 0 || column + dx >= side)
			memset(room + done, 0, (size_t)count * sizeof(element));
		else
			own(room + done, v->at, (row + dy * side - 1) * v->ld + at, count, v->type);
		done += count;
		at += count;
		if (at == three) {
			at = 0;
			dy++;
		}
	}
	return room;
}

// pack_rows packs rows of A that are stored along k, each to PL_ROW words.
static void pack_rows(float *to, const pl_view *v, int64_t first, int64_t rows, int64_t from, int64_t n) {
	for (int64_t i = 0; i < rows; i++) {
		element *row = (element *)(to + i * PL_ROW);
		if (v->side == 0 && i + 2 < rows)
			for (int64_t l = 0; l < n; l += 64 / sizeof(element))
				__builtin_prefetch((const element *)v->at + (first + i + 2) * v->ld + from + l);
		const element *x = fetch(v, first + i, from, n, row);
		if (x != row)
			memcpy(row, x, (size_t)n * sizeof(element));
		if (n % PER_WORD)
			row[n] = 0;
	}
}

// join makes n words of the elements x along m or n, with PAIRS of x and y.
#ifdef PAIRS
INLINE void join(float *to, const element *x, const element *y, int64_t n) {
	for (int64_t i = 0; i < n; i += 16) {
		__mmask16 some = n - i < 16 ? (1 << (n - i)) - 1 : 0xffff;
		__m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(some, x + i)), high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(some, y + i));
		_mm512_mask_storeu_epi32(to + i, some, _mm512_or_epi32(low, _mm512_slli_epi32(high, 16)));
	}
}
#else
INLINE void join(float *to, const element *x, const element *y, int64_t n) {
	(void)y;
	memcpy(to, x, (size_t)n * 4);
}
#endif

// pack_across packs columns first.. of a matrix stored across k into panels of
// a width of words, word by word of k: A's rows, or B's columns. Panels may lie a
// power of two apart, so each gets several words at a time.
INLINE void pack_across(float *to, const pl_view *v, int64_t first, int64_t cols, int64_t from, int64_t n, int64_t width) {
	enum { AT_ONCE = 8 / PER_WORD, AHEAD = 16 };
	int64_t words = (n + PER_WORD - 1) / PER_WORD;
	element room[8][PL_COLUMNS];
	const element *row[8];
	for (int64_t l = 0; l < words; l += AT_ONCE) {
		int64_t some = smaller(AT_ONCE, words - l);
		for (int64_t i = 0; i < some * PER_WORD; i++)
			if (l * PER_WORD + i < n)
				row[i] = fetch(v, from + l * PER_WORD + i, first, cols, room[i]);
			else
				row[i] = memset(room[i], 0, sizeof room[i]);
		for (int64_t j = 0; j < cols; j += width) {
			float *word = to + j * words + l * width;
			// Lines of rows that come soon: read in this order, no processor foresees them.
			if (v->side == 0)
				for (int64_t i = 0; i < some * PER_WORD; i++)
					__builtin_prefetch((const char *)v->at + ((from + l * PER_WORD + AHEAD + i) * v->ld + first + j) * (v->type == PL_F32 ? 4 : 2));
			if (j + width <= cols)
				for (int64_t i = 0; i < some; i++)
					join(word + i * width, row[i * PER_WORD] + j, row[i * PER_WORD + PER_WORD - 1] + j, width);
			else {
				memset(word, 0, (size_t)(some * width) * 4);
				for (int64_t i = 0; i < some; i++)
					join(word + i * width, row[i * PER_WORD] + j, row[i * PER_WORD + PER_WORD - 1] + j, cols - j);
			}
		}
	}
}

// pack_places is pack_across for B where a panel holds channels of one place
// alone: they are read where they lie.
static void pack_places(float *to, const pl_view *v, int64_t first, int64_t cols, int64_t from, int64_t n) {
	enum { AT_ONCE = 8 };
	static const element outside[NR];
	int64_t words = (n + PER_WORD - 1) / PER_WORD, side = v->side;
	const element *x[AT_ONCE]; // of a pixel
	int inside[AT_ONCE];       // a bit a place
	for (int64_t l = 0; l < n; l += AT_ONCE) {
		for (int64_t i = 0; i < AT_ONCE; i++) {
			int64_t row = from + l + i, column = row % side, line = row / side % side;
			x[i] = (const element *)v->at + row * v->ld;
			int across = (column > 0 ? 1 : 0) | 2 | (column < side - 1 ? 4 : 0);
			inside[i] = l + i >= n ? 0 : (line > 0 ? across : 0) | across << 3 | (line < side - 1 ? across << 6 : 0);
		}
		int64_t some = smaller(AT_ONCE / PER_WORD, words - l / PER_WORD);
		for (int64_t j = 0; j < cols; j += NR) {
			int64_t place = (first + j) / v->ld, at = ((place / 3 - 1) * side + place % 3 - 1) * v->ld + (first + j) % v->ld;
			float *word = to + j * words + l / PER_WORD * NR;
			for (int64_t i = 0; i < some; i++) {
				const element *one = x[i * PER_WORD] + at, *two = x[i * PER_WORD + PER_WORD - 1] + at;
				join(word + i * NR, inside[i * PER_WORD] >> place & 1 ? one : outside, inside[i * PER_WORD + PER_WORD - 1] >> place & 1 ? two : outside, NR);
			}
		}
	}
}

// A quad is four words of a row.
typedef float quad __attribute__((vector_size(16), aligned(2)));
typedef float quads __attribute__((vector_size(LANES * 4)));

// quads_of are a quad of every fourth row from the first, from word l.
INLINE quads quads_of(const float *const *row, int64_t l) {
#if LANES == 16
	typedef float two __attribute__((vector_size(32)));
	two low = __builtin_shufflevector(*(const quad *)(row[0] + l), *(const quad *)(row[4] + l), 0, 1, 2, 3, 4, 5, 6, 7);
	two high = __builtin_shufflevector(*(const quad *)(row[8] + l), *(const quad *)(row[12] + l), 0, 1, 2, 3, 4, 5, 6, 7);
	return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#elif LANES == 8
	return __builtin_shufflevector(*(const quad *)(row[0] + l), *(const quad *)(row[4] + l), 0, 1, 2, 3, 4, 5, 6, 7);
#else
	return *(const quad *)(row[0] + l);
#endif
}

// Of the four words of each quad: those of x and y in turn, of the first two or
// the last, and the first two or last two of each.
#if LANES == 16
#define FIRST(x, y) __builtin_shufflevector(x, y, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define LAST(x, y) __builtin_shufflevector(x, y, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define FIRST_TWO(x, y) __builtin_shufflevector(x, y, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define LAST_TWO(x, y) __builtin_shufflevector(x, y, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#elif LANES == 8
#define FIRST(x, y) __builtin_shufflevector(x, y, 0, 8, 1, 9, 4, 12, 5, 13)
#define LAST(x, y) __builtin_shufflevector(x, y, 2, 10, 3, 11, 6, 14, 7, 15)
#define FIRST_TWO(x, y) __builtin_shufflevector(x, y, 0, 1, 8, 9, 4, 5, 12, 13)
#define LAST_TWO(x, y) __builtin_shufflevector(x, y, 2, 3, 10, 11, 6, 7, 14, 15)
#else
#define FIRST(x, y) __builtin_shufflevector(x, y, 0, 4, 1, 5)
#define LAST(x, y) __builtin_shufflevector(x, y, 2, 6, 3, 7)
#define FIRST_TWO(x, y) __builtin_shufflevector(x, y, 0, 1, 4, 5)
#define LAST_TWO(x, y) __builtin_shufflevector(x, y, 2, 3, 6, 7)
#endif

// turn writes LANES rows of words as columns of a panel.
INLINE void turn(float *panel, const float *const *row, int64_t words) {
	int64_t l = 0;
	for (; l + 4 <= words; l += 4) {
		if (l % 16 == 0)
			for (int64_t i = 0; i < LANES; i++)
				__builtin_prefetch(row[i] + l + 64);
		quads a = quads_of(row, l), b = quads_of(row + 1, l), c = quads_of(row + 2, l), d = quads_of(row + 3, l);
		quads ab = FIRST(a, b), cd = FIRST(c, d);
		*(lanes *)(panel + l * NR) = FIRST_TWO(ab, cd);
		*(lanes *)(panel + (l + 1) * NR) = LAST_TWO(ab, cd);
		ab = LAST(a, b), cd = LAST(c, d);
		*(lanes *)(panel + (l + 2) * NR) = FIRST_TWO(ab, cd);
		*(lanes *)(panel + (l + 3) * NR) = LAST_TWO(ab, cd);
	}
	for (; l < words; l++)
		for (int64_t i = 0; i < LANES; i++)
			panel[l * NR + i] = row[i][l];
}

// pack_turned packs rows first.. of B that are stored along k into panels.
static void pack_turned(float *to, const pl_view *v, int64_t first, int64_t cols, int64_t from, int64_t n) {
	int64_t words = (n + PER_WORD - 1) / PER_WORD;
	float room[LANES][PL_WORDS];
	for (int64_t j = 0; j < cols; j += LANES) {
		float *panel = to + j / NR * NR * words + j % NR;
		const float *row[LANES];
		for (int64_t i = 0; i < LANES; i++) {
			row[i] = room[i];
			if (j + i >= cols) {
				memset(room[i], 0, (size_t)words * 4);
				continue;
			}
			const element *x = fetch(v, first + j + i, from, n, (element *)room[i]);
			if (n % PER_WORD) {
				if (x != (element *)room[i])
					memcpy(room[i], x, (size_t)n * sizeof(element));
				((element *)room[i])[n] = 0;
			} else
				row[i] = (const float *)x;
		}
		turn(panel, row, words);
	}
	// The last panel's other half.
	int64_t done = (cols + LANES - 1) / LANES * LANES;
	if (done % NR)
		for (int64_t l = 0; l < words; l++)
			memset(to + done / NR * NR * words + l * NR + LANES, 0, LANES * 4);
}

// pack_strips packs for each tile, all of whose pixels are of one line, what lies
// above, beside and below them: three strips that begin a pixel before the tile
// and end one after it. Windows overlap there as they do in the picture.
static void pack_strips(float *to, const pl_view *v, int64_t first, int64_t rows) {
	element *strip = (element *)to;
	for (int64_t row = first; row < first + rows; row += MR) {
		int64_t column = row % v->side, line = row / v->side % v->side;
		int64_t before = column > 0 ? 0 : v->ld, after = column + MR < v->side ? 0 : v->ld, size = (MR + 2) * v->ld;
		for (int64_t dy = -1; dy <= 1; dy++, strip += size) {
			if (line + dy < 0 || line + dy >= v->side) {
				memset(strip, 0, (size_t)size * sizeof(element));
				continue;
			}
			memset(strip, 0, (size_t)before * sizeof(element));
			own(strip + before, v->at, (row + dy * v->side - 1) * v->ld + before, size - before - after, v->type);
			memset(strip + size - after, 0, (size_t)after * sizeof(element));
		}
	}
}

static void KERNEL(pack_a)(float *to, const pl_view *v, int form, int64_t first, int64_t rows, int64_t from, int64_t n) {
	if (form == PL_STRIPS)
		pack_strips(to, v, first, rows);
	else if (form == PL_PANELS)
		pack_across(to, v, first, rows, from, n, MR);
	else
		pack_rows(to, v, first, rows, from, n);
}

static void KERNEL(pack_b)(float *to, const pl_view *v, int trans, int64_t first, int64_t cols, int64_t from, int64_t n) {
	if (trans)
		pack_turned(to, v, first, cols, from, n);
	else if (v->side && v->type == OWN && v->ld % NR == 0)
		pack_places(to, v, first, cols, from, n);
	else
		pack_across(to, v, first, cols, from, n, NR);
}

#ifdef PAIRS
INLINE lanes multiply(lanes sum, const float *a, lanes b) {
	int pair;
	memcpy(&pair, a, 4);
	return (lanes)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(pair), (__m512bh)b);
}
#else
INLINE lanes multiply(lanes sum, const float *a, lanes b) { return sum + *a * b; }
#endif

// tile computes `count` rows of a panel's columns. A's word (r,l) lies at
// a[r*row + l*col]; the strides are constants. So many words come several times,
// with A's skip apart. Sums are added to those at onto, if any. On its way it asks
// for the words at next, which will be needed soon.
INLINE void tile(const int count, float *c, int64_t ldc, const float *a, const int64_t row, const int64_t col, const float *b, int64_t words, const int times, const int64_t skip, const float *onto, int64_t ldo, const float *next) {
	lanes sum[MR][2];
#pragma GCC unroll 16
	for (int r = 0; r < count; r++)
		sum[r][0] = sum[r][1] = (lanes){0};
	for (int i = 0; i < times; i++, a += skip, b += words * NR, next += words * LANES)
		for (int64_t l = 0; l < words; l++) {
			lanes b0 = *(const lanes *)(b + l * NR), b1 = *(const lanes *)(b + l * NR + LANES);
			__builtin_prefetch(next + l * LANES);
#pragma GCC unroll 16
			for (int r = 0; r < count; r++) {
				sum[r][0] = multiply(sum[r][0], a + r * row + l * col, b0);
				sum[r][1] = multiply(sum[r][1], a + r * row + l * col, b1);
			}
		}
#pragma GCC unroll 16
	for (int r = 0; r < count; r++) {
		lanes *at = (lanes *)(c + r * ldc);
		if (onto) {
			const lanes *old = (const lanes *)(onto + r * ldo);
			at[0] = old[0] + sum[r][0];
			at[1] = old[1] + sum[r][1];
		} else {
			at[0] = sum[r][0];
			at[1] = sum[r][1];
		}
	}
}

// ask asks for a panel's columns of `count` rows of C, and of what finish reads
// and writes beside it.
INLINE void ask(const pl_product *p, int64_t at, int64_t count) {
	const void *all[] = {p->c, p->finish.pre, p->finish.residual, p->finish.slope};
	int64_t size = p->type == PL_F32 ? 4 : 2;
	for (int i = 0; i < 4; i++)
		if (all[i])
			for (int64_t r = 0; r < count; r++)
				for (int64_t j = 0; j < NR * size; j += 64)
					__builtin_prefetch((const char *)all[i] + (at + r * p->ldc) * size + j, 1);
}

// The last rows of a column, fewer than a tile's.
#define REST(count, row, col, where) \
	case count: \
		tile(count, c + i * ldc, ldc, where, row, col, b, words, 1, 0, onto ? onto + i * ldo : NULL, ldo, coming(ahead, LANES * words)); \
		break;
#if TILE_ROWS == 14
#define MORE_RESTS(row, col, where) \
	REST(6, row, col, where) \
	REST(7, row, col, where) \
	REST(8, row, col, where) \
	REST(9, row, col, where) \
	REST(10, row, col, where) \
	REST(11, row, col, where) \
	REST(12, row, col, where) \
	REST(13, row, col, where)
#else
#define MORE_RESTS(row, col, where)
#endif

// coming is what the next tile asks for, which has so many words to spare.
INLINE const float *coming(pl_ahead *ahead, int64_t words) {
	pl_ahead *now = ahead[0].at < ahead[0].end ? ahead : ahead[1].at < ahead[1].end ? ahead + 1 : ahead + 2;
	const char *at = now->at;
	if (at < now->end)
		now->at += words * 4;
	return (const float *)at;
}

// A column is a panel's columns of a block, from either form of A. The panels
// of B lie one after the other, and the first tiles ask for the next, unless each
// has but one.
#define COLUMN(name, row, col, where) \
	static void name(float *c, int64_t ldc, const float *a, const float *b, int64_t rows, int64_t words, const float *onto, int64_t ldo, const pl_product *p, int64_t at, pl_ahead *ahead) { \
		const float *next = rows > MR ? b + NR * words : coming(ahead, LANES * words); \
		int64_t i = 0; \
		for (; i + MR <= rows; i += MR) { \
			if (p) \
				ask(p, at + i * p->ldc, MR); \
			tile(MR, c + i * ldc, ldc, where, row, col, b, words, 1, 0, onto ? onto + i * ldo : NULL, ldo, next); \
			next = next == b + NR * words ? next + LANES * words : coming(ahead, LANES * words); \
		} \
		switch (rows - i) { \
			REST(1, row, col, where) \
			REST(2, row, col, where) \
			REST(3, row, col, where) \
			REST(4, row, col, where) \
			REST(5, row, col, where) \
			MORE_RESTS(row, col, where) \
		} \
	}
COLUMN(column_of_rows, PL_ROW, 1, a + i * PL_ROW)
COLUMN(column_of_panels, 1, MR, a + i / MR * MR * words + i % MR)

#if TILE_ROWS == 14
// strip is a tile of adjacent pixels of a line, from the strips that pack_strips
// made for it.
static void strip(float *c, int64_t ldc, const float *a, const float *b, int64_t words, const float *onto, int64_t ldo, const pl_product *p, int64_t at, pl_ahead *ahead) {
	const float *next = coming(ahead, LANES * words);
	if (p)
		ask(p, at, MR);
	switch (words / 9) {
#define STRIP(pixel) \
	case pixel: \
		tile(MR, c, ldc, a, pixel, 1, b, 3 * pixel, 3, (MR + 2) * pixel, onto, ldo, next); \
		break;
		STRIP(16)
		STRIP(32)
		STRIP(64)
		STRIP(128)
	}
}
#endif

// whole says that C takes sums as they are, or adds them to itself.
INLINE int whole(const pl_product *p) {
	const pl_finish *f = &p->finish;
	return p->type == PL_F32 && p->alpha == 1 && !f->bias && !f->pre && !f->activation && !f->slope && !f->residual && (f->beta == 0 || f->beta == 1);
}

// as_floats is a row of C's type as floats, where it is stored or in room.
INLINE const float *as_floats(const void *x, int64_t at, int64_t n, int type, float *room) {
	if (type == PL_F32)
		return (const float *)x + at;
	widen_row(room, (const uint16_t *)x + at, n);
	return room;
}

INLINE void put(void *y, int64_t at, const float *x, int64_t n, int type) {
	if (type == PL_F32)
		memcpy((float *)y + at, x, (size_t)n * 4);
	else
		narrow_row((uint16_t *)y + at, x, n);
}

// finish takes a row of sums to C, which starts at element at.
static void finish(float *x, int64_t n, int64_t column, int64_t at, const pl_product *p) {
	const pl_finish *f = &p->finish;
	float room[PL_COLUMNS];
	if (p->alpha != 1)
#pragma omp simd
		for (int64_t j = 0; j < n; j++)
			x[j] *= p->alpha;
	if (f->bias) {
		const float *bias = f->bias + column;
#pragma omp simd
		for (int64_t j = 0; j < n; j++)
			x[j] += bias[j];
	}
	if (f->pre)
		put(f->pre, at, x, n, p->type);
	if (f->activation == PL_GELU)
#pragma omp simd
		for (int64_t j = 0; j < n; j++)
			x[j] = gelu_of(x[j]);
	else if (f->activation == PL_QUICK_GELU)
#pragma omp simd
		for (int64_t j = 0; j < n; j++)
			x[j] = quick_gelu_of(x[j]);
	if (f->slope) {
		const float *pre = as_floats(f->slope, at, n, p->type, room);
		if (f->slope_of == PL_QUICK_GELU)
#pragma omp simd
			for (int64_t j = 0; j < n; j++)
				x[j] *= quick_gelu_slope(pre[j]);
		else
#pragma omp simd
			for (int64_t j = 0; j < n; j++)
				x[j] *= gelu_slope(pre[j]);
	}
	if (f->residual) {
		const float *y = as_floats(f->residual, at, n, p->type, room);
#pragma omp simd
		for (int64_t j = 0; j < n; j++)
			x[j] += y[j];
	}
	if (f->beta != 0) {
		const float *y = as_floats(p->c, at, n, p->type, room);
		float beta = f->beta;
#pragma omp simd
		for (int64_t j = 0; j < n; j++)
			x[j] += beta * y[j];
	}
	put(p->c, at, x, n, p->type);
}

// panel computes a panel's columns of a block, or of a tile of it.
static void panel(float *c, int64_t ldc, const float *a, int form, const float *b, int64_t rows, int64_t words, const float *onto, int64_t ldo, const pl_product *p, int64_t at, pl_ahead *ahead) {
	if (form == PL_ROWWISE)
		column_of_rows(c, ldc, a, b, rows, words, onto, ldo, p, at, ahead);
	else if (form == PL_PANELS)
		column_of_panels(c, ldc, a, b, rows, words, onto, ldo, p, at, ahead);
#if TILE_ROWS == 14
	else
		strip(c, ldc, a, b, words, onto, ldo, p, at, ahead);
#endif
}

// block computes a block of sums, or adds to them. With p they are complete and
// go to C from element at, which is of this column: by themselves where they need
// no other sums and fill a panel, else by finish.
static void KERNEL(block)(float *c, const float *a, int form, const float *b, int64_t rows, int64_t cols, int64_t words, int add, const pl_product *p, int64_t at, int64_t column, pl_ahead *ahead) {
	// Where a tile is soon done with its rows of A, it goes along C's rows, which
	// the memory likes better; else down a panel, which then stays near.
	int64_t step = form == PL_STRIPS || words <= 128 ? MR : rows;
	int64_t tile_of_a = form == PL_STRIPS ? (MR + 2) * (words / 3) : form == PL_PANELS ? MR * words : MR * PL_ROW;
	for (int64_t i = 0; i < rows; i += step) {
		int64_t done = 0, count = smaller(step, rows - i);
		for (int64_t j = 0; j < cols; j += NR) {
			float *to = c + i * PL_BLOCK + j, *onto = add ? to : NULL;
			int64_t ld = PL_BLOCK, ldo = PL_BLOCK, where = at + j + (p ? i * p->ldc : 0);
			if (p && !(add && p->finish.beta) && j + NR <= cols && whole(p)) {
				to = (float *)p->c + where;
				ld = p->ldc;
				if (p->finish.beta) {
					onto = to;
					ldo = ld;
				}
				done = j + NR;
			}
			panel(to, ld, a + i / MR * tile_of_a, form, b + j * words, count, words, onto, ldo, p, where, ahead);
		}
		for (int64_t r = i; p && done < cols && r < i + count; r++)
			finish(c + r * PL_BLOCK + done, cols - done, column + done, at + done + r * p->ldc, p);
	}
}

const pl_product_kernels KERNELS_TABLE = {
	.tile = MR,
	.panel = NR,
	.per_word = PER_WORD,
	.pack_a = KERNEL(pack_a),
	.pack_b = KERNEL(pack_b),
	.block = KERNEL(block),
};
