// GELU and QuickGELU of one value, and their derivatives, in straight-line code
// that the compiler vectorises.

#include "normal.h"

INLINE float gelu_of(float x) {
	float e;
	return x * normal(x, &e);
}

INLINE float gelu_slope(float x) {
	float e, phi = normal(x, &e);
	return phi + x * e * 0.39894228040143268f;
}

INLINE float quick_gelu_of(float x) { return x / (1.0f + exp_lane(-1.702f * x)); }

INLINE float quick_gelu_slope(float x) {
	float s = 1.0f / (1.0f + exp_lane(-1.702f * x));
	return s + 1.702f * x * s * (1.0f - s);
}
