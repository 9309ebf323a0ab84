// Elements eight at a time, by 16 bytes.
#pragma once
#include "gpu.h"

DEVICE bool on_line(const void *p) { return ((size_t)p & 15) == 0; }

DEVICE void load8(float v[8], const float *p) {
	Run<float, 4> a = *(const Run<float, 4> *)p, b = *(const Run<float, 4> *)(p + 4);
	for (int j = 0; j < 4; j++) v[j] = a.at[j], v[j + 4] = b.at[j];
}
DEVICE void load8(float v[8], const bf16 *p) {
	Run<bf16, 8> a = *(const Run<bf16, 8> *)p;
	for (int j = 0; j < 8; j++) v[j] = wide(a.at[j]);
}
DEVICE void store8(float *p, const float v[8]) {
	Run<float, 4> a, b;
	for (int j = 0; j < 4; j++) a.at[j] = v[j], b.at[j] = v[j + 4];
	*(Run<float, 4> *)p = a;
	*(Run<float, 4> *)(p + 4) = b;
}
DEVICE void store8(bf16 *p, const float v[8]) {
	Run<bf16, 8> a;
	for (int j = 0; j < 8; j++) a.at[j] = narrow(v[j]);
	*(Run<bf16, 8> *)p = a;
}

// Calls eight(i) for each run of eight of n elements, unless lines is false, and one(i) for
// what is left.
template <class Eight, class One> DEVICE void each(long long n, bool lines, Eight eight, One one) {
	long long from = (long long)blockIdx.x * blockDim.x + threadIdx.x, step = (long long)gridDim.x * blockDim.x;
	long long runs = lines ? n / 8 : 0;
	for (long long i = from; i < runs; i += step) eight(8 * i);
	for (long long i = 8 * runs + from; i < n; i += step) one(i);
}
