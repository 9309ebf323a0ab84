// The norm of all gradients, and the update of all parameters; both flat, 16 bytes at a
// time.
//
// squared_norm: the sum of x's squares, in as many parts as the length says: four squares are
// added in float, all else in double. squared_norm_end adds the parts up. Reads x once, 2
// operations an element.
//
// adamw: reads param, grad, m and v and writes param, m and v, 28 bytes an element, for
// some 20 operations, a root and a division among them. The norm is read on the device, so
// that the queue goes on. For the 151 million parameters of ViT-B/32: 0.6 GB for the norm,
// 4.2 GB for the update.
#include "rows.h"

KERNEL(256, squared_norm, double *parts, const float *x, long long n) {
	SHARED(double, cells, 256);
	long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x, threads = (long long)gridDim.x * blockDim.x;
	long long runs = aligned<4>(x) ? n / 4 : 0;
	double sum = 0;
#pragma unroll 4
	for (long long i = thread; i < runs; i += threads) {
		float v[4];
		load(v, x + i * 4);
		sum += v[0] * v[0] + v[1] * v[1] + (v[2] * v[2] + v[3] * v[3]);
	}
	for (long long i = runs * 4 + thread; i < n; i += threads) sum += x[i] * x[i];
	sum = block_total(sum, cells);
	if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

KERNEL(256, squared_norm_end, float *out, const double *parts, int count) {
	SHARED(double, cells, 256);
	double sum = 0;
	for (int i = (int)threadIdx.x; i < count; i += (int)blockDim.x) sum += parts[i];
	sum = block_total(sum, cells);
	if (threadIdx.x == 0) *out = (float)sum;
}

struct Update {
	float scale, rate, beta1, beta2, rest1, rest2, epsilon, decay, inverse1, inverse2;
	DEVICE_MEMBER void apply(float &p, float g, float &m, float &v) const {
		g *= scale;
		m = beta1 * m + rest1 * g;
		v = beta2 * v + rest2 * g * g;
		p -= rate * (decay * p + m * inverse1 / (sqrtf(v * inverse2) + epsilon));
	}
};

KERNEL(256, adamw, float *param, const float *grad, float *m, float *v, const float *norm2, long long n, float rate, float beta1, float beta2, float epsilon, float decay, float clip, float limit, float correct1, float correct2) {
	float squares = *norm2;
	// Infinite, or not a number.
	if (!(squares <= 3.402823466e38f) || (limit > 0 && squares > limit)) return;
	float norm = sqrtf(squares);
	Update u = {clip > 0 && norm > clip ? clip / norm : 1.0f, rate, beta1, beta2, 1.0f - beta1, 1.0f - beta2, epsilon, decay, 1.0f / correct1, 1.0f / correct2};
	long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x, threads = (long long)gridDim.x * blockDim.x;
	long long runs = aligned<4>(param) && aligned<4>(grad) && aligned<4>(m) && aligned<4>(v) ? n / 4 : 0;
	for (long long i = thread; i < runs; i += threads) {
		float ps[4], gs[4], ms[4], vs[4];
		load(ps, param + i * 4);
		load(gs, grad + i * 4);
		load(ms, m + i * 4);
		load(vs, v + i * 4);
#pragma unroll
		for (int j = 0; j < 4; j++) u.apply(ps[j], gs[j], ms[j], vs[j]);
		store(m + i * 4, ms);
		store(v + i * 4, vs);
		store(param + i * 4, ps);
	}
	for (long long i = runs * 4 + thread; i < n; i += threads) u.apply(param[i], grad[i], m[i], v[i]);
}
