// bfloat16 is the upper half of a float.

typedef uint32_t unsigneds __attribute__((vector_size(LANES * 4)));
typedef uint16_t halves __attribute__((vector_size(LANES * 2), aligned(2), may_alias));

INLINE float widen(uint16_t x) {
	union {
		uint32_t u;
		float f;
	} v = {.u = (uint32_t)x << 16};
	return v.f;
}

INLINE lanes widen_lanes(const uint16_t *x) {
	return (lanes)(__builtin_convertvector(*(const halves *)x, unsigneds) << 16);
}

// narrow rounds to nearest, of two to the one whose last bit is 0. A NaN stays
// one. It is the same on every processor: AVX-512's own instruction takes
// numbers below the normal ones for 0.
INLINE uint16_t narrow(float x) {
	union {
		float f;
		uint32_t u;
	} v = {.f = x};
	v.u = x != x ? v.u | 0x400000 : v.u + 0x7fff + (v.u >> 16 & 1);
	return (uint16_t)(v.u >> 16);
}

static void KERNEL(round_bf16)(uint16_t *y, const float *x, int64_t n) {
#pragma omp parallel for simd schedule(static) if (n > 32768)
	for (int64_t i = 0; i < n; i++)
		y[i] = narrow(x[i]);
}

static void KERNEL(widen_bf16)(float *y, const uint16_t *x, int64_t n) {
#pragma omp parallel for simd schedule(static) if (n > 32768)
	for (int64_t i = 0; i < n; i++)
		y[i] = widen(x[i]);
}
