// bfloat16 is the upper half of a float.
INLINE float widen(uint16_t x) {
	union {
		uint32_t u;
		float f;
	} v = {.u = (uint32_t)x << 16};
	return v.f;
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
