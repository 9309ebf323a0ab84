// The 3x3 convolution of stride 1 and padding 1 over rows of channels, and both ways back, as
// products whose one factor is the windows of the pictures: [rows, 9*channels], never
// stored: a tile's slices are copied out of the pictures, zeros where a window leaves them.
//
// Each way is 18*rows*in*out operations in tiles of 128 x N (see product.h; N is 64
// where that leaves less of a tile empty). Forward, and back to the input, reads x (9
// times, 8 of them from L2) and writes y: 2*rows*(in+out) bytes in bf16; the weights
// are laid anew first, 4*9*in*out bytes. Back to the weights cuts the rows into chunks, by
// shape alone: a sum of each in f32 to scratch, then one pass that adds them in order,
// 2*4*chunks*9*in*out bytes.
#include "product.h"

// Windows is the matrix [rows, 9*channels] of 3x3 windows around the rows of pictures.
template <class T> struct Windows {
	const T *from;
	int rows, side, channels;
	int down, right; // what a step of a slice's depth moves in a picture
	bool whole;
};
struct WindowsRow {
	int row, y, x;
};
struct WindowsColumn {
	int offset, y, x; // from the centre: elements, rows, columns
	bool within;
};
template <class T> DEVICE Windows<T> windows(const T *from, int rows, int side, int channels, int depth) {
	Windows<T> w = {from, rows, side, channels, depth / side % side, depth % side, chunked(from, channels, channels, (int)sizeof(T))};
	return w;
}
template <class T> DEVICE WindowsRow row_of(const Windows<T> &w, int row) {
	WindowsRow r = {row, row / w.side % w.side, row % w.side};
	return r;
}
template <class T> DEVICE void move_down(const Windows<T> &w, WindowsRow &r, int by) {
	r.row += by;
	r.x += w.right;
	r.y += w.down;
	if (r.x >= w.side) r.x -= w.side, r.y++;
	if (r.y >= w.side) r.y -= w.side;
}
template <class T> DEVICE WindowsColumn column_of(const Windows<T> &w, int col) {
	int tap = col / w.channels;
	WindowsColumn c = {0, tap / 3 - 1, tap % 3 - 1, tap < 9};
	c.offset = (c.y * w.side + c.x) * w.channels + col - tap * w.channels;
	return c;
}
template <class T> DEVICE const T *meet(const Windows<T> &w, const WindowsRow &r, const WindowsColumn &c, bool &within) {
	within = c.within && r.row < w.rows && (unsigned)(r.y + c.y) < (unsigned)w.side && (unsigned)(r.x + c.x) < (unsigned)w.side;
	return w.from + (long long)r.row * w.channels + c.offset;
}

template <class T> struct Depth;
template <> struct Depth<bf16> {
	static constexpr int slice = 32;
};
template <> struct Depth<float> {
	static constexpr int slice = 16;
};

// y[rows,out] = windows(x) w^t with w[out,9*in], tap by tap. Back to the input it is the same of
// dy, with the weights turned.
template <int N, class T> DEVICE void convolution(T *y, const T *x, const T *w, int rows, int side, int in, int out, T *slices) {
	int tiles = (out + N - 1) / N;
	Windows<T> a = windows(x, rows, side, in, Depth<T>::slice);
	Matrix<T> b = matrix(w, out, 9 * in, 9 * in);
	multiply_tile<true, true, N>(y, out, 0, a, b, (int)(blockIdx.x / tiles) * TILE, (int)(blockIdx.x % tiles) * N, rows, out, 0, 9 * in, slices);
}

// sums[chunk][9*in,out] = windows(x)^t dy over the rows of a chunk.
template <int N, class T> DEVICE void convolution_weights(float *sums, const T *dy, const T *x, int rows, int side, int in, int out, int each, T *slices) {
	int tiles = (out + N - 1) / N, from = (int)blockIdx.y * each, to = min(rows, from + each);
	Windows<T> a = windows(x, to, side, in, Depth<T>::slice);
	Matrix<T> b = matrix(dy, to, out, out);
	sums += (long long)blockIdx.y * 9 * in * out;
	multiply_tile<false, false, N>(sums, out, 0, a, b, (int)(blockIdx.x / tiles) * TILE, (int)(blockIdx.x % tiles) * N, 9 * in, out, from, to, slices);
}

#define CONVOLUTION(S, T, N)                                                                                                               \
	KERNEL_SHARING(TILERS, TILES_AT_ONCE_##S, convolution_##N##_##S, T *y, const T *x, const T *w, int rows, int side, int in, int out) {                  \
		SHARED(T, slices, (Slices<T, N>::count));                                                                                          \
		convolution<N>(y, x, w, rows, side, in, out, slices);                                                                              \
	}                                                                                                                                      \
	KERNEL_SHARING(TILERS, TILES_AT_ONCE_##S, convolution_weights_##N##_##S, float *sums, const T *dy, const T *x, int rows, int side, int in, int out, int each) { \
		SHARED(T, slices, (Slices<T, N>::count));                                                                                          \
		convolution_weights<N>(sums, dy, x, rows, side, in, out, each, slices);                                                            \
	}
#define CONVOLUTIONS(S, T) CONVOLUTION(S, T, 64) CONVOLUTION(S, T, 128)
FOR_TYPES(CONVOLUTIONS)

// dw[out,in,9] += the sum of chunks[.][9,in,out], in order.
KERNEL(256, convolution_sum, float *dw, const float *chunks, int count, int in, int out) {
	int all = 9 * in * out;
	for (int i = (int)blockIdx.x * 256 + thread(); i < all; i += (int)gridDim.x * 256) {
		float sum = 0;
		for (int j = 0; j < count; j++) sum += chunks[(long long)j * all + i];
		int o = i % out, row = i / out;
		dw[((long long)o * in + row % in) * 9 + row / in] += sum;
	}
}

// Lays w[out,in,9] as [out,9,in], or turned as [in,9,out] with the taps backwards. A block does
// 32 x 32 of out and in, all taps.
#define PITCH (32 * 9 + 1)
template <class T> DEVICE void convolution_lay(T *laid, const T *w, int in, int out, int turned, T *tile) {
	int i0 = (int)blockIdx.x * 32, o0 = (int)blockIdx.y * 32;
	for (int e = thread(); e < 32 * 288; e += 256) {
		int o = e / 288, rest = e % 288;
		if (o0 + o < out && i0 + rest / 9 < in) tile[o * PITCH + rest] = w[((long long)(o0 + o) * in + i0) * 9 + rest];
	}
	block_barrier();
	for (int e = thread(); e < 32 * 288; e += 256) {
		int major = e / 288, tap = e % 288 / 32, minor = e % 32;
		int o = turned ? minor : major, i = turned ? major : minor;
		if (o0 + o >= out || i0 + i >= in) continue;
		T *to = turned ? laid + ((long long)(i0 + i) * 9 + 8 - tap) * out + o0 + o : laid + ((long long)(o0 + o) * 9 + tap) * in + i0 + i;
		*to = tile[o * PITCH + i * 9 + tap];
	}
}
#define CONVOLUTION_LAY(S, T)                                                                   \
	KERNEL(256, convolution_lay_##S, T *laid, const T *w, int in, int out, int turned) {        \
		SHARED(T, tile, 32 * PITCH);                                                            \
		convolution_lay(laid, w, in, out, turned, tile);                                        \
	}
FOR_TYPES(CONVOLUTION_LAY)
