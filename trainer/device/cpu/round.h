// round_bf16 rounds float32 to the upper 16 bits, to nearest, ties to even. A
// NaN stays one.
static void KERNEL(round_bf16)(uint16_t *y, const float *x, int64_t n) {
#pragma omp parallel for simd schedule(static) if (n > 32768)
	for (int64_t i = 0; i < n; i++) {
		union {
			float f;
			uint32_t u;
		} v = {.f = x[i]};
		uint32_t rounded = (v.u + 0x7fff + (v.u >> 16 & 1)) >> 16;
		y[i] = (uint16_t)(x[i] != x[i] ? v.u >> 16 | 0x40 : rounded);
	}
}
