// Bias and its gradient.
//
// bias: y[rows,cols] += bias. Reads and writes y once, one addition an element; a
// thread keeps its columns' bias for all its rows.
//
// bias_backward: dbias += the sum of dy's rows, in two passes (columns.h). Reads dy
// once, one addition an element.
#include "columns.h"

// One warp a strip of 256 columns, blockIdx.x; rows go over the warps of blockIdx.y.
template <int N, class T> DEVICE void bias(T *y, const float *bias, int rows, int cols) {
	constexpr int n = STRIP / 32 / N;
	float b[n][N];
#pragma unroll
	for (int i = 0; i < n; i++) {
		int c = column_of<N>((int)blockIdx.x, i);
		if (c < cols) load(b[i], bias + c);
	}
	int warps = (int)blockDim.x / 32;
	for (int row = (int)blockIdx.y * warps + warp(); row < rows; row += (int)gridDim.y * warps) {
		T *to = y + (long long)row * cols;
#pragma unroll
		for (int i = 0; i < n; i++) {
			int c = column_of<N>((int)blockIdx.x, i);
			if (c >= cols) continue;
			float x[N];
			load(x, to + c);
#pragma unroll
			for (int j = 0; j < N; j++) x[j] += b[i][j];
			store(to + c, x);
		}
	}
}
#define BIAS(S, T) \
	KERNEL(256, bias_##S, T *y, const float *b, int rows, int cols) { \
		constexpr int N = run_of<T>; \
		if (cols % N == 0 && aligned<N>(y) && aligned<N>(b)) \
			bias<N>(y, b, rows, cols); \
		else \
			bias<1>(y, b, rows, cols); \
	}
FOR_TYPES(BIAS)

template <class T> struct Elements {
	const T *x;
	int cols;
	template <int N> DEVICE_MEMBER void add(float (&sums)[1][N], int row, int column) const {
		float v[N];
		load(v, x + (long long)row * cols + column);
#pragma unroll
		for (int j = 0; j < N; j++) sums[0][j] += v[j];
	}
};

#define BIAS_BACKWARD(S, T) \
	KERNEL(256, bias_backward_##S, float *parts, const T *dy, int rows, int cols, int chunk) { \
		SHARED(float, cells, COLUMN_WARPS *COLUMN_STRIP); \
		column_parts<1>(parts, rows, cols, chunk, cols % 4 == 0 && aligned<4>(dy), Elements<T>{dy, cols}, cells); \
	}
FOR_TYPES(BIAS_BACKWARD)
