// Pictures as they were decoded, to what a model reads: out[batch,3,side,side] =
// (x/255 - mean)/deviation of pictures[batch,side,side,3], the channels apart. A block
// computes the 256 values of each channel once, with division rounded as IEEE 754 says,
// and looks them up: 3 lookups in shared memory a pixel, no arithmetic. Reads 3 bytes a
// pixel, writes 3 T: 462 MB for 1,024 pictures of 224 pixels in bf16.
#include "rows.h"

// N pixels a thread and turn, each turn of a block next to the one before; of a picture of
// count pixels. Where runs is set, N is that of 16 bytes: count and addresses allow it.
template <int N, class T> DEVICE void pixels(T *out, const unsigned char *pictures, int batch, int count, const T *table) {
	constexpr int TURNS = 4;
	int block = (int)blockDim.x * N * TURNS, blocks = (count + block - 1) / block;
	long long picture = (long long)blockIdx.x / blocks;
	int first = (int)(blockIdx.x % blocks) * block;
	T *to = out + picture * 3 * count;
	const unsigned char *from = pictures + picture * 3 * count;
#pragma unroll
	for (int t = 0; t < TURNS; t++) {
		int at = first + (t * (int)blockDim.x + (int)threadIdx.x) * N;
		if (at >= count) continue;
		Run<unsigned char, N % 4 ? 1 : N> in[3];
		if (N == 1) {
			for (int c = 0; c < 3; c++) in[c].at[0] = from[3 * at + c];
		} else {
#pragma unroll
			for (int c = 0; c < 3; c++) in[c] = *(const Run<unsigned char, N % 4 ? 1 : N> *)(from + 3 * at + c * N);
		}
#pragma unroll
		for (int c = 0; c < 3; c++) {
			Run<T, N> run;
#pragma unroll
			for (int i = 0; i < N; i++) run.at[i] = table[c * 256 + in[(3 * i + c) / N].at[(3 * i + c) % N]];
			*(Run<T, N> *)(to + (long long)c * count + at) = run;
		}
	}
}

#define PIXELS(S, T) \
	KERNEL(256, pixels_##S, T *out, const unsigned char *pictures, int batch, int count, float mean0, float mean1, float mean2, float deviation0, float deviation1, float deviation2, int runs) { \
		SHARED(T, table, 3 * 256); \
		float x = (float)threadIdx.x / 255.0f; \
		put(table + threadIdx.x, (x - mean0) / deviation0); \
		put(table + 256 + threadIdx.x, (x - mean1) / deviation1); \
		put(table + 512 + threadIdx.x, (x - mean2) / deviation2); \
		block_barrier(); \
		if (runs) \
			pixels<run_of<T>>(out, pictures, batch, count, table); \
		else \
			pixels<1>(out, pictures, batch, count, table); \
	}
FOR_TYPES(PIXELS)
