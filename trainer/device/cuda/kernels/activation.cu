// GELU and QuickGELU by themselves, and what a product leaves of Linear's epilogue: bias,
// activation and residual in one pass. They cost their bytes; an element takes some 30
// operations. The passes after a product of bf16 are of the size of the result: 2 bytes
// read and 2 written an element, forward; 6 and 2 back, of a product that is in f32 and for a
// part still in L2.
#include "runs.h"

enum { NONE, GELU, QUICK_GELU };

// x*Phi(x), x*sigmoid(1.702x).
DEVICE float activated(float x, int activation) {
	if (activation == GELU) return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
	if (activation == QUICK_GELU) return x / (1.0f + expf(-1.702f * x));
	return x;
}
DEVICE float slope(float x, int activation) {
	if (activation == GELU) return 0.5f * (1.0f + erff(x * 0.70710678118654752f)) + x * expf(-0.5f * x * x) * 0.39894228040143268f;
	float s = 1.0f / (1.0f + expf(-1.702f * x));
	return s + 1.702f * x * s * (1.0f - s);
}

// i % cols, without the subroutine that 64 bits of it take.
DEVICE int column(long long i, int cols) {
	int c = (int)(i - (long long)((double)i / cols) * cols);
	return c < 0 ? c + cols : c >= cols ? c - cols : c;
}

// y = act(x + bias) + residual, and pre = x + bias. Pre, bias[cols] and residual may be absent;
// y may be x or residual, pre may be x.
template <class X, class Y> DEVICE void activate(Y *y, Y *pre, const X *x, const float *bias, const Y *residual, long long n, int cols, int activation) {
	bool lines = on_line(y) && on_line(pre) && on_line(x) && on_line(bias) && on_line(residual) && (!bias || cols % 8 == 0);
	each(n, lines, [&](long long i) {
		float v[8], w[8];
		load8(v, x + i);
		if (bias) {
			load8(w, bias + column(i, cols));
			for (int j = 0; j < 8; j++) v[j] += w[j];
		}
		if (pre) store8(pre + i, v);
		for (int j = 0; j < 8; j++) v[j] = activated(v[j], activation);
		if (residual) {
			load8(w, residual + i);
			for (int j = 0; j < 8; j++) v[j] += w[j];
		}
		store8(y + i, v); }, [&](long long i) {
		float v = wide(x[i]);
		if (bias) v += bias[column(i, cols)];
		if (pre) put(pre + i, v);
		v = activated(v, activation);
		if (residual) v += wide(residual[i]);
		put(y + i, v); });
}
#define ACTIVATE(S, T) \
	KERNEL(256, activate_##S, T *y, T *pre, const T *x, const float *bias, const T *residual, long long n, int cols, int activation) { activate(y, pre, x, bias, residual, n, cols, activation); }
FOR_TYPES(ACTIVATE)
KERNEL(256, activate_f32_to_bf16, bf16 *y, bf16 *pre, const float *x, const float *bias, const bf16 *residual, long long n, int cols, int activation) { activate(y, pre, x, bias, residual, n, cols, activation); }

// dx = dy*act'(x); dx may be dy.
template <class T, class D> DEVICE void activate_backward(T *dx, const D *dy, const T *x, long long n, int activation) {
	each(n, on_line(dx) && on_line(dy) && on_line(x), [&](long long i) {
		float v[8], w[8];
		load8(v, x + i);
		load8(w, dy + i);
		for (int j = 0; j < 8; j++) v[j] = w[j] * slope(v[j], activation);
		store8(dx + i, v); }, [&](long long i) { put(dx + i, wide(dy[i]) * slope(wide(x[i]), activation)); });
}
#define ACTIVATE_BACKWARD(S, T) \
	KERNEL(256, activate_backward_##S, T *dx, const T *dy, const T *x, long long n, int activation) { activate_backward(dx, dy, x, n, activation); }
FOR_TYPES(ACTIVATE_BACKWARD)
KERNEL(256, activate_backward_f32_to_bf16, bf16 *dx, const float *dy, const bf16 *x, long long n, int activation) { activate_backward(dx, dy, x, n, activation); }
