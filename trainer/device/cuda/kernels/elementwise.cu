// Fill, sum, blend, clamp, convert: each element by itself. They cost their bytes:
// as many elements read and written as the operation says, one to three operations each.
#include "runs.h"

template <class T> DEVICE void fill(T *x, long long n, float value) {
	float v[8];
	for (int j = 0; j < 8; j++) v[j] = value;
	each(n, on_line(x), [&](long long i) { store8(x + i, v); }, [&](long long i) { put(x + i, value); });
}
#define FILL(S, T) \
	KERNEL(256, fill_##S, T *x, long long n, float value) { fill(x, n, value); }
FOR_TYPES(FILL)

// y may be a or b.
template <class T> DEVICE void sum(T *y, const T *a, const T *b, long long n) {
	each(n, on_line(y) && on_line(a) && on_line(b), [&](long long i) {
		float v[8], w[8];
		load8(v, a + i);
		load8(w, b + i);
		for (int j = 0; j < 8; j++) v[j] += w[j];
		store8(y + i, v); }, [&](long long i) { put(y + i, wide(a[i]) + wide(b[i])); });
}
#define SUM(S, T) \
	KERNEL(256, sum_##S, T *y, const T *a, const T *b, long long n) { sum(y, a, b, n); }
FOR_TYPES(SUM)

template <class Y, class X> DEVICE void convert(Y *y, const X *x, long long n) {
	each(n, on_line(y) && on_line(x), [&](long long i) {
		float v[8];
		load8(v, x + i);
		store8(y + i, v); }, [&](long long i) { put(y + i, wide(x[i])); });
}
KERNEL(256, convert_to_f32, float *y, const bf16 *x, long long n) { convert(y, x, n); }
KERNEL(256, convert_to_bf16, bf16 *y, const float *x, long long n) { convert(y, x, n); }

KERNEL(256, blend, float *y, const float *x, long long n, float keep) {
	each(n, on_line(y) && on_line(x), [&](long long i) {
		float v[8], w[8];
		load8(v, y + i);
		load8(w, x + i);
		for (int j = 0; j < 8; j++) v[j] = keep * v[j] + (1 - keep) * w[j];
		store8(y + i, v); }, [&](long long i) { y[i] = keep * y[i] + (1 - keep) * x[i]; });
}

DEVICE float clamped(float x, float lo, float hi) { return x < lo ? lo : x > hi ? hi : x; }

KERNEL(256, clamp, float *x, long long n, float lo, float hi) {
	each(n, on_line(x), [&](long long i) {
		float v[8];
		load8(v, x + i);
		for (int j = 0; j < 8; j++) v[j] = clamped(v[j], lo, hi);
		store8(x + i, v); }, [&](long long i) { x[i] = clamped(x[i], lo, hi); });
}
