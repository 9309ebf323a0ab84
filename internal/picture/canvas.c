#include "canvas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

// window is where the samples of output i begin, how many there are, and their
// weights, whose sum is 1: those of a Lanczos filter with three lobes, as wide as the
// output pixel where that is larger than one of the input. The sine is turned on from
// sample to sample. With t = pi x / 3, sinc(x) sinc(x/3) is sin(3t) sin(t) / 3t^2, and
// sin(3t) is 3 sin(t) - 4 sin(t)^3.
static int window(int in, int out, int i, int *first, double *weight) {
	double scale = (double)in / out, wide = scale < 1 ? 1 : scale;
	double support = 3 * wide, center = (i + 0.5) * scale, sum = 0;
	int from = (int)(center - support + 0.5), to = (int)(center + support + 0.5);
	if (center - support + 0.5 < 0)
		from = 0;
	if (to > in)
		to = in;
	double step = M_PI / 3 / wide, start = (from - center + 0.5) * step;
	double s = sin(start), c = cos(start), ds = sin(step), dc = cos(step);
	for (int j = 0; j < to - from; j++) {
		double t = start + j * step, w = 0, next = s * dc + c * ds;
		if (fabs(t) < 1e-3)
			w = 1 - 5. / 3 * t * t;
		else if (t >= -M_PI && t < M_PI)
			w = s * s * (1 - 4. / 3 * s * s) / (t * t);
		c = c * dc - s * ds;
		s = next;
		sum += weight[j] = w;
	}
	for (int j = 0; j < to - from; j++)
		if (sum != 0)
			weight[j] /= sum;
	*first = from;
	return to - from;
}

static int window_most(int in, int out) {
	double scale = (double)in / out;
	return (int)ceil(3 * (scale < 1 ? 1 : scale)) * 2 + 1;
}

static void axis_free(pl_axis *a) {
	free(a->first);
	free(a->count);
	free(a->weight);
	memset(a, 0, sizeof *a);
}

// axis_make fits the weights into 16 bits: as many of precision as the largest of
// them allows. What rounding leaves over goes to the largest weight of a window.
static int axis_make(pl_axis *a, int in, int out) {
	memset(a, 0, sizeof *a);
	a->in = in;
	a->out = out;
	if (in == out)
		return 1;
	int most = window_most(in, out);
	a->stride = (most + 1) & ~1;
	a->first = calloc(out, sizeof *a->first);
	a->count = calloc(out, sizeof *a->count);
	a->weight = calloc((size_t)out * a->stride, sizeof *a->weight);
	double *weights = malloc((size_t)out * a->stride * sizeof *weights), largest = 0;
	if (!a->first || !a->count || !a->weight || !weights) {
		free(weights);
		return 0;
	}
	for (int i = 0; i < out; i++) {
		double *w = weights + (size_t)i * a->stride;
		a->count[i] = window(in, out, i, &a->first[i], w);
		for (int j = 0; j < a->count[i]; j++)
			if (fabs(w[j]) > largest)
				largest = fabs(w[j]);
	}
	a->shift = 22;
	while (a->shift > 1 && largest * (1 << a->shift) > 32000)
		a->shift--;
	for (int i = 0; i < out; i++) {
		const double *w = weights + (size_t)i * a->stride;
		int16_t *k = a->weight + (size_t)i * a->stride;
		int n = a->count[i], left = 1 << a->shift, top = 0;
		for (int j = 0; j < n; j++) {
			left -= k[j] = lrint(w[j] * (1 << a->shift));
			if (k[j] > k[top])
				top = j;
		}
		for (; left != 0; top = (top + 1) % n) { // at most a few units
			int unit = left > 500 ? 500 : left < -500 ? -500 : left;
			k[top] += unit;
			left -= unit;
		}
	}
	free(weights);
	return 1;
}

// The hash shrinks grey to 32 x 32 as Pillow does, in whole numbers, so that the
// hashes of the two agree: weights of 22 bits, rounded after either direction.
enum { HASH_BITS = 22 };

static int32_t hash_weight(double w) {
	return w < 0 ? (int32_t)(-0.5 + w * (1 << HASH_BITS)) : (int32_t)(0.5 + w * (1 << HASH_BITS));
}

static uint8_t hash_clip(int32_t sum) {
	sum >>= HASH_BITS;
	return sum < 0 ? 0 : sum > 255 ? 255 : sum;
}

static int hash_make(pl_canvas *c) {
	int most = window_most(c->w, PL_GRID);
	c->grid_span = (most + 15) & ~15;
	c->hash_first = calloc(PL_GRID, sizeof(int));
	c->hash_high = calloc((size_t)PL_GRID * c->grid_span, sizeof(int16_t));
	c->hash_low = calloc((size_t)PL_GRID * c->grid_span, sizeof(int16_t));
	c->grey = calloc((size_t)c->w + c->grid_span, sizeof(int16_t));
	c->down_stride = window_most(c->h, PL_GRID);
	c->down_first = calloc(PL_GRID, sizeof(int));
	c->down_count = calloc(PL_GRID, sizeof(int));
	c->down_weight = calloc((size_t)PL_GRID * c->down_stride, sizeof(int));
	double *w = malloc((most > c->down_stride ? most : c->down_stride) * sizeof *w);
	if (!c->hash_first || !c->hash_high || !c->hash_low || !c->grey || !c->down_first || !c->down_count || !c->down_weight || !w) {
		free(w);
		return 0;
	}
	for (int i = 0; i < PL_GRID; i++) {
		int n = window(c->w, PL_GRID, i, &c->hash_first[i], w);
		for (int j = 0; j < n; j++) {
			int32_t k = hash_weight(w[j]);
			c->hash_high[(size_t)i * c->grid_span + j] = k >> 11;
			c->hash_low[(size_t)i * c->grid_span + j] = k & 0x7ff;
		}
		n = c->down_count[i] = window(c->h, PL_GRID, i, &c->down_first[i], w);
		for (int j = 0; j < n; j++)
			c->down_weight[(size_t)i * c->down_stride + j] = hash_weight(w[j]);
	}
	free(w);
	for (int i = 0; i < PL_GRID * PL_GRID; i++)
		c->sums[0][i] = c->sums[1][i] = 1 << (HASH_BITS - 1);
	return 1;
}

// luma is Pillow's, by ITU-R BT.601 in 16 bits.
static inline int luma(int r, int g, int b) { return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16; }

// greys writes the luma of n pixels on a ground of 0 or 255; the pixels are
// multiplied by their alpha.
static void greys(const uint8_t *p, int n, int white, int16_t *out) {
	int i = 0;
#ifdef __SSE2__
	const __m128i rb = _mm_set1_epi32(0x00ff00ff), one = _mm_set1_epi32(0xff);
	const __m128i krb = _mm_set1_epi32(7471 << 16 | 19595), kg = _mm_set1_epi32(19235 << 16 | 19235);
	const __m128i half = _mm_set1_epi32(0x8000);
	for (; i + 4 <= n; i += 4) {
		__m128i v = _mm_loadu_si128((const __m128i *)(p + 4 * i));
		if (white) {
			__m128i see = _mm_sub_epi32(one, _mm_srli_epi32(v, 24));
			see = _mm_or_si128(see, _mm_slli_epi32(see, 16));
			v = _mm_add_epi8(v, _mm_or_si128(see, _mm_slli_epi32(see, 8)));
		}
		__m128i g = _mm_and_si128(_mm_srli_epi32(v, 8), one);
		g = _mm_or_si128(g, _mm_slli_epi32(g, 16));
		__m128i sum = _mm_add_epi32(_mm_madd_epi16(_mm_and_si128(v, rb), krb), _mm_madd_epi16(g, kg));
		sum = _mm_srli_epi32(_mm_add_epi32(sum, half), 16);
		_mm_storel_epi64((__m128i *)(out + i), _mm_packs_epi32(sum, sum));
	}
#endif
	for (; i < n; i++) {
		const uint8_t *q = p + 4 * i;
		int see = white ? 255 - q[3] : 0;
		out[i] = luma(q[0] + see, q[1] + see, q[2] + see);
	}
}

// hash_row adds one row of grey to the sums.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target_clones("avx2", "default")))
#endif
static void hash_across(const pl_canvas *c, uint8_t *row) {
	for (int i = 0; i < PL_GRID; i++) {
		const int16_t *g = c->grey + c->hash_first[i];
		const int16_t *hi = c->hash_high + (size_t)i * c->grid_span, *lo = c->hash_low + (size_t)i * c->grid_span;
		int32_t high = 0, low = 0;
		for (int j = 0; j < c->grid_span; j++) {
			high += (int32_t)g[j] * hi[j];
			low += (int32_t)g[j] * lo[j];
		}
		row[i] = hash_clip((int32_t)(((uint32_t)high << 11) + (uint32_t)low + (1u << (HASH_BITS - 1))));
	}
}

static void hash_row(pl_canvas *c, int which) {
	uint8_t row[PL_GRID];
	if (c->w == PL_GRID)
		for (int i = 0; i < PL_GRID; i++)
			row[i] = c->grey[i];
	else
		hash_across(c, row);
	if (c->h == PL_GRID) {
		memcpy(c->grid[which] + PL_GRID * c->y, row, PL_GRID);
		return;
	}
	for (int i = 0; i < PL_GRID; i++) {
		int j = c->y - c->down_first[i];
		if (j < 0 || j >= c->down_count[i])
			continue;
		int32_t k = c->down_weight[(size_t)i * c->down_stride + j];
		int32_t *sums = c->sums[which] + PL_GRID * i;
		for (int x = 0; x < PL_GRID; x++)
			sums[x] += row[x] * k;
	}
}

pl_canvas *pl_canvas_new(int w, int h, int out_w, int out_h, int alpha) {
	pl_canvas *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->w = w;
	c->h = h;
	c->out_w = out_w;
	c->out_h = out_h;
	c->alpha = alpha;
	int ok = axis_make(&c->across, w, out_w) && axis_make(&c->down, h, out_h) && hash_make(c);
	// Room for a register's load past the last pixel.
	ok = ok && (c->line = malloc((size_t)4 * w + 64)) && (c->middle = malloc((size_t)4 * out_w * h + 64));
	if (!ok) {
		pl_canvas_free(c);
		return NULL;
	}
	return c;
}

void pl_canvas_free(pl_canvas *c) {
	if (!c)
		return;
	axis_free(&c->across);
	axis_free(&c->down);
	free(c->line);
	if (c->small != c->middle)
		free(c->small);
	free(c->middle);
	free(c->hash_first);
	free(c->hash_high);
	free(c->hash_low);
	free(c->grey);
	free(c->down_first);
	free(c->down_count);
	free(c->down_weight);
	free(c);
}

// multiply lays one row onto black and keeps its alpha; it tells whether one of the
// pixels is not opaque.
static int multiply(const uint8_t *p, int n, uint8_t *out) {
	uint32_t all = 255;
	for (int i = 0; i < n; i++)
		all &= p[4 * i + 3];
	if (all == 255) {
		memcpy(out, p, (size_t)4 * n);
		return 0;
	}
	for (int i = 0; i < n; i++, p += 4, out += 4) {
		uint32_t a = p[3];
		for (int k = 0; k < 3; k++)
			out[k] = (p[k] * a + 127) * 0x8081 >> 23; // divided by 255
		out[3] = a;
	}
	return 1;
}

// across makes one row of the middle.
static void across(const pl_axis *a, const uint8_t *p, uint8_t *out) {
	for (int i = 0; i < a->out; i++, out += 4) {
		const uint8_t *q = p + 4 * (size_t)a->first[i];
		const int16_t *k = a->weight + (size_t)i * a->stride;
		int n = a->count[i];
#ifdef __SSE2__
		const __m128i zero = _mm_setzero_si128();
		__m128i sum = _mm_set1_epi32(1 << (a->shift - 1));
		int j = 0;
		// A window of odd length has one weight more, which is 0, and the line
		// has room behind its end.
		for (; j < n; j += 2) {
			__m128i v = _mm_loadl_epi64((const __m128i *)(q + 4 * j));
			int32_t pair;
			memcpy(&pair, k + j, 4);
			v = _mm_unpacklo_epi8(_mm_unpacklo_epi8(v, _mm_srli_si128(v, 4)), zero);
			sum = _mm_add_epi32(sum, _mm_madd_epi16(v, _mm_set1_epi32(pair)));
		}
		sum = _mm_sra_epi32(sum, _mm_cvtsi32_si128(a->shift));
		sum = _mm_packs_epi32(sum, sum);
		int32_t pixel = _mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
		memcpy(out, &pixel, 4);
#else
		int32_t sum[4] = {1 << (a->shift - 1), 1 << (a->shift - 1), 1 << (a->shift - 1), 1 << (a->shift - 1)};
		for (int j = 0; j < n; j++)
			for (int ch = 0; ch < 4; ch++)
				sum[ch] += q[4 * j + ch] * k[j];
		for (int ch = 0; ch < 4; ch++) {
			int32_t v = sum[ch] >> a->shift;
			out[ch] = v < 0 ? 0 : v > 255 ? 255 : v;
		}
#endif
	}
}

// down makes one row of the small picture from n rows of the middle.
static void down(const uint8_t *rows, size_t bytes, const int16_t *k, int n, int shift, uint8_t *out) {
	size_t x = 0;
#ifdef __SSE2__
	const __m128i zero = _mm_setzero_si128(), count = _mm_cvtsi32_si128(shift);
	for (; x + 16 <= bytes; x += 16) {
		__m128i s0 = _mm_set1_epi32(1 << (shift - 1)), s1 = s0, s2 = s0, s3 = s0;
		for (int j = 0; j < n; j += 2) {
			const uint8_t *p = rows + j * bytes + x;
			__m128i a = _mm_loadu_si128((const __m128i *)p);
			__m128i b = j + 1 < n ? _mm_loadu_si128((const __m128i *)(p + bytes)) : zero;
			int32_t both;
			memcpy(&both, k + j, 4);
			__m128i pair = _mm_set1_epi32(both);
			__m128i lo = _mm_unpacklo_epi8(a, b), hi = _mm_unpackhi_epi8(a, b);
			s0 = _mm_add_epi32(s0, _mm_madd_epi16(_mm_unpacklo_epi8(lo, zero), pair));
			s1 = _mm_add_epi32(s1, _mm_madd_epi16(_mm_unpackhi_epi8(lo, zero), pair));
			s2 = _mm_add_epi32(s2, _mm_madd_epi16(_mm_unpacklo_epi8(hi, zero), pair));
			s3 = _mm_add_epi32(s3, _mm_madd_epi16(_mm_unpackhi_epi8(hi, zero), pair));
		}
		__m128i lo = _mm_packs_epi32(_mm_sra_epi32(s0, count), _mm_sra_epi32(s1, count));
		__m128i hi = _mm_packs_epi32(_mm_sra_epi32(s2, count), _mm_sra_epi32(s3, count));
		_mm_storeu_si128((__m128i *)(out + x), _mm_packus_epi16(lo, hi));
	}
#endif
	for (; x < bytes; x++) {
		int32_t sum = 1 << (shift - 1);
		for (int j = 0; j < n; j++)
			sum += rows[j * bytes + x] * k[j];
		sum >>= shift;
		out[x] = sum < 0 ? 0 : sum > 255 ? 255 : sum;
	}
}

void pl_row(pl_canvas *c, const uint8_t *rgba) {
	if (c->y >= c->h)
		return;
	if (!c->alpha)
		memcpy(c->line, rgba, (size_t)4 * c->w);
	else if (multiply(rgba, c->w, c->line))
		c->transparent = 1;
	greys(c->line, c->w, c->alpha, c->grey);
	hash_row(c, 0);
	if (c->alpha) {
		greys(c->line, c->w, 0, c->grey);
		hash_row(c, 1);
	}
	uint8_t *to = c->middle + (size_t)4 * c->out_w * c->y;
	if (c->across.in == c->across.out)
		memcpy(to, c->line, (size_t)4 * c->w);
	else
		across(&c->across, c->line, to);
	c->y++;
}

int pl_finish(pl_canvas *c) {
	if (c->y != c->h)
		return PL_BROKEN;
	if (c->h != PL_GRID)
		for (int which = 0; which < 2; which++)
			for (int i = 0; i < PL_GRID * PL_GRID; i++)
				c->grid[which][i] = hash_clip(c->sums[which][i]);
	if (c->down.in == c->down.out) {
		c->small = c->middle;
		return PL_OK;
	}
	size_t bytes = (size_t)4 * c->out_w;
	if (!(c->small = malloc(bytes * c->out_h + 64)))
		return PL_NO_MEMORY;
	for (int i = 0; i < c->out_h; i++)
		down(c->middle + bytes * c->down.first[i], bytes, c->down.weight + (size_t)i * c->down.stride,
			c->down.count[i], c->down.shift, c->small + bytes * i);
	free(c->middle);
	c->middle = NULL;
	return PL_OK;
}

enum {
	HIDING = 200,    // the luma from which on white ground would hide a pixel
	DARK_SHARE = 200 // one in so many of what is visible must be darker
};

int pl_ground(uint8_t *p, size_t pixels, int transparent, int *spread) {
	int ground = 255;
	if (transparent) {
		int64_t light = 0, dark = 0, weight = 0;
		for (size_t i = 0; i < pixels; i++) {
			const uint8_t *q = p + 4 * i;
			int a = q[3], l = 299 * q[0] + 587 * q[1] + 114 * q[2]; // times alpha
			light += l;
			weight += a;
			if (l * 255LL < (int64_t)HIDING * 1000 * a)
				dark += a;
		}
		if (weight > 0 && light * 255 >= weight * HIDING * 1000 && dark * DARK_SHARE < weight)
			ground = 0;
		for (size_t i = 0; i < pixels; i++) {
			uint8_t *q = p + 4 * i;
			int see = ground ? 255 - q[3] : 0;
			for (int k = 0; k < 3; k++) // the filter may overshoot alpha
				q[k] = q[k] + see > 255 ? 255 : q[k] + see;
			q[3] = 255;
		}
	}
	uint64_t sum = 0, squares = 0;
	for (size_t i = 0; i < pixels; i++) {
		uint32_t l = luma(p[4 * i], p[4 * i + 1], p[4 * i + 2]);
		sum += l;
		squares += l * l;
	}
	double mean = pixels ? (double)sum / pixels : 0;
	double variance = pixels ? (double)squares / pixels - mean * mean : 0;
	*spread = variance > 0 ? (int)lrint(100 * sqrt(variance)) : 0;
	return ground;
}
