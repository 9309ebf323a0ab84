// Pictures as rows of pixels, square by square. It reads and writes each element once and computes
// nothing.
#include "walk.h"

// out[batch*(1+n*n), 3*patch*patch]; row 0 of each picture is zeros. patch and side are multiples of V.
template <int V, class T> DEVICE void patchify(T *out, const T *pictures, int rows, int side, int patch, int groups, int each) {
	int n = side / patch, cols = 3 * patch * patch;
	Walk w = walk<V>(rows, cols, groups, each);
	long long within = ((long long)(w.col / (patch * patch)) * side + w.col / patch % patch) * side + w.col % patch; // channel, row, column
	for (int r = w.row; r < w.to; r += w.step) {
		int picture = r / (1 + n * n), square = r % (1 + n * n) - 1;
		Run<T, V> run = {};
		if (square >= 0) run = *(const Run<T, V> *)(pictures + ((long long)picture * 3 * side + square / n * patch) * side + square % n * patch + within);
		*(Run<T, V> *)(out + (long long)r * cols + w.col) = run;
	}
}
#define PATCHIFY(name, T, V) \
	KERNEL(256, name, T *out, const T *pictures, int rows, int side, int patch, int groups, int each) { patchify<V>(out, pictures, rows, side, patch, groups, each); }
COLUMNS(PATCHIFY, patchify)
PATCHIFY(patchify_pair_f32, float, 2)
PATCHIFY(patchify_pair_bf16, bf16, 2)
