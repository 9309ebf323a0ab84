#include "canvas.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

// The filters of PNG (ISO/IEC 15948, 9). A row is undone in place; prior is the row
// above, already undone, or zeros.

static inline int paeth(int a, int b, int c) {
	int pa = b - c, pb = a - c, pc = pa + pb;
	pa = pa < 0 ? -pa : pa;
	pb = pb < 0 ? -pb : pb;
	pc = pc < 0 ? -pc : pc;
	return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

#ifdef __SSE2__
// Pixels of 3 and 4 bytes are the common ones; a register holds one of them. Of 3 bytes
// the fourth is the next pixel's first: read and dropped. The buffer has room behind.
static inline __m128i load4(const uint8_t *p) {
	int32_t v;
	memcpy(&v, p, 4);
	return _mm_cvtsi32_si128(v);
}

static inline void store(uint8_t *p, __m128i v, int bpp) {
	int32_t x = _mm_cvtsi128_si32(v);
	if (bpp == 4)
		memcpy(p, &x, 4);
	else
		memcpy(p, &x, 3);
}

static inline void sub_pixels(uint8_t *row, size_t n, int bpp) {
	__m128i a = _mm_setzero_si128();
	for (size_t i = 0; i + bpp <= n; i += bpp) {
		a = _mm_add_epi8(a, load4(row + i));
		store(row + i, a, bpp);
	}
}

static inline void average_pixels(uint8_t *row, const uint8_t *prior, size_t n, int bpp) {
	const __m128i one = _mm_set1_epi8(1);
	__m128i a = _mm_setzero_si128();
	for (size_t i = 0; i + bpp <= n; i += bpp) {
		__m128i b = load4(prior + i);
		// avg rounds up; the filter rounds down.
		__m128i mean = _mm_sub_epi8(_mm_avg_epu8(a, b), _mm_and_si128(_mm_xor_si128(a, b), one));
		a = _mm_add_epi8(mean, load4(row + i));
		store(row + i, a, bpp);
	}
}

static inline __m128i magnitude(__m128i v) {
	__m128i s = _mm_srai_epi16(v, 15);
	return _mm_sub_epi16(_mm_xor_si128(v, s), s);
}

static inline __m128i choose(__m128i mask, __m128i yes, __m128i no) {
	return _mm_or_si128(_mm_and_si128(mask, yes), _mm_andnot_si128(mask, no));
}

static inline void paeth_pixels(uint8_t *row, const uint8_t *prior, size_t n, int bpp) {
	const __m128i zero = _mm_setzero_si128();
	__m128i a = zero, c = zero;
	for (size_t i = 0; i + bpp <= n; i += bpp) {
		__m128i b = _mm_unpacklo_epi8(load4(prior + i), zero);
		__m128i x = _mm_unpacklo_epi8(load4(row + i), zero);
		__m128i pa = _mm_sub_epi16(b, c), pb = _mm_sub_epi16(a, c);
		__m128i pc = magnitude(_mm_add_epi16(pa, pb));
		pa = magnitude(pa);
		pb = magnitude(pb);
		__m128i least = _mm_min_epi16(pc, _mm_min_epi16(pa, pb));
		__m128i near = choose(_mm_cmpeq_epi16(least, pa), a, choose(_mm_cmpeq_epi16(least, pb), b, c));
		a = _mm_and_si128(_mm_add_epi16(near, x), _mm_set1_epi16(0xff));
		c = b;
		store(row + i, _mm_packus_epi16(a, a), bpp);
	}
}
#endif

static int undo(uint8_t *row, const uint8_t *prior, size_t n, int bpp) {
	int kind = row[-1];
	switch (kind) {
	case 0:
		return 1;
	case 1:
#ifdef __SSE2__
		if (bpp == 4 || bpp == 3) {
			bpp == 4 ? sub_pixels(row, n, 4) : sub_pixels(row, n, 3);
			return 1;
		}
#endif
		for (size_t i = bpp; i < n; i++)
			row[i] += row[i - bpp];
		return 1;
	case 2:
		for (size_t i = 0; i < n; i++)
			row[i] += prior[i];
		return 1;
	case 3:
#ifdef __SSE2__
		if (bpp == 4 || bpp == 3) {
			bpp == 4 ? average_pixels(row, prior, n, 4) : average_pixels(row, prior, n, 3);
			return 1;
		}
#endif
		for (size_t i = 0; i < n; i++)
			row[i] += ((i < (size_t)bpp ? 0 : row[i - bpp]) + prior[i]) / 2;
		return 1;
	case 4:
#ifdef __SSE2__
		if (bpp == 4 || bpp == 3) {
			bpp == 4 ? paeth_pixels(row, prior, n, 4) : paeth_pixels(row, prior, n, 3);
			return 1;
		}
#endif
		for (size_t i = 0; i < n; i++)
			row[i] += i < (size_t)bpp ? paeth(0, prior[i], 0) : paeth(row[i - bpp], prior[i], prior[i - bpp]);
		return 1;
	}
	return 0;
}

static inline void put(uint8_t *out, int r, int g, int b, int a) {
	out[0] = r;
	out[1] = g;
	out[2] = b;
	out[3] = a;
}

// expand writes one row as RGBA of 8 bits. Of 16 bits the high byte is kept.
static void expand(const uint8_t *row, const pl_png_header *p, const uint8_t *palette, uint8_t *out) {
	int w = p->w, wide = p->depth == 16 ? 2 : 1;
	switch (p->type) {
	case 0:
	case 3: {
		int most = (1 << p->depth) - 1;
		for (int x = 0; x < w; x++, out += 4) {
			int v;
			if (p->depth >= 8)
				v = row[(size_t)x * wide];
			else {
				size_t bit = (size_t)x * p->depth;
				v = row[bit / 8] >> (8 - p->depth - bit % 8) & most;
			}
			if (p->type == 3) {
				memcpy(out, palette + 4 * v, 4);
				continue;
			}
			int whole = p->depth == 16 ? v << 8 | row[2 * (size_t)x + 1] : v;
			if (p->depth < 8)
				v = v * 255 / most;
			put(out, v, v, v, p->has_key && whole == p->key[0] ? 0 : 255);
		}
		return;
	}
	case 2:
		if (!p->has_key && wide == 1) {
			for (int x = 0; x < w; x++, row += 3, out += 4)
				put(out, row[0], row[1], row[2], 255);
			return;
		}
		for (int x = 0; x < w; x++, row += 3 * wide, out += 4) {
			int see = p->has_key;
			for (int k = 0; k < 3; k++)
				see = see && (wide == 1 ? row[k] : row[2 * k] << 8 | row[2 * k + 1]) == p->key[k];
			put(out, row[0], row[wide], row[2 * wide], see ? 0 : 255);
		}
		return;
	case 4:
		for (int x = 0; x < w; x++, row += 2 * wide, out += 4)
			put(out, row[0], row[0], row[0], row[wide]);
		return;
	case 6:
		if (wide == 1) {
			memcpy(out, row, (size_t)4 * w);
			return;
		}
		for (int x = 0; x < w; x++, row += 8, out += 4)
			put(out, row[0], row[2], row[4], row[6]);
	}
}

int pl_png_read(const uint8_t *data, const int64_t *spans, int n, const pl_png_header *p, const uint8_t *palette,
	pl_canvas *c) {
	static const int channels[] = {1, 0, 3, 1, 2, 0, 4};
	size_t bits = (size_t)channels[p->type] * p->depth, bytes = (bits * p->w + 7) / 8, whole = (bytes + 1) * p->h;
	int bpp = bits < 8 ? 1 : bits / 8, status = PL_NO_MEMORY;
	size_t packed = 0;
	for (int i = 0; i < n; i++)
		packed += spans[2 * i + 1];
	uint8_t *joined = NULL, *zeros = calloc(1, bytes + 8), *line = malloc((size_t)4 * p->w);
	uint8_t *raw = malloc(whole + 8); // and room for a load past the end
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	const uint8_t *in = data + (n > 0 ? spans[0] : 0);
	if (n > 1 && (joined = malloc(packed))) {
		size_t at = 0;
		for (int i = 0; i < n; i++) {
			memcpy(joined + at, data + spans[2 * i], spans[2 * i + 1]);
			at += spans[2 * i + 1];
		}
		in = joined;
	}
	if (zeros && line && raw && d && in && (n < 2 || joined)) {
		status = PL_BROKEN;
		if (libdeflate_zlib_decompress(d, in, packed, raw, whole, NULL) == LIBDEFLATE_SUCCESS) {
			memset(raw + whole, 0, 8);
			status = PL_OK;
			const uint8_t *prior = zeros;
			for (int y = 0; y < p->h && status == PL_OK; y++) {
				uint8_t *row = raw + (bytes + 1) * y + 1;
				if (!undo(row, prior, bytes, bpp))
					status = PL_BROKEN;
				else if (p->type == 6 && p->depth == 8)
					pl_row(c, row);
				else {
					expand(row, p, palette, line);
					pl_row(c, line);
				}
				prior = row;
			}
		}
	}
	libdeflate_free_decompressor(d);
	free(raw);
	free(joined);
	free(zeros);
	free(line);
	return status;
}
