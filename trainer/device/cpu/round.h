#include "bfloat16.h"

typedef uint32_t unsigneds __attribute__((vector_size(LANES * 4)));
typedef uint16_t halves __attribute__((vector_size(LANES * 2), aligned(2), may_alias));

INLINE lanes widen_lanes(const uint16_t *x) {
	return (lanes)(__builtin_convertvector(*(const halves *)x, unsigneds) << 16);
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
