// exp_lane is e^x in straight-line code that the compiler vectorises: Cephes'
// reduction and polynomial, relative error below 2e-7. Arguments are limited to
// the range of normal floats; a NaN stays a NaN.
INLINE float exp_lane(float x) {
	x = x < -87.0f ? -87.0f : x;
	x = x > 88.0f ? 88.0f : x;
	// Adding 1.5*2^23 rounds to an integer, in the low bits of the sum.
	float shifted = x * 1.44269504088896341f + 12582912.0f;
	float n = shifted - 12582912.0f;
	float r = x - n * 0.693359375f;
	r = r + n * 2.12194440e-4f;
	float p = 1.9875691500e-4f;
	p = p * r + 1.3981999507e-3f;
	p = p * r + 8.3334519073e-3f;
	p = p * r + 4.1665795894e-2f;
	p = p * r + 1.6666665459e-1f;
	p = p * r + 5.0000001201e-1f;
	p = p * r * r + r + 1.0f;
	union {
		float f;
		int32_t i;
	} bits = {.f = shifted};
	bits.i = (bits.i << 23) + (127 << 23);
	return p * bits.f;
}
