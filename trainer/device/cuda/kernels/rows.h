// Runs of elements between memory and registers, as float, and how a warp shares the
// columns of a row: 16 bytes a lane where addresses and widths allow, else one element.
#pragma once
#include "gpu.h"

// The number of T in 16 bytes.
template <class T> constexpr int run_of = 16 / (int)sizeof(T);

// Whether p is a multiple of the size of N elements, as far as one access goes.
template <int N, class T> DEVICE bool aligned(const T *p) {
	return ((unsigned long long)p & (sizeof(T) * N < 16 ? sizeof(T) * N - 1 : 15)) == 0;
}

template <int N, class T> DEVICE void load(float (&x)[N], const T *p) {
	constexpr int n = N < run_of<T> ? N : run_of<T>;
#pragma unroll
	for (int i = 0; i < N; i += n) {
		Run<T, n> r = *(const Run<T, n> *)(p + i);
#pragma unroll
		for (int j = 0; j < n; j++) x[i + j] = wide(r.at[j]);
	}
}

// N elements kept in registers as they are.
template <class T, int N> struct Held {
	static constexpr int n = N < run_of<T> ? N : run_of<T>;
	Run<T, n> run[N / n];
	DEVICE_MEMBER void load(const T *p) {
#pragma unroll
		for (int i = 0; i < N / n; i++) run[i] = *(const Run<T, n> *)(p + i * n);
	}
	DEVICE_MEMBER float operator[](int i) const { return wide(run[i / n].at[i % n]); }
};

template <int N> DEVICE void store(float *p, const float (&x)[N]) {
	constexpr int n = N < 4 ? N : 4;
#pragma unroll
	for (int i = 0; i < N; i += n) {
		Run<float, n> r;
#pragma unroll
		for (int j = 0; j < n; j++) r.at[j] = x[i + j];
		*(Run<float, n> *)(p + i) = r;
	}
}

template <int N> DEVICE void store(bf16 *p, const float (&x)[N]) {
	constexpr int n = N < 8 ? N : 8;
	if constexpr (n == 1) {
		*p = narrow(x[0]);
	} else {
#pragma unroll
		for (int i = 0; i < N; i += n) {
			Run<uint32, n / 2> r;
#pragma unroll
			for (int j = 0; j < n; j += 2) r.at[j / 2] = pack(x[i + j], x[i + j + 1]);
			*(Run<uint32, n / 2> *)(p + i) = r;
		}
	}
}

// A warp's strip of a row, and the runs of it that are the lane's: N columns from
// column_of(strip, i), for i below STRIP / 32 / N.
constexpr int STRIP = 256;
template <int N> DEVICE int column_of(int strip, int i) { return strip * STRIP + (i * 32 + lane()) * N; }

// The sum over a block's threads, a power of two of them, on each; cells is shared
// memory for as many numbers. For sums over a whole tensor.
DEVICE double block_total(double x, double *cells) {
	cells[threadIdx.x] = x;
	block_barrier();
	for (int half = (int)blockDim.x / 2; half > 0; half /= 2) {
		if ((int)threadIdx.x < half) cells[threadIdx.x] += cells[threadIdx.x + half];
		block_barrier();
	}
	double all = cells[0];
	block_barrier();
	return all;
}
