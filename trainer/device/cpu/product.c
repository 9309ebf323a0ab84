// Products of matrices. Both factors are packed in the order in which they are
// read, B for all threads and A by each for its own block of C, and a tile of
// sums stays in registers while k goes by (K. Goto and R. van de Geijn, Anatomy
// of High-Performance Matrix Multiplication, 2008). A factor of bfloat16 becomes
// what the kernels multiply as it is packed, the places around a pixel are
// gathered then, and what finish says is done to a block of C in the cache.
#include "product.h"

#include <omp.h>
#include <sys/mman.h>
#include <stdlib.h>

#include "product_kernels_table.h"

extern const pl_product_kernels pl_product_plain;
#if defined(__x86_64__)
extern const pl_product_kernels pl_product_avx2, pl_product_avx512, pl_product_avx512bf16;
#endif

static const pl_product_kernels *f32 = &pl_product_plain, *bf16 = &pl_product_plain;

void pl_product_choose(int level) {
	f32 = bf16 = &pl_product_plain;
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (level <= 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		f32 = bf16 = &pl_product_avx2;
	if (level <= 0 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
	    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")) {
		f32 = bf16 = &pl_product_avx512;
		if (__builtin_cpu_supports("avx512bf16"))
			bf16 = &pl_product_avx512bf16;
	}
#endif
}

int pl_bf16_available(void) {
#if defined(__x86_64__)
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx512bf16") != 0;
#else
	return 0;
#endif
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t parts(int64_t n, int64_t of) { return (n + of - 1) / of; }

// A plan is how a product is cut. B is packed for a span of k and of columns at
// a time; blocks of rows and columns of C are dealt to threads, each of which
// packs A for its block.
typedef struct {
	int64_t span, columns; // of B at a time
	int64_t depth;         // elements of k in a block
	int64_t blocks, width; // of rows, evenly high, and columns of one
	int form;              // of A
	int alone;             // each block packs its own B, which no other needs
} plan;

// Words of B that are packed at a time: some MB, which the last cache holds. Sums of
// pieces of k take no more.
enum { PACKED = 5 << 19 };

// stripped says that each tile's pixels lie in one line of a picture, and have a
// size that there are kernels for: A is packed as strips.
static int stripped(const pl_product *p, const pl_product_kernels *kernels) {
	const pl_view *a = &p->a;
	int64_t pixel = a->ld / kernels->per_word;
	return !p->trans_a && !p->trans_b && kernels->tile == PL_STRIP && a->side && a->side % PL_STRIP == 0 &&
	       pixel * kernels->per_word == a->ld && (pixel == 16 || pixel == 32 || pixel == 64 || pixel == PL_PIXEL);
}

static plan plan_of(const pl_product *p, const pl_product_kernels *kernels, int threads) {
	const pl_finish *f = &p->finish;
	plan s = {.depth = PL_WORDS * kernels->per_word, .form = p->trans_a ? PL_PANELS : PL_ROWWISE};
	if (stripped(p, kernels)) {
		s.form = PL_STRIPS;
		s.depth = p->k;
	}
	// Sums that are not whole yet can wait in C where it is float32 and takes
	// nothing but sums. Where k is cut does not depend on m. Of a gradient of
	// weights, k is the rows of a batch and C small: B's part stays in a near cache.
	s.span = p->k;
	if (p->type == PL_F32 && !f->bias && !f->pre && !f->activation && !f->slope && !f->residual)
		s.span = least(p->k, (p->trans_a ? 1 : 10) * s.depth);
	s.columns = PACKED / kernels->panel / parts(s.span + 1, kernels->per_word) * kernels->panel;
	s.columns = least(PL_COLUMNS, s.columns < 2 * kernels->panel ? 2 * kernels->panel : s.columns);
	if (!p->trans_a) // A is packed for each: as few as there can be, and even
		s.columns = parts(parts(p->n, parts(p->n, s.columns)), kernels->panel) * kernels->panel;
	// As many blocks as all threads can share evenly, and enough of them.
	s.blocks = parts(p->m, PL_ROWS);
	if (s.blocks > threads)
		s.blocks = parts(s.blocks, threads) * threads;
	s.width = s.columns;
	while (s.blocks * parts(least(s.columns, p->n), s.width) < (threads > 1 ? 4 * threads : 1) && s.width > 2 * kernels->panel)
		s.width = parts(s.width / 2, kernels->panel) * kernels->panel;
	s.alone = s.blocks == 1 && !p->trans_a;
	if (s.alone)
		s.columns = p->n;
	return s;
}

typedef struct {
	const pl_product *p;
	const pl_product_kernels *kernels;
	plan plan;
	float *packed;       // B
	int threads;
	int64_t turn, turns; // of this part of a product, among those that need the same factors
} work;

// row_of is the first row of a block: a whole number of tiles is before it, and
// blocks differ by no more than one tile.
static int64_t row_of(const work *w, int64_t block) {
	int64_t tile = w->kernels->tile;
	return least(parts(w->p->m, tile) * block / w->plan.blocks * tile, w->p->m);
}

// pack packs one block of depth and one of width of the packed part of B.
static void pack(const work *w, int64_t from, int64_t span, int64_t first, int64_t columns, int64_t task) {
	const plan *s = &w->plan;
	int64_t across = parts(columns, s->width), l = task / across * s->depth, j = task % across * s->width;
	int64_t deep = least(s->depth, span - l), words = parts(deep, w->kernels->per_word), wide = parts(columns, w->kernels->panel) * w->kernels->panel;
	float *to = w->packed + l / w->kernels->per_word * wide + j * words;
	w->kernels->pack_b(to, &w->p->b, w->p->trans_b, first + j, least(s->width, columns - j), from + l, deep);
}

// ahead is this task's share, of so many, of what a factor stored across k has in
// the next span. A factor that is wider than what is used is left alone.
static pl_ahead ahead(const pl_view *v, int across, int64_t used, int64_t from, int64_t n, int64_t task, int64_t tasks) {
	pl_ahead none = {v->at, v->at};
	if (!across || (!v->side && v->ld > used))
		return none;
	int64_t size = v->type == PL_F32 ? 4 : 2, bytes = n * v->ld * size;
	const char *at = (const char *)v->at + from * v->ld * size;
	pl_ahead some = {at + bytes * task / tasks, at + bytes * (task + 1) / tasks};
	return some;
}

// rows_ahead are the rows of A that a block packs, where they are stored along k: a
// thread asks for those of the block that is likely its next.
static pl_ahead rows_ahead(const work *w, int64_t block) {
	const pl_view *a = &w->p->a;
	pl_ahead none = {a->at, a->at};
	if (w->p->trans_a || block >= w->plan.blocks || (!a->side && a->ld > w->p->k))
		return none;
	int64_t size = a->type == PL_F32 ? 4 : 2;
	const char *at = a->at;
	pl_ahead some = {at + row_of(w, block) * a->ld * size, at + row_of(w, block + 1) * a->ld * size};
	return some;
}

// block computes one block of C for a span of k.
static void block(const work *w, int64_t from, int64_t span, int64_t first, int64_t columns, int64_t task, float *a, float *c, float *own) {
	const plan *s = &w->plan;
	const pl_product *p = w->p;
	int64_t across = parts(columns, s->width), i = row_of(w, task / across), j = task % across * s->width;
	int64_t rows = row_of(w, task / across + 1) - i, cols = least(s->width, columns - j), wide = parts(columns, w->kernels->panel) * w->kernels->panel;
	int64_t l = 0, next = from + span, tasks = across * s->blocks, coming = least(s->span, p->k - next);
	pl_ahead rows_next = rows_ahead(w, (task + w->threads) / across);
	task += tasks * w->turn;
	tasks *= w->turns;
	pl_ahead asked[] = {ahead(&p->b, !p->trans_b, columns * w->turns, next, coming, task, tasks), ahead(&p->a, p->trans_a, p->m * w->turns, next, coming, task, tasks), rows_next};
	do { // once where k is 0
		int64_t deep = least(s->depth, span - l), words = parts(deep, w->kernels->per_word);
		int last = l + deep == span;
		w->kernels->pack_a(a, &p->a, s->form, i, rows, from + l, deep);
		int64_t group = s->alone ? PL_ALONE : PL_GROUP;
		for (int64_t g = 0; g < cols; g += group) {
			int64_t count = least(group, cols - g), at = i * p->ldc + first + j + g;
			const float *b = own;
			if (s->alone)
				w->kernels->pack_b(own, &p->b, p->trans_b, first + j + g, count, from + l, deep);
			else
				b = w->packed + l / w->kernels->per_word * wide + (j + g) * words;
			w->kernels->block(c + g, a, s->form, b, rows, count, words, l > 0, last ? p : NULL, at, first + j + g, asked);
		}
		l += deep;
	} while (l < span);
}

// chosen is bfloat16's kernels where both factors are; a factor of float32 is
// not rounded, the other one is widened.
static const pl_product_kernels *chosen(const pl_product *p) {
	return p->a.type == PL_BF16 && p->b.type == PL_BF16 ? bf16 : f32;
}

static int threads_of(const pl_product *p) { return p->m * p->n * p->k > 1 << 18 ? omp_get_max_threads() : 1; }

// Of a thread: a block of A, one of C, and a group of B with the line after it.
// To whole lines.
enum { PL_A = PL_ROWS / PL_STRIP * 3 * (PL_STRIP + 2) * PL_PIXEL, PL_C = PL_ROWS * PL_BLOCK, PL_B = PL_ALONE * PL_WORDS + 16, EACH = PL_A + PL_C + PL_B };

// packed is the words of B that are packed at a time, and the next line, which
// is asked for.
static int64_t packed(const pl_product *p, const pl_product_kernels *kernels, plan s) {
	if (s.alone)
		return 0;
	return parts(least(s.span, p->k), kernels->per_word) * parts(least(s.columns, p->n), kernels->panel) * kernels->panel + 16;
}

static int64_t room_of(const pl_product *p, int threads) {
	const pl_product_kernels *kernels = chosen(p);
	return parts(packed(p, kernels, plan_of(p, kernels, threads)), 16) * 16 + threads * EACH;
}

// A part of a product: columns up to p.n from one, k up to p.k from a place.
typedef struct {
	pl_product p;
	int64_t column, from;
	int64_t turn, turns; // of this part among those that need the same factors
} share;

// A team computes a share together.
static void run(share part, float *room, int threads) {
	pl_product *p = &part.p;
	if (p->m == 0)
		return;
	const pl_product_kernels *kernels = chosen(p);
	plan s = plan_of(p, kernels, threads);
	float *own = room + parts(packed(p, kernels, s), 16) * 16;
	float beta = p->finish.beta;
#pragma omp parallel num_threads(threads)
	{
		float *a = own + omp_get_thread_num() * EACH, *c = a + PL_A, *b = c + PL_C;
		pl_product now = *p;
		work w = {&now, kernels, s, room, threads, part.turn, part.turns};
		for (int64_t first = part.column; first < now.n; first += s.columns) {
			int64_t columns = least(s.columns, now.n - first), across = parts(columns, s.width), from = part.from;
			now.finish.beta = beta;
			do {
				int64_t span = least(s.span, now.k - from);
#pragma omp for schedule(dynamic)
				for (int64_t task = 0; task < (s.alone ? 0 : across * parts(span, s.depth)); task++)
					pack(&w, from, span, first, columns, task);
#pragma omp for schedule(dynamic)
				for (int64_t task = 0; task < across * s.blocks; task++)
					block(&w, from, span, first, columns, task, a, c, b);
				from += span;
				now.finish.beta = 1;
			} while (from < now.k);
		}
	}
}

// Of a gradient of weights, k has so many spans that threads would wait for each
// other at every one: each computes a part by itself.
static int dealt(const pl_product *p) { return p->trans_a && plan_of(p, chosen(p), 1).span < p->k; }

// pieces is in how many k is cut where C is small beside the factors: each gets sums of
// its own, which are added in order, and no thread packs what another packs too.
// It depends on neither threads nor kernels, nor do the sums.
static int64_t pieces(const pl_product *p) {
	int64_t n = dealt(p) ? 8 : 1;
	while (n > 1 && (n * p->m * p->n > PACKED || 4 * n * p->m * p->n > p->k * (p->m + p->n) || p->k < 8 * n * PL_WORDS))
		n /= 2;
	return n;
}

// deal is the share of p for one of so many: columns, where there are more of
// them than rows, else rows.
static share deal(pl_product p, int64_t turn, int64_t turns) {
	const pl_product_kernels *kernels = chosen(&p);
	int across = p.n > p.m;
	int64_t n = across ? p.n : p.m, unit = across ? kernels->panel : kernels->tile, each = parts(parts(n, unit), turns) * unit;
	int64_t first = least(each * turn, n), end = least(first + each, n);
	if (across)
		p.n = end;
	else {
		p.a.at = (const char *)p.a.at + first * (p.a.type == PL_F32 ? 4 : 2);
		p.c = (float *)p.c + first * p.ldc;
		p.m = end - first;
	}
	share part = {p, across ? first : 0, 0, turn, turns};
	return part;
}

// add adds so many sums of pieces to C.
static void add(const pl_product *p, const float *sums, int64_t count) {
#pragma omp parallel for
	for (int64_t i = 0; i < p->m; i++) {
		float *c = (float *)p->c + i * p->ldc;
		for (int64_t j = 0; j < p->n; j++) {
			float sum = sums[i * p->n + j];
			for (int64_t piece = 1; piece < count; piece++)
				sum += sums[(piece * p->m + i) * p->n + j];
			c[j] = p->finish.beta == 0 ? sum : sum + p->finish.beta * c[j];
		}
	}
}

static int64_t sums(const pl_product *p, int64_t count) { return count > 1 ? parts(count * p->m * p->n, 16) * 16 : 0; }

void pl_product_run(pl_product p, float *room) {
	if (p.m == 0 || p.n == 0)
		return;
	int threads = threads_of(&p);
	int64_t count = pieces(&p);
	if (count == 1 && (threads == 1 || !dealt(&p))) {
		share whole = {p, 0, 0, 0, 1};
		run(whole, room, threads);
		return;
	}
	int64_t each = room_of(&p, 1), turns = parts(threads, count), deep = parts(parts(p.k, count), PL_WORDS) * PL_WORDS;
	float *own = room + sums(&p, count);
#pragma omp parallel for num_threads(threads) schedule(dynamic)
	for (int64_t i = 0; i < count * turns; i++) {
		pl_product piece = p;
		if (count > 1) {
			piece.c = room + i / turns * p.m * p.n;
			piece.ldc = p.n;
			piece.finish.beta = 0;
		}
		share part = deal(piece, i % turns, turns);
		part.from = i / turns * deep;
		part.p.k = least(p.k, part.from + deep);
		run(part, own + omp_get_thread_num() * each, 1);
	}
	if (count > 1)
		add(&p, room, count);
}

int64_t pl_product_room(pl_product p) {
	if (p.m == 0 || p.n == 0)
		return 16;
	int threads = threads_of(&p);
	return dealt(&p) ? sums(&p, pieces(&p)) + threads * room_of(&p, 1) : room_of(&p, threads);
}

// Of parts of C, B is packed for one span alone.
int64_t pl_product_most(void) { return PACKED + 16 + omp_get_max_threads() * (PL_WORDS * PL_COLUMNS + 16 + EACH); }

void pl_sgemm(int trans_a, int trans_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc, float *room) {
	pl_product p = {m, n, k, {a, lda, PL_F32, 0}, {b, ldb, PL_F32, 0}, trans_a, trans_b, alpha, c, ldc, PL_F32, {.beta = beta}};
	pl_product_run(p, room);
}
