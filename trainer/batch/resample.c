#include "resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "resample_rows.h"

// A product and a sum are two roundings, as in Pillow: GCC keeps them apart with -std=c11.
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

struct batch_resampler {
	batch_kernel x, y;
	uint8_t *rows; // after the pass across
	const uint8_t **list; // of those that an output row is made of
	size_t rows_size, list_size;
};

batch_resampler *batch_resampler_new(void) { return calloc(1, sizeof(batch_resampler)); }

void batch_resampler_free(batch_resampler *r) {
	if (!r)
		return;
	free(r->x.first);
	free(r->x.weights);
	free(r->x.packed);
	free(r->y.first);
	free(r->y.weights);
	free(r->y.packed);
	free(r->rows);
	free(r->list);
	free(r);
}

// room makes *p hold size bytes, whatever they are.
static int room(void **p, size_t *has, size_t size) {
	if (*has >= size)
		return 1;
	free(*p);
	*has = 0;
	size = (size + size / 4 + 63) & ~(size_t)63;
	if (!(*p = aligned_alloc(64, size)))
		return 0;
	*has = size;
	return 1;
}

// cubic is the convolution of Keys with a = -0.5, in Pillow's order of operations.
static double cubic(double x) {
	const double a = -0.5;
	x = x < 0 ? -x : x;
	if (x < 1)
		return ((a + 2) * x - (a + 3)) * x * x + 1;
	if (x < 2)
		return (((x - 5) * x + 8) * x - 4) * a;
	return 0;
}

// window is the samples that output i is made of: those that the cubic reaches, widened
// by the ratio when shrinking.
static void window(const batch_axis *a, int i, double *centre, int *first, int *count) {
	double support = 2 * (a->ratio > 1 ? a->ratio : 1);
	*centre = a->start + (a->from + i + 0.5) * a->ratio;
	int from = (int)(*centre - support + 0.5), to = (int)(*centre + support + 0.5);
	from = from < 0 ? 0 : from;
	to = to > a->in ? a->in : to;
	*first = from;
	*count = to - from;
}

void batch_span(const batch_axis *a, int *first, int *count) {
	double centre;
	int last, n;
	window(a, a->out - 1, &centre, &last, &n);
	last += n;
	window(a, 0, &centre, first, &n);
	*count = last - *first;
}

// fit computes the weights, in 22 bits behind the point.
static int fit(batch_kernel *k, const batch_axis *a) {
	int most = 1, padded = (a->out + 3) & ~3;
	double centre;
	int first, count, lowest, end;
	batch_span(a, &lowest, &end);
	end += lowest;
	for (int i = 0; i < a->out; i++) {
		window(a, i, &centre, &first, &count);
		most = count > most ? count : most;
	}
	int groups = (most + 3) / 4;
	size_t taps = (size_t)4 * groups;
	if (!room((void **)&k->first, &k->first_size, padded * sizeof *k->first) ||
		!room((void **)&k->weights, &k->weights_size, padded * taps * sizeof *k->weights))
		return 0;
	k->out = a->out;
	k->groups = groups;
	double inverse = 1 / (a->ratio > 1 ? a->ratio : 1);
	double exact[16], *w = exact;
	if (taps > 16 && !(w = malloc(taps * sizeof *w)))
		return 0;
	memset(k->weights, 0, padded * taps * sizeof *k->weights);
	for (int i = 0; i < a->out; i++) {
		window(a, i, &centre, &first, &count);
		double sum = 0;
		for (int t = 0; t < count; t++) {
			w[t] = cubic((t + first - centre + 0.5) * inverse);
			sum += w[t];
		}
		// The window must not go beyond the last sample where there are enough before.
		int from = first + (int)taps > end ? end - (int)taps : first;
		from = from < lowest ? lowest : from;
		int32_t *to = k->weights + i * taps + (first - from);
		for (int t = 0; t < count; t++) {
			double v = w[t] / sum * (1 << BATCH_BITS);
			to[t] = (int32_t)(v < 0 ? v - 0.5 : v + 0.5);
		}
		k->first[i] = from;
	}
	for (int i = a->out; i < padded; i++)
		k->first[i] = k->first[a->out - 1];
	if (w != exact)
		free(w);
	return 1;
}

// same tells whether every output of an axis is the sample at its place.
static int same(const batch_axis *a) { return a->ratio == 1 && a->start == (int)a->start; }

// across makes rows of x->out pixels, to_wide bytes apart, where to has room for
// BATCH_SLACK bytes behind each. The pixel at from is number first.
static int across(batch_resampler *r, int level, const batch_axis *x, const uint8_t *from, size_t wide, int first, int rows,
	uint8_t *to, size_t to_wide) {
	if (same(x)) {
		from += (ptrdiff_t)3 * ((int)x->start + x->from - first);
		for (int i = 0; i < rows; i++)
			memcpy(to + to_wide * i, from + wide * i, (size_t)3 * x->out);
		return 1;
	}
	if (!fit(&r->x, x) || !batch_pack(&r->x, level))
		return 0;
	batch_across(&r->x, from - (ptrdiff_t)3 * first, wide, rows, to, to_wide);
	return 1;
}

// down makes y->out rows of size bytes of rows whose first one is number first.
static int down(batch_resampler *r, int level, const batch_axis *y, const uint8_t *from, size_t wide, int first, int rows,
	size_t size, uint8_t *to, size_t to_wide) {
	if (same(y)) {
		from += wide * ((int)y->start + y->from - first);
		for (int i = 0; i < y->out; i++)
			memcpy(to + to_wide * i, from + wide * i, size);
		return 1;
	}
	if (!fit(&r->y, y) || !room((void **)&r->list, &r->list_size, 4 * r->y.groups * sizeof *r->list))
		return 0;
	for (int i = 0; i < y->out; i++)
		r->y.first[i] -= first;
	batch_down(&r->y, level, from, wide, rows, size, to, to_wide, r->list);
	return 1;
}

int batch_resample(batch_resampler *r, int level, int down_first, const batch_axis *x, const batch_axis *y, const uint8_t *from,
	size_t stride, int first_x, int first_y, uint8_t *rgb) {
	int left, columns, top, rows;
	batch_span(x, &left, &columns);
	batch_span(y, &top, &rows);
	from += stride * (top - first_y) + (ptrdiff_t)3 * (left - first_x);
	size_t size = (size_t)3 * x->out, between = (size_t)3 * (down_first ? columns : x->out);
	size_t wide = (between + BATCH_SLACK + 63) & ~(size_t)63, line = (size + BATCH_SLACK + 63) & ~(size_t)63;
	if (!room((void **)&r->rows, &r->rows_size, down_first ? (wide + line) * y->out : wide * rows))
		return 0;
	if (!down_first)
		return across(r, level, x, from, stride, left, rows, r->rows, wide) &&
			down(r, level, y, r->rows, wide, top, rows, size, rgb, size);
	if (!down(r, level, y, from, stride, top, rows, between, r->rows, wide))
		return 0;
	uint8_t *lines = r->rows + wide * y->out; // with room behind each, which the output's have not
	if (!across(r, level, x, r->rows, wide, left, y->out, lines, line))
		return 0;
	for (int i = 0; i < y->out; i++)
		memcpy(rgb + size * i, lines + line * i, size);
	return 1;
}
