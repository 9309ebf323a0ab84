// Attention in bf16 with heads of 64, on tensor cores: scores of a tile at a time, never
// a matrix of them in memory. A warp has 16 rows, their sums in registers; what they
// attend to goes by in tiles of 64 rows, the next under way while one is worked on. A
// sequence of up to 16 rows takes one warp.
//
// A head of n rows, m with padding to 16, costs, half the operations when causal:
//             bytes              operations
//   forward   516 n              384 m^2    (scores, and sums twice: see attention.h)
//   backward  1,028 n, 1,540 n   1,280 m^2  (scores and their gradients for queries and
//             past 80 rows                  once more for keys, three sums twice)
// On an H100 at 3.0 TB/s and 798 TFLOP/s a layer takes at least, in us a sequence:
//             rows  heads  forward  backward
//   ViT-B/32    50     12     0.10      0.21  bytes; 0.02 and 0.08 of operations
//   ViT-L/14   257     16     0.71      2.1   bytes; 0.57 and 1.9 of operations
//   captions    15      8     0.02      0.04  bytes
// so 1.3 and 2.5 ms a step for 1,024 pictures of ViT-B/32, 4.4 and 13 ms for 256 of
// ViT-L/14. These instructions reach some two thirds of the 798.
#include "attention.h"

// What 16 rows of a sequence see, from row first on: all n of it, or up to themselves.
struct Sight {
	int first, n, causal;
};
// How many rows the row does that a lane has in half 0 or 1 of d.
DEVICE int sees(Sight s, int half) { return s.causal ? min(s.n, s.first + (lane() >> 2) + 8 * half + 1) : s.n; }
// Whether some of the 16 rows do not see all keys before end.
DEVICE bool cut(Sight s, int end) { return end > (s.causal ? s.first + 1 : s.n); }

// attend takes G times 16 keys, from key on, in a tile from row on: online softmax, base 2,
// of scores times c.
template <int G> DEVICE void attend(float o[8][4], float top[2], float total[2], const uint32 q[4][4], bf16 *keys, bf16 *values, int row, int key, Sight sight, float c) {
	float s[2 * G][4];
	clear(s);
	for (int g = 0; g < G; g++) dot(s + 2 * g, q, keys, row + 16 * g);
	if (cut(sight, key + 16 * G)) {
		int at = key + 2 * (lane() & 3);
		for (int i = 0; i < 4; i++) {
			int end = sees(sight, i >> 1);
			for (int j = 0; j < 2 * G; j++)
				if (at + 8 * j + (i & 1) >= end) s[j][i] = -INFINITE;
		}
	}
	for (int h = 0; h < 2; h++) {
		float m = top[h];
		for (int j = 0; j < 2 * G; j++) m = fmaxf(m, fmaxf(s[j][2 * h], s[j][2 * h + 1]));
		m = row_max(m);
		float f = exp2_fast((top[h] - m) * c), sum = 0, mc = m * c;
		top[h] = m;
		for (int j = 0; j < 2 * G; j++)
			for (int i = 2 * h; i < 2 * h + 2; i++) {
				s[j][i] = exp2_fast(s[j][i] * c - mc);
				sum += s[j][i];
			}
		total[h] = total[h] * f + sum;
		for (int j = 0; j < 8; j++) {
			o[j][2 * h] *= f;
			o[j][2 * h + 1] *= f;
		}
	}
	for (int g = 0; g < G; g++) accumulate(o, s + 2 * g, values, row + 16 * g);
}

// A team's tile of rows of a head, in shared memory for them and for two tiles of keys
// and values, or one where no more follow. A row's sums run over keys in an order that
// its sequence alone decides.
template <class Team> DEVICE void attention(bf16 *memory, bf16 *out, float *lse, const bf16 *qkv, Place p, int width, int heads, int causal) {
	int rows = 16 * Team::warps(), begin = p.tile * rows, own = 16 * Team::number();
	int first = begin + own, r = first + (lane() >> 2); // the warp's rows, and this lane's
	int seen = causal ? min(p.n, begin + rows) : p.n, mine = causal ? min(p.n, first + 16) : p.n;
	if (first >= p.n) mine = 0;
	Sight sight = {first, p.n, causal};
	const float scale = 0.125f, c = scale * LOG2E;
	const int tile = Team::rows;
	int stride = 3 * width;
	const bf16 *x = qkv + p.first * stride + p.head * HEAD;
	bf16 *stage = memory + rows * HEAD;

	fetch<Team>(memory, x + begin * stride, stride, p.n - begin, rows);
	copy_commit();
	x += width; // keys
	fetch<Team>(stage, x, stride, p.n, tile);
	fetch<Team>(stage + tile * HEAD, x + width, stride, p.n, tile);
	copy_commit();
	float o[8][4], top[2] = {-INFINITE, -INFINITE}, total[2] = {0, 0};
	uint32 q[4][4];
	clear(o);
	copy_wait<1>();
	Team::barrier();
	as_left(q, memory, own);
	for (int key = 0; key < seen; key += tile) {
		bf16 *keys = stage + key / tile % 2 * 2 * tile * HEAD;
		if (key + tile < seen) {
			bf16 *next = stage + (key / tile + 1) % 2 * 2 * tile * HEAD;
			x += tile * stride;
			fetch<Team>(next, x, stride, p.n - key - tile, tile);
			fetch<Team>(next + tile * HEAD, x + width, stride, p.n - key - tile, tile);
			copy_commit();
			copy_wait<1>();
		} else {
			copy_wait<0>();
		}
		Team::barrier();
		for (int g = 0; g < min(tile, mine - key); g += 32) {
			if (tile > 16 && mine - key - g > 16)
				attend<2>(o, top, total, q, keys, keys + tile * HEAD, g, key + g, sight, c);
			else
				attend<1>(o, top, total, q, keys, keys + tile * HEAD, g, key + g, sight, c);
		}
		Team::barrier();
	}
	if (mine > 0) {
		for (int i = 0; i < 2; i++) {
			total[i] = row_sum(total[i]);
			if ((lane() & 3) == 0 && r + 8 * i < p.n) lse[(p.first + r + 8 * i) * heads + p.head] = top[i] * scale + logf(total[i]);
		}
		store(out + (p.first + first) * width + p.head * HEAD, width, p.n - first, o, 1 / total[0], 1 / total[1], memory, own);
	}
}

// Sequences of more rows than shorter, a tile of 16 rows a warp of a head a block.
// Shared memory: 2,048 bytes a warp and 16,384, twice that where a sequence may have
// more than 64 rows.
KERNEL(256, attention_64, bf16 *out, float *lse, const bf16 *qkv, const int *offsets, int width, int heads, int tiles, int shorter, int causal) {
	DYNAMIC_SHARED(bf16, memory);
	Place p = place(offsets, heads, 1, tiles);
	if (p.tile * 16 * Block::warps() < p.n && p.n > shorter) attention<Block>(memory, out, lse, qkv, p, width, heads, causal);
}

// Sequences of up to 16 rows, a head a warp. Shared memory: 6,144 bytes a warp.
KERNEL(128, attention_64_short, bf16 *out, float *lse, const bf16 *qkv, const int *offsets, int width, int heads, int causal) {
	DYNAMIC_SHARED(bf16, memory);
	Place p = place(offsets, heads, Block::warps(), 1);
	p.head += warp();
	if (p.n <= 16 && p.n > 0 && p.head < heads) attention<OneWarp>(memory + warp() * 3 * 16 * HEAD, out, lse, qkv, p, width, heads, causal);
}

// query_step adds 16 keys to the gradient of 16 queries: dq += ds k, without the scale
// of scores. Of rows r and r+8 it has the log-sum-exp, base 2, and sum(dout*out).
DEVICE void query_step(float dq[8][4], const uint32 q[4][4], const uint32 dout[4][4], const float lse[2], const float d[2], bf16 *keys, bf16 *values, int row, int key, Sight sight, float c) {
	float s[2][4], dp[2][4];
	clear(s);
	clear(dp);
	dot(s, q, keys, row);
	dot(dp, dout, values, row);
	for (int j = 0; j < 2; j++)
		for (int i = 0; i < 4; i++) s[j][i] = exp2_fast(s[j][i] * c - lse[i >> 1]) * (dp[j][i] - d[i >> 1]);
	if (cut(sight, key + 16)) {
		int at = key + 2 * (lane() & 3);
		for (int i = 0; i < 4; i++) {
			int end = sees(sight, i >> 1);
			for (int j = 0; j < 2; j++)
				if (at + 8 * j + (i & 1) >= end) s[j][i] = 0;
		}
	}
	accumulate(dq, s, keys, row);
}

// key_step adds 16 queries to the gradients of 16 keys and values: dv += p^t dout and
// dk += ds^t q, without the scale. lse and d are those of the queries of the tile.
DEVICE void key_step(float dk[8][4], float dv[8][4], const uint32 k[4][4], const uint32 v[4][4], const float *lse, const float *d, bf16 *queries, bf16 *douts, int row, int query, int key, bool edge, float c) {
	float s[2][4], dp[2][4];
	clear(s);
	clear(dp);
	dot(s, k, queries, row);
	dot(dp, v, douts, row);
	int at = 2 * (lane() & 3);
	for (int j = 0; j < 2; j++)
		for (int i = 0; i < 4; i++) {
			int column = at + 8 * j + (i & 1);
			float p = exp2_fast(s[j][i] * c - lse[row + column]);
			if (edge && key + 8 * (i >> 1) > query + column) p = 0;
			s[j][i] = p;
			dp[j][i] = p * (dp[j][i] - d[row + column]);
		}
	accumulate(dv, s, douts, row);
	accumulate(dk, dp, queries, row);
}

// row_dot is sum(dout*out) of a row, of which each of eight lanes has eight words.
DEVICE float row_dot(const bf16 *dout, const bf16 *out, bool valid) {
	float sum = 0;
	if (valid) {
		Run<bf16, 8> x = *(const Run<bf16, 8> *)dout, y = *(const Run<bf16, 8> *)out;
		for (int i = 0; i < 8; i++) sum += wide(x.at[i]) * wide(y.at[i]);
	}
	for (int m = 1; m < 8; m <<= 1) sum += shuffle_xor(sum, m);
	return sum;
}

// All gradients of a head of a sequence that fits into a team's tiles. Shared memory: two
// floats a row, q, k, v and dout, rows of them in whole sixteens, and 16 rows a warp to
// store by.
template <class Team> DEVICE void backward(bf16 *memory, bf16 *dqkv, const bf16 *dout, const bf16 *out, const float *lse, const bf16 *qkv, Place p, int width, int heads, int causal) {
	int rows = (p.n + 15) / 16 * 16;
	float *log2 = (float *)memory, *d = log2 + rows;
	bf16 *q = (bf16 *)(d + rows), *k = q + rows * HEAD, *v = k + rows * HEAD, *o = v + rows * HEAD;
	const float scale = 0.125f, c = scale * LOG2E;
	int stride = 3 * width;
	const bf16 *x = qkv + p.first * stride + p.head * HEAD, *dy = dout + p.first * width + p.head * HEAD, *y = out + p.first * width + p.head * HEAD;
	bf16 *dx = dqkv + p.first * stride + p.head * HEAD;
	fetch<Team>(q, x, stride, p.n, rows);
	fetch<Team>(k, x + width, stride, p.n, rows);
	fetch<Team>(v, x + 2 * width, stride, p.n, rows);
	fetch<Team>(o, dy, width, p.n, rows);
	copy_commit();
	for (int i = Team::at(); i < rows * 8; i += Team::size()) {
		int row = i >> 3, at = row * width + (i & 7) * 8;
		float sum = row_dot(dy + at, y + at, row < p.n);
		if ((i & 7) == 0) {
			d[row] = sum;
			log2[row] = row < p.n ? lse[(p.first + row) * heads + p.head] * LOG2E : INFINITE;
		}
	}
	copy_wait<0>();
	Team::barrier();
	for (int g = 16 * Team::number(); g < p.n; g += 16 * Team::warps()) {
		uint32 a[4][4], b[4][4];
		as_left(a, q, g);
		as_left(b, o, g);
		int r = g + (lane() >> 2), end = causal ? g + 16 : p.n;
		Sight sight = {g, p.n, causal};
		float l[2] = {log2[r], log2[r + 8]}, e[2] = {d[r], d[r + 8]}, sum[8][4];
		clear(sum);
		for (int key = 0; key < end; key += 16) query_step(sum, a, b, l, e, k, v, key, key, sight, c);
		store(dx + g * stride, stride, p.n - g, sum, scale, scale, o + rows * HEAD, 16 * Team::number());
	}
	Team::barrier();
	for (int g = 16 * Team::number(); g < p.n; g += 16 * Team::warps()) {
		uint32 a[4][4], b[4][4];
		as_left(a, k, g);
		as_left(b, v, g);
		int r = g + (lane() >> 2);
		float dk[8][4], dv[8][4];
		clear(dk);
		clear(dv);
		for (int query = causal ? g : 0; query < p.n; query += 16) key_step(dk, dv, a, b, log2, d, q, o, query, query, r, causal && query < g + 16, c);
		store(dx + g * stride + width, stride, p.n - g, dk, scale, scale, k, g);
		store(dx + g * stride + 2 * width, stride, p.n - g, dv, 1, 1, v, g);
	}
}

// Sequences of more than shorter and up to longest rows, a head a block. Shared memory:
// 520 bytes a row, of longest in whole sixteens, and 2,048 a warp.
KERNEL_SHARING(128, 3, attention_64_backward, bf16 *dqkv, const bf16 *dout, const bf16 *out, const float *lse, const bf16 *qkv, const int *offsets, int width, int heads, int shorter, int longest, int causal) {
	DYNAMIC_SHARED(bf16, memory);
	Place p = place(offsets, heads, 1, 1);
	if (p.n > shorter && p.n <= longest) backward<Block>(memory, dqkv, dout, out, lse, qkv, p, width, heads, causal);
}

// Sequences of up to 16 rows, a head a warp. Shared memory: 10,368 bytes a warp.
KERNEL_SHARING(128, 3, attention_64_backward_short, bf16 *dqkv, const bf16 *dout, const bf16 *out, const float *lse, const bf16 *qkv, const int *offsets, int width, int heads, int causal) {
	DYNAMIC_SHARED(bf16, memory);
	Place p = place(offsets, heads, Block::warps(), 1);
	p.head += warp();
	if (p.n <= 16 && p.n > 0 && p.head < heads) backward<OneWarp>(memory + warp() * 5184, dqkv, dout, out, lse, qkv, p, width, heads, causal);
}

// Of longer sequences, first dq, a tile of queries a block, with each row's log-sum-exp,
// base 2, and sum(dout*out) for what follows: stats[heads,rows,2].
KERNEL_SHARING(256, 1, attention_64_backward_queries, bf16 *dqkv, float *stats, const bf16 *dout, const bf16 *out, const float *lse, const bf16 *qkv, const int *offsets, int width, int heads, int tiles, int longer, long long all, int causal) {
	DYNAMIC_SHARED(bf16, memory);
	Place p = place(offsets, heads, 1, tiles);
	int warps = (int)blockDim.x >> 5, rows = 16 * warps, begin = p.tile * rows;
	if (begin >= p.n || p.n <= longer) return;
	bf16 *q = memory, *o = q + rows * HEAD, *stage = o + rows * HEAD;
	int own = 16 * warp(), first = begin + own, r = first + (lane() >> 2);
	int seen = causal ? min(p.n, begin + rows) : p.n, mine = first >= p.n ? 0 : causal ? min(p.n, first + 16) : p.n;
	Sight sight = {first, p.n, causal};
	const float scale = 0.125f, c = scale * LOG2E;
	int stride = 3 * width;
	const bf16 *x = qkv + p.first * stride + p.head * HEAD, *dy = dout + p.first * width + p.head * HEAD, *y = out + p.first * width + p.head * HEAD;

	fetch<Block>(q, x + begin * stride, stride, p.n - begin, rows);
	fetch<Block>(o, dy + begin * width, width, p.n - begin, rows);
	fetch<Block>(stage, x + width, stride, p.n, 64);
	fetch<Block>(stage + 64 * HEAD, x + 2 * width, stride, p.n, 64);
	copy_commit();
	stats += (p.head * all + p.first) * 2;
	for (int i = lane(); i < 128; i += LANES) { // its own 16 rows
		int row = first + (i >> 3);
		int at = row * width + (i & 7) * 8;
		float sum = row_dot(dy + at, y + at, row < p.n);
		if ((i & 7) == 0 && row < p.n) {
			stats[2 * row] = lse[(p.first + row) * heads + p.head] * LOG2E;
			stats[2 * row + 1] = sum;
		}
	}
	warp_barrier();
	float l[2], e[2], sum[8][4];
	for (int i = 0; i < 2; i++) {
		bool valid = r + 8 * i < p.n;
		l[i] = valid ? stats[2 * (r + 8 * i)] : INFINITE;
		e[i] = valid ? stats[2 * (r + 8 * i) + 1] : 0;
	}
	uint32 a[4][4], b[4][4];
	clear(sum);
	for (int key = 0; key < seen; key += 64) {
		bf16 *keys = stage + (key >> 6) % 2 * 128 * HEAD;
		if (key + 64 < seen) {
			bf16 *next = stage + ((key >> 6) + 1) % 2 * 128 * HEAD;
			fetch<Block>(next, x + width + (key + 64) * stride, stride, p.n - key - 64, 64);
			fetch<Block>(next + 64 * HEAD, x + 2 * width + (key + 64) * stride, stride, p.n - key - 64, 64);
			copy_commit();
			copy_wait<1>();
		} else {
			copy_wait<0>();
		}
		block_barrier();
		if (key == 0) {
			as_left(a, q, own);
			as_left(b, o, own);
		}
		for (int g = 0; g < min(64, mine - key); g += 16) query_step(sum, a, b, l, e, keys, keys + 64 * HEAD, g, key + g, sight, c);
		block_barrier();
	}
	if (mine > 0) store(dqkv + (p.first + first) * stride + p.head * HEAD, stride, p.n - first, sum, scale, scale, q, own);
}

// Then dk and dv, a tile of keys a block; queries go by.
KERNEL(256, attention_64_backward_keys, bf16 *dqkv, const float *stats, const bf16 *dout, const bf16 *qkv, const int *offsets, int width, int heads, int tiles, int longer, long long all, int causal) {
	DYNAMIC_SHARED(bf16, memory);
	Place p = place(offsets, heads, 1, tiles);
	int warps = (int)blockDim.x >> 5, rows = 16 * warps, begin = p.tile * rows;
	if (begin >= p.n || p.n <= longer) return;
	bf16 *k = memory, *v = k + rows * HEAD, *stage = v + rows * HEAD;
	float *log2 = (float *)(stage + 256 * HEAD), *d = log2 + 128; // of two tiles
	int own = 16 * warp(), first = begin + own, r = first + (lane() >> 2), from = causal ? begin / 64 * 64 : 0;
	const float scale = 0.125f, c = scale * LOG2E;
	int stride = 3 * width;
	const bf16 *x = qkv + p.first * stride + p.head * HEAD, *dy = dout + p.first * width + p.head * HEAD;
	stats += (p.head * all + p.first) * 2;

	fetch<Block>(k, x + width + begin * stride, stride, p.n - begin, rows);
	fetch<Block>(v, x + 2 * width + begin * stride, stride, p.n - begin, rows);
	fetch<Block>(stage, x + from * stride, stride, p.n - from, 64);
	fetch<Block>(stage + 64 * HEAD, dy + from * width, width, p.n - from, 64);
	copy_commit();
	uint32 a[4][4], b[4][4];
	float dk[8][4], dv[8][4];
	clear(dk);
	clear(dv);
	for (int query = from; query < p.n; query += 64) {
		int now = (query - from) >> 6 & 1;
		bf16 *queries = stage + now * 128 * HEAD;
		if (query + 64 < p.n) {
			bf16 *next = stage + (now ^ 1) * 128 * HEAD;
			fetch<Block>(next, x + (query + 64) * stride, stride, p.n - query - 64, 64);
			fetch<Block>(next + 64 * HEAD, dy + (query + 64) * width, width, p.n - query - 64, 64);
			copy_commit();
		}
		if (thread() < 64) {
			bool valid = query + thread() < p.n;
			log2[64 * now + thread()] = valid ? stats[2 * (query + thread())] : INFINITE;
			d[64 * now + thread()] = valid ? stats[2 * (query + thread()) + 1] : 0;
		}
		if (query + 64 < p.n)
			copy_wait<1>();
		else
			copy_wait<0>();
		block_barrier();
		if (query == from) {
			as_left(a, k, own);
			as_left(b, v, own);
		}
		int end = first < p.n ? min(64, p.n - query) : 0;
		for (int g = causal ? max(0, first - query) : 0; g < end; g += 16) key_step(dk, dv, a, b, log2 + 64 * now, d + 64 * now, queries, queries + 64 * HEAD, g, query + g, r, causal && query + g < first + 16, c);
		block_barrier();
	}
	if (first < p.n) {
		bf16 *dx = dqkv + (p.first + first) * stride + p.head * HEAD;
		store(dx + width, stride, p.n - first, dk, scale, scale, k, own);
		store(dx + 2 * width, stride, p.n - first, dv, 1, 1, v, own);
	}
}
