// Attention of any type and size of head, in f32 on ordinary cores; attention64.cu has
// bf16 with heads of 64. A block has 16 rows of a head, four a warp, and 64 of its
// columns; the other side goes by 32 rows at a time, one a lane. A head wider than 64
// takes a block for each 64 columns, and each of them computes the scores again.
//
// A head of n rows of d costs 4 n^2 d operations forward and 14 n^2 d back (scores and
// their gradients twice), half of that when causal, and (4 n d + n) and (12 n d + n) words
// of bytes. On an H100, of whose 60 TFLOP/s in f32 such loops reach a third: ViT-B/32 in
// f32 (50 rows, 12 heads, 12 layers) 4.7 ms forward and 17 ms back for 1,024 pictures.
#include "gpu.h"

#define OWN 16
#define OTHER 32
#define COLUMNS 64

// Rows of a head: those of a sequence, stride elements apart.
template <class T> struct Rows {
	const T *x;
	long long stride;
	int n;
};

// stage reads rows row..row+count-1 and columns column..column+63 into t[count][65], zeros
// where there are none.
template <class T> DEVICE void stage(float *t, Rows<T> x, int row, int count, int column, int size) {
	for (int i = thread(); i < count * COLUMNS; i += (int)blockDim.x) {
		int r = row + i / COLUMNS, c = column + i % COLUMNS;
		t[i / COLUMNS * (COLUMNS + 1) + i % COLUMNS] = r < x.n && c < size ? wide(x.x[r * x.stride + c]) : 0.0f;
	}
}

// dots computes for the warp's four rows of a, from row on, and this lane's row of b, from
// other on, their products: s[i] = a b.
template <class T> DEVICE void dots(float s[4], float *mine, float *others, Rows<T> a, int row, Rows<T> b, int other, int size) {
	for (int i = 0; i < 4; i++) s[i] = 0;
	for (int c0 = 0; c0 < size; c0 += COLUMNS) {
		block_barrier();
		stage(mine, a, row, OWN, c0, size);
		stage(others, b, other, OTHER, c0, size);
		block_barrier();
		int end = min(COLUMNS, size - c0);
		for (int c = 0; c < end; c++) {
			float y = others[lane() * (COLUMNS + 1) + c];
			for (int i = 0; i < 4; i++) s[i] += mine[(warp() * 4 + i) * (COLUMNS + 1) + c] * y;
		}
	}
}

// gather adds the rows of b, from other on, times each lane's weight w, to sums[4][2]:
// columns lane and lane+32 from column on.
template <class T> DEVICE void gather(float sums[4][2], const float w[4], float *others, Rows<T> b, int other, int column, int size) {
	block_barrier();
	stage(others, b, other, OTHER, column, size);
	block_barrier();
	for (int j = 0; j < OTHER; j++) {
		float x = others[j * (COLUMNS + 1) + lane()], y = others[j * (COLUMNS + 1) + lane() + LANES];
		for (int i = 0; i < 4; i++) {
			float f = shuffle(w[i], j);
			sums[i][0] += f * x;
			sums[i][1] += f * y;
		}
	}
}

template <class T> DEVICE void write(T *y, long long stride, int row, int n, const float sums[4][2], int column, int size, const float f[4]) {
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < 2; j++) {
			int r = row + warp() * 4 + i, c = column + lane() + LANES * j;
			if (r < n && c < size) put(y + r * stride + c, sums[i][j] * f[i]);
		}
}

// A block's place: 16 rows and 64 columns of one head.
struct Place {
	int head, row, column, n, size;
	long long first;
	float scale;
};
DEVICE Place place(const int *offsets, int width, int heads, int tiles) {
	Place p;
	p.size = width / heads;
	int chunks = (p.size + COLUMNS - 1) / COLUMNS, unit = (int)blockIdx.x / tiles;
	p.row = (int)blockIdx.x % tiles * OWN;
	p.column = unit % chunks * COLUMNS;
	p.head = unit / chunks % heads;
	int sequence = unit / chunks / heads;
	p.first = offsets[sequence];
	p.n = offsets[sequence + 1] - (int)p.first;
	p.scale = 1.0f / sqrtf((float)p.size);
	return p;
}

template <class T> DEVICE void attention(T *out, float *lse, const T *qkv, const int *offsets, int width, int heads, int tiles, int causal) {
	SHARED(float, mine, OWN * (COLUMNS + 1));
	SHARED(float, others, OTHER * (COLUMNS + 1));
	Place p = place(offsets, width, heads, tiles);
	if (p.row >= p.n) return;
	long long stride = 3ll * width;
	const T *x = qkv + p.first * stride + p.head * p.size;
	Rows<T> q = {x, stride, p.n}, k = {x + width, stride, p.n}, v = {x + 2 * width, stride, p.n};
	float top[4], total[4], sums[4][2], f[4];
	for (int i = 0; i < 4; i++) {
		top[i] = as_float(0xff800000u);
		total[i] = sums[i][0] = sums[i][1] = 0;
	}
	int seen = causal ? min(p.n, p.row + OWN) : p.n;
	for (int key = 0; key < seen; key += OTHER) {
		float s[4];
		dots(s, mine, others, q, p.row, k, key, p.size);
		for (int i = 0; i < 4; i++) {
			int at = key + lane();
			float z = at < p.n && (!causal || at <= p.row + warp() * 4 + i) ? s[i] * p.scale : as_float(0xff800000u);
			float m = fmaxf(top[i], warp_max(z)), change = expf(top[i] - m);
			s[i] = expf(z - m);
			total[i] = total[i] * change + warp_sum(s[i]);
			top[i] = m;
			sums[i][0] *= change;
			sums[i][1] *= change;
		}
		gather(sums, s, others, v, key, p.column, p.size);
	}
	for (int i = 0; i < 4; i++) {
		int r = p.row + warp() * 4 + i;
		f[i] = 1.0f / total[i];
		if (p.column == 0 && lane() == 0 && r < p.n) lse[(p.first + r) * heads + p.head] = top[i] + logf(total[i]);
	}
	write(out + p.first * width + p.head * p.size, width, p.row, p.n, sums, p.column, p.size, f);
}

// dq = ds k, and d[rows,heads] = sum(dout*out) for what follows.
template <class T> DEVICE void backward_queries(T *dqkv, float *d, const T *dout, const T *out, const float *lse, const T *qkv, const int *offsets, int width, int heads, int tiles, int causal) {
	SHARED(float, mine, OWN * (COLUMNS + 1));
	SHARED(float, others, OTHER * (COLUMNS + 1));
	Place p = place(offsets, width, heads, tiles);
	if (p.row >= p.n) return;
	long long stride = 3ll * width, at = p.first * width + p.head * p.size;
	const T *x = qkv + p.first * stride + p.head * p.size;
	Rows<T> q = {x, stride, p.n}, k = {x + width, stride, p.n}, v = {x + 2 * width, stride, p.n}, dy = {dout + at, width, p.n};
	float e[4], l[4], sums[4][2], f[4];
	for (int i = 0; i < 4; i++) {
		int r = p.row + warp() * 4 + i;
		float sum = 0;
		if (r < p.n)
			for (int c = lane(); c < p.size; c += LANES) sum += wide(dout[at + (long long)r * width + c]) * wide(out[at + (long long)r * width + c]);
		e[i] = warp_sum(sum);
		l[i] = r < p.n ? lse[(p.first + r) * heads + p.head] : 0.0f;
		if (p.column == 0 && lane() == 0 && r < p.n) d[(p.first + r) * heads + p.head] = e[i];
		sums[i][0] = sums[i][1] = 0;
		f[i] = p.scale;
	}
	int seen = causal ? min(p.n, p.row + OWN) : p.n;
	for (int key = 0; key < seen; key += OTHER) {
		float s[4], dp[4];
		dots(s, mine, others, q, p.row, k, key, p.size);
		dots(dp, mine, others, dy, p.row, v, key, p.size);
		for (int i = 0; i < 4; i++) {
			int r = p.row + warp() * 4 + i, j = key + lane();
			s[i] = r < p.n && j < p.n && (!causal || j <= r) ? expf(s[i] * p.scale - l[i]) * (dp[i] - e[i]) : 0.0f;
		}
		gather(sums, s, others, k, key, p.column, p.size);
	}
	write(dqkv + p.first * stride + p.head * p.size, stride, p.row, p.n, sums, p.column, p.size, f);
}

// dk = ds^t q and dv = p^t dout.
template <class T> DEVICE void backward_keys(T *dqkv, const float *d, const T *dout, const float *lse, const T *qkv, const int *offsets, int width, int heads, int tiles, int causal) {
	SHARED(float, mine, OWN * (COLUMNS + 1));
	SHARED(float, others, OTHER * (COLUMNS + 1));
	Place p = place(offsets, width, heads, tiles);
	if (p.row >= p.n) return;
	long long stride = 3ll * width;
	const T *x = qkv + p.first * stride + p.head * p.size;
	T *dx = dqkv + p.first * stride + p.head * p.size;
	Rows<T> q = {x, stride, p.n}, k = {x + width, stride, p.n}, v = {x + 2 * width, stride, p.n}, dy = {dout + p.first * width + p.head * p.size, width, p.n};
	float dk[4][2], dv[4][2], f[4], one[4];
	for (int i = 0; i < 4; i++) {
		dk[i][0] = dk[i][1] = dv[i][0] = dv[i][1] = 0;
		f[i] = p.scale;
		one[i] = 1;
	}
	for (int query = causal ? p.row / OTHER * OTHER : 0; query < p.n; query += OTHER) {
		float s[4], dp[4];
		dots(s, mine, others, k, p.row, q, query, p.size);
		dots(dp, mine, others, v, p.row, dy, query, p.size);
		int j = query + lane();
		float l = j < p.n ? lse[(p.first + j) * heads + p.head] : 0.0f, e = j < p.n ? d[(p.first + j) * heads + p.head] : 0.0f;
		for (int i = 0; i < 4; i++) {
			int r = p.row + warp() * 4 + i;
			s[i] = r < p.n && j < p.n && (!causal || r <= j) ? expf(s[i] * p.scale - l) : 0.0f;
			dp[i] = s[i] * (dp[i] - e);
		}
		gather(dv, s, others, dy, query, p.column, p.size);
		gather(dk, dp, others, q, query, p.column, p.size);
	}
	write(dx + width, stride, p.row, p.n, dk, p.column, p.size, f);
	write(dx + 2 * width, stride, p.row, p.n, dv, p.column, p.size, one);
}

#define ATTENTION(S, T) \
	KERNEL_SHARING(128, 4, attention_##S, T *out, float *lse, const T *qkv, const int *offsets, int width, int heads, int tiles, int causal) { attention(out, lse, qkv, offsets, width, heads, tiles, causal); } \
	KERNEL(128, attention_backward_queries_##S, T *dqkv, float *d, const T *dout, const T *out, const float *lse, const T *qkv, const int *offsets, int width, int heads, int tiles, int causal) { backward_queries(dqkv, d, dout, out, lse, qkv, offsets, width, heads, tiles, causal); } \
	KERNEL_SHARING(128, 4, attention_backward_keys_##S, T *dqkv, const float *d, const T *dout, const float *lse, const T *qkv, const int *offsets, int width, int heads, int tiles, int causal) { backward_keys(dqkv, d, dout, lse, qkv, offsets, width, heads, tiles, causal); }
FOR_TYPES(ATTENTION)
