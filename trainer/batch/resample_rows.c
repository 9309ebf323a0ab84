#include "resample_rows.h"

#include <stdlib.h>
#include <string.h>

#include "resample.h"

// A sum of weighted samples starts at half of the last place that is kept. All levels
// compute it modulo 2^32, in which it fits: that is why they agree to the bit.
enum { HALF = 1 << (BATCH_BITS - 1) };

static uint8_t sample(int32_t sum) {
	sum >>= BATCH_BITS;
	return sum < 0 ? 0 : sum > 255 ? 255 : sum;
}

static void across_plain(const batch_kernel *k, const uint8_t *from, uint8_t *to) {
	int taps = 4 * k->groups;
	for (int i = 0; i < k->out; i++) {
		const int32_t *w = k->weights + (size_t)i * taps;
		const uint8_t *p = from + (ptrdiff_t)3 * k->first[i];
		int32_t r = HALF, g = HALF, b = HALF;
		for (int t = 0; t < taps; t++, p += 3) {
			r += w[t] * p[0];
			g += w[t] * p[1];
			b += w[t] * p[2];
		}
		to[3 * i] = sample(r);
		to[3 * i + 1] = sample(g);
		to[3 * i + 2] = sample(b);
	}
}

// down_plain makes bytes at to size of one row of n weighted rows.
static void down_plain(const int32_t *w, const uint8_t *const *rows, int n, size_t at, size_t size, uint8_t *to) {
	for (; at < size; at++) {
		int32_t sum = HALF;
		for (int t = 0; t < n; t++)
			sum += w[t] * rows[t][at];
		to[at] = sample(sum);
	}
}

#if defined(__x86_64__)
#include <immintrin.h>

int batch_levels(void) {
	__builtin_cpu_init();
	int levels = 1 << BATCH_PLAIN;
	if (__builtin_cpu_supports("avx2"))
		levels |= 1 << BATCH_AVX2;
	if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
		__builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni"))
		levels |= 1 << BATCH_AVX512;
	return levels;
}

// With AVX2 a weight is two words, high * 2^15 + low, whose products are summed in pairs.
// Two outputs share a register, and four weights of both are 4 times 32 bytes: low and
// high of the first two, low and high of the others, each pair once for every colour.
static void pack_avx2(batch_kernel *k) {
	int16_t *to = (int16_t *)k->packed;
	int taps = 4 * k->groups, padded = (k->out + 3) & ~3;
	for (int i = 0; i < padded; i += 2)
		for (int g = 0; g < taps; g += 4)
			for (int part = 0; part < 4; part++)
				for (int lane = 0; lane < 2; lane++) {
					const int32_t *w = k->weights + (size_t)(i + lane) * taps + g + (part & 2);
					for (int c = 0; c < 4; c++)
						for (int t = 0; t < 2; t++)
							*to++ = part & 1 ? w[t] >> 15 : w[t] & 0x7fff;
				}
}

__attribute__((target("avx2"))) static void across_avx2(const batch_kernel *k, const uint8_t *from, uint8_t *to) {
	// of four pixels of three bytes: the first two of each colour as words, the others
	const __m256i left = _mm256_broadcastsi128_si256(
		_mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
	const __m256i right = _mm256_broadcastsi128_si256(
		_mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
	const __m128i tight = _mm_setr_epi8(0, 1, 2, 8, 9, 10, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
	const __m256i *w = (const __m256i *)k->packed;
	for (int i = 0; i < k->out; i += 2) {
		const uint8_t *a = from + (ptrdiff_t)3 * k->first[i], *b = from + (ptrdiff_t)3 * k->first[i + 1];
		__m256i low = _mm256_set1_epi32(HALF), high = _mm256_setzero_si256();
		for (int g = 0; g < k->groups; g++, w += 4) {
			__m256i v = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(a + 12 * g))),
				_mm_loadu_si128((const __m128i *)(b + 12 * g)), 1);
			__m256i l = _mm256_shuffle_epi8(v, left), r = _mm256_shuffle_epi8(v, right);
			low = _mm256_add_epi32(low, _mm256_add_epi32(_mm256_madd_epi16(l, w[0]), _mm256_madd_epi16(r, w[2])));
			high = _mm256_add_epi32(high, _mm256_add_epi32(_mm256_madd_epi16(l, w[1]), _mm256_madd_epi16(r, w[3])));
		}
		__m256i sum = _mm256_srai_epi32(_mm256_add_epi32(low, _mm256_slli_epi32(high, 15)), BATCH_BITS);
		sum = _mm256_packus_epi16(_mm256_packs_epi32(sum, sum), sum);
		__m128i both = _mm_unpacklo_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
		_mm_storel_epi64((__m128i *)(to + 3 * i), _mm_shuffle_epi8(both, tight));
	}
}

__attribute__((target("avx2"))) static size_t down_avx2(const int32_t *w, const uint8_t *const *rows, int n, size_t size, uint8_t *to) {
	const __m256i zero = _mm256_setzero_si256(), half = _mm256_set1_epi32(HALF);
	size_t at = 0;
	for (; at + 32 <= size; at += 32) {
		__m256i low[4] = {half, half, half, half}, high[4] = {zero, zero, zero, zero};
		for (int t = 0; t < n; t += 2) {
			__m256i a = _mm256_loadu_si256((const __m256i *)(rows[t] + at)), b = _mm256_loadu_si256((const __m256i *)(rows[t + 1] + at));
			__m256i l = _mm256_set1_epi32((w[t] & 0x7fff) | (int32_t)((uint32_t)(w[t + 1] & 0x7fff) << 16));
			__m256i h = _mm256_set1_epi32(((w[t] >> 15) & 0xffff) | (int32_t)((uint32_t)(w[t + 1] >> 15) << 16));
			__m256i front = _mm256_unpacklo_epi8(a, b), back = _mm256_unpackhi_epi8(a, b);
			__m256i v[4] = {_mm256_unpacklo_epi8(front, zero), _mm256_unpackhi_epi8(front, zero),
				_mm256_unpacklo_epi8(back, zero), _mm256_unpackhi_epi8(back, zero)};
			for (int i = 0; i < 4; i++) {
				low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(v[i], l));
				high[i] = _mm256_add_epi32(high[i], _mm256_madd_epi16(v[i], h));
			}
		}
		for (int i = 0; i < 4; i++)
			low[i] = _mm256_srai_epi32(_mm256_add_epi32(low[i], _mm256_slli_epi32(high[i], 15)), BATCH_BITS);
		_mm256_storeu_si256((__m256i *)(to + at),
			_mm256_packus_epi16(_mm256_packs_epi32(low[0], low[1]), _mm256_packs_epi32(low[2], low[3])));
	}
	return at;
}

// With AVX-512 a weight is three signed bytes, c2 * 2^16 + c1 * 2^8 + c0, whose products
// with four samples are summed at once. parts makes four weights three words of those.
static void parts(const int32_t *w, uint32_t c[3]) {
	c[0] = c[1] = c[2] = 0;
	for (int t = 0; t < 4; t++) {
		int32_t v = w[t];
		for (int part = 0; part < 3; part++) {
			int8_t low = (int8_t)v;
			c[part] |= (uint32_t)(uint8_t)low << (8 * t);
			v = (v - low) >> 8;
		}
	}
}

// Sixteen samples share a register: sample j is colour j % 3 of output j / 3. For each four
// weights that is 3 times 64 bytes, after 64 bytes that say where in the bytes from the
// first of the samples on their four pixels lie. reach is how many bytes these are.
enum { PACK = 16 };

static int reach(const batch_kernel *k) {
	int most = 0;
	for (int j = 0; j < 3 * k->out; j += PACK) {
		int last = j + PACK - 1 < 3 * k->out ? j + PACK - 1 : 3 * k->out - 1;
		int bytes = 3 * (k->first[last / 3] - k->first[j / 3]) + 12;
		most = bytes > most ? bytes : most;
	}
	return most;
}

static void pack_avx512(batch_kernel *k) {
	int taps = 4 * k->groups;
	uint32_t *to = (uint32_t *)k->packed;
	for (int j = 0; j < 3 * k->out; j += PACK, to += 16 + 48 * k->groups)
		for (int lane = 0; lane < PACK; lane++) {
			int i = (j + lane) / 3;
			i = i < k->out ? i : k->out - 1;
			to[lane] = (3 * (k->first[i] - k->first[j / 3]) + (j + lane) % 3) * 0x01010101u + 0x09060300u;
			for (int g = 0; g < k->groups; g++) {
				uint32_t c[3];
				parts(k->weights + (size_t)i * taps + 4 * g, c);
				for (int part = 0; part < 3; part++)
					to[16 + 48 * g + 16 * part + lane] = c[part];
			}
		}
}

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vnni")))

AVX512 static inline __m512i finish(__m512i c0, __m512i c1, __m512i c2) {
	c0 = _mm512_add_epi32(c0, _mm512_add_epi32(_mm512_slli_epi32(c1, 8), _mm512_slli_epi32(c2, 16)));
	return _mm512_srai_epi32(c0, BATCH_BITS);
}

// pick gathers bytes out of the 64 at p, or out of twice as many.
AVX512 static inline __m512i pick(const uint8_t *p, __m512i where, int twice) {
	if (!twice)
		return _mm512_permutexvar_epi8(where, _mm512_loadu_si512(p));
	return _mm512_permutex2var_epi8(_mm512_loadu_si512(p), where, _mm512_loadu_si512(p + 64));
}

// across_avx512 makes two rows at once, which share the weights.
AVX512 static inline __attribute__((always_inline)) void across_avx512(const batch_kernel *k, const uint8_t *from,
	const uint8_t *also, uint8_t *to, uint8_t *too, int twice) {
	const __m512i *w = (const __m512i *)k->packed;
	const __m512i zero = _mm512_setzero_si512();
	for (int j = 0; j < 3 * k->out; j += PACK) {
		const uint8_t *p = from + (ptrdiff_t)3 * k->first[j / 3], *q = also + (ptrdiff_t)3 * k->first[j / 3];
		const __m512i where = *w++;
		__m512i a0 = _mm512_set1_epi32(HALF), a1 = zero, a2 = zero, b0 = a0, b1 = zero, b2 = zero;
		for (int g = 0; g < 12 * k->groups; g += 12, w += 3) {
			__m512i a = pick(p + g, where, twice), b = pick(q + g, where, twice);
			a0 = _mm512_dpbusd_epi32(a0, a, w[0]);
			b0 = _mm512_dpbusd_epi32(b0, b, w[0]);
			a1 = _mm512_dpbusd_epi32(a1, a, w[1]);
			b1 = _mm512_dpbusd_epi32(b1, b, w[1]);
			a2 = _mm512_dpbusd_epi32(a2, a, w[2]);
			b2 = _mm512_dpbusd_epi32(b2, b, w[2]);
		}
		_mm_storeu_si128((__m128i *)(to + j), _mm512_cvtusepi32_epi8(_mm512_max_epi32(finish(a0, a1, a2), zero)));
		_mm_storeu_si128((__m128i *)(too + j), _mm512_cvtusepi32_epi8(_mm512_max_epi32(finish(b0, b1, b2), zero)));
	}
}

AVX512 static void across_near(const batch_kernel *k, const uint8_t *from, const uint8_t *also, uint8_t *to, uint8_t *too) {
	across_avx512(k, from, also, to, too, 0);
}

AVX512 static void across_far(const batch_kernel *k, const uint8_t *from, const uint8_t *also, uint8_t *to, uint8_t *too) {
	across_avx512(k, from, also, to, too, 1);
}

AVX512 static void down_avx512(const int32_t *w, const uint8_t *const *rows, int n, size_t size, uint8_t *to) {
	const __m512i zero = _mm512_setzero_si512(), half = _mm512_set1_epi32(HALF);
	for (size_t at = 0; at < size; at += 64) {
		__m512i c0[4] = {half, half, half, half}, c1[4] = {zero, zero, zero, zero}, c2[4] = {zero, zero, zero, zero};
		for (int t = 0; t < n; t += 4) {
			uint32_t c[3];
			parts(w + t, c);
			__m512i w0 = _mm512_set1_epi32(c[0]), w1 = _mm512_set1_epi32(c[1]), w2 = _mm512_set1_epi32(c[2]);
			__m512i a = _mm512_loadu_si512(rows[t] + at), b = _mm512_loadu_si512(rows[t + 1] + at);
			__m512i d = _mm512_loadu_si512(rows[t + 2] + at), e = _mm512_loadu_si512(rows[t + 3] + at);
			__m512i ab = _mm512_unpacklo_epi8(a, b), de = _mm512_unpacklo_epi8(d, e);
			__m512i ab2 = _mm512_unpackhi_epi8(a, b), de2 = _mm512_unpackhi_epi8(d, e);
			__m512i v[4] = {_mm512_unpacklo_epi16(ab, de), _mm512_unpackhi_epi16(ab, de),
				_mm512_unpacklo_epi16(ab2, de2), _mm512_unpackhi_epi16(ab2, de2)};
			for (int i = 0; i < 4; i++) {
				c0[i] = _mm512_dpbusd_epi32(c0[i], v[i], w0);
				c1[i] = _mm512_dpbusd_epi32(c1[i], v[i], w1);
				c2[i] = _mm512_dpbusd_epi32(c2[i], v[i], w2);
			}
		}
		__m512i front = _mm512_packs_epi32(finish(c0[0], c1[0], c2[0]), finish(c0[1], c1[1], c2[1]));
		__m512i back = _mm512_packs_epi32(finish(c0[2], c1[2], c2[2]), finish(c0[3], c1[3], c2[3]));
		__mmask64 in = size - at >= 64 ? ~0ULL : (1ULL << (size - at)) - 1;
		_mm512_mask_storeu_epi8(to + at, in, _mm512_packus_epi16(front, back));
	}
}

#else
int batch_levels(void) { return 1 << BATCH_PLAIN; }
#endif

int batch_pack(batch_kernel *k, int level) {
	k->level = level;
#if defined(__x86_64__)
	int bytes = reach(k);
	k->far = bytes > 64;
	if (k->level == BATCH_AVX512 && bytes > 128)
		k->level = BATCH_AVX2; // scaled down by so much that it costs little beside the decoding
	size_t size = (size_t)(k->out + 3) * k->groups * 64;
	if (k->level == BATCH_AVX512)
		size = (size_t)(3 * k->out + PACK - 1) / PACK * (1 + 3 * k->groups) * 64;
	if (k->packed_size < size) {
		free(k->packed);
		k->packed_size = 0;
		if (!(k->packed = aligned_alloc(64, size)))
			return 0;
		k->packed_size = size;
	}
	if (k->level == BATCH_AVX512)
		pack_avx512(k);
	else if (k->level == BATCH_AVX2)
		pack_avx2(k);
#endif
	return 1;
}

void batch_across(const batch_kernel *k, const uint8_t *from, size_t stride, int rows, uint8_t *to, size_t wide) {
	for (int i = 0; i < rows; i++, from += stride, to += wide) {
#if defined(__x86_64__)
		if (k->level == BATCH_AVX512) {
			int last = i + 1 == rows;
			(k->far ? across_far : across_near)(k, from, last ? from : from + stride, to, last ? to : to + wide);
			if (!last)
				i++, from += stride, to += wide;
			continue;
		}
		if (k->level == BATCH_AVX2) {
			across_avx2(k, from, to);
			continue;
		}
#endif
		across_plain(k, from, to);
	}
}

void batch_down(const batch_kernel *k, int level, const uint8_t *from, size_t wide, int rows, size_t size, uint8_t *to,
	size_t to_wide, const uint8_t **list) {
	int taps = 4 * k->groups;
	for (int i = 0; i < k->out; i++, to += to_wide) {
		const int32_t *w = k->weights + (size_t)i * taps;
		for (int t = 0; t < taps; t++) { // rows that there are not have the weight 0
			int row = k->first[i] + t;
			list[t] = from + wide * (row < rows ? row : rows - 1);
		}
		size_t at = 0;
#if defined(__x86_64__)
		if (level == BATCH_AVX512) {
			down_avx512(w, list, taps, size, to);
			continue;
		}
		if (level == BATCH_AVX2)
			at = down_avx2(w, list, taps, size, to);
#endif
		down_plain(w, list, taps, at, size, to);
	}
}
