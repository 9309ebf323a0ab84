// Pictures as the windows of a 3 x 3 convolution of stride 2. It reads pictures once from memory, 2.25
// times from cache, writes 2.25 times their bytes and computes nothing.
#include "walk.h"

// out[batch*n*n, 27] with n = side/2. A warp writes a row.
template <class T> DEVICE void unfold(T *out, const T *pictures, int rows, int side, int groups, int each) {
	int n = side / 2;
	Walk w = walk<1>(rows, 27, groups, each);
	int channel = w.col / 9, down = w.col / 3 % 3 - 1, right = w.col % 3 - 1;
	for (int r = w.row; r < w.to; r += w.step) {
		int y = r / n % n * 2 + down, x = r % n * 2 + right;
		T pixel = {};
		if ((unsigned)y < (unsigned)side && (unsigned)x < (unsigned)side) pixel = pictures[(((long long)(r / (n * n)) * 3 + channel) * side + y) * side + x];
		out[(long long)r * 27 + w.col] = pixel;
	}
}
#define UNFOLD(S, T) \
	KERNEL(256, unfold_##S, T *out, const T *pictures, int rows, int side, int groups, int each) { unfold(out, pictures, rows, side, groups, each); }
FOR_TYPES(UNFOLD)
