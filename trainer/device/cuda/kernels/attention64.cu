// Attention in bf16 with heads of 64, on tensor cores: scores of a tile at a time, never
// a matrix of them in memory. A warp has 16 rows, their sums in registers; keys and
// values go by in tiles of 64, the next under way while one is worked on. A sequence of
// up to 16 rows takes one warp, and a block has several heads of it.
//
// For a head of n rows, and c of 16 x 16 scores, n^2/256, or half of that when causal:
//   forward           512 n bytes read and written, 12 n^2 64 / 2 ... see below
#include "attention.h"

// attend takes G times 16 keys: online softmax, base 2, of scores times c. limit is how
// many of the sequence's rows rows r and r+8 see, for r = lane/4.
template <int G> DEVICE void attend(float o[8][4], float top[2], float total[2], const uint32 q[4][4], bf16 *keys, bf16 *values, int row, int key, const int limit[2], bool edge, float c) {
	float s[2 * G][4];
	clear(s);
	for (int g = 0; g < G; g++) dot(s + 2 * g, q, keys, row + 16 * g);
	if (edge) {
		int at = key + 2 * (lane() & 3);
		for (int j = 0; j < 2 * G; j++)
			for (int i = 0; i < 4; i++)
				if (at + 8 * j + (i & 1) >= limit[i >> 1]) s[j][i] = -INFINITE;
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

// Shared memory: tiles for the block's rows, and of 64 keys and values stages times; of
// each warp 6 KB at least. A row's sums run over keys in an order that its sequence alone
// decides.
KERNEL(256, attention_64, bf16 *out, float *lse, const bf16 *qkv, const int *offsets, int width, int heads, int each, int tiles, int stages, int causal) {
	DYNAMIC_SHARED(bf16, memory);
	Place p = place(offsets, heads, each, tiles);
	int warps = (int)blockDim.x >> 5, begin = p.tile * warps * 16;
	if (begin >= p.n) return;
	Team team = {thread(), (int)blockDim.x, p.n <= 16};
	if (team.warp) team.at = lane(), team.size = LANES;
	int rows = team.warp ? 16 : 16 * warps, tile = team.warp ? 16 : 64, own = team.warp ? 0 : 16 * warp();
	bf16 *queries = memory + (team.warp ? warp() * 3 * 16 * HEAD : 0), *stage = queries + rows * HEAD;
	int first = begin + own, r = first + (lane() >> 2); // the warp's rows, and this lane's
	int seen = causal ? min(p.n, begin + rows) : p.n, mine = causal ? min(p.n, first + 16) : p.n;
	if (first >= p.n) mine = 0;
	int limit[2] = {causal ? min(p.n, r + 1) : p.n, causal ? min(p.n, r + 9) : p.n};
	const float scale = 0.125f, c = scale * LOG2E;
	long long stride = 3ll * width;

	for (int h = p.head + (team.warp ? warp() : 0); h < p.end; h += team.warp ? warps : 1) {
		const bf16 *x = qkv + p.first * stride + h * HEAD;
		fetch(team, queries, x + begin * stride, stride, p.n - begin, rows);
		fetch(team, stage, x + width, stride, p.n, tile);
		fetch(team, stage + tile * HEAD, x + 2 * width, stride, p.n, tile);
		copy_commit();
		float o[8][4], top[2] = {-INFINITE, -INFINITE}, total[2] = {0, 0};
		uint32 q[4][4];
		clear(o);
		for (int key = 0; key < seen; key += 64) {
			bf16 *keys = stage + (key >> 6) % stages * 2 * tile * HEAD, *values = keys + tile * HEAD;
			if (key + 64 < seen) {
				bf16 *next = stage + ((key >> 6) + 1) % stages * 2 * tile * HEAD;
				fetch(team, next, x + width + (key + 64) * stride, stride, p.n - key - 64, tile);
				fetch(team, next + tile * HEAD, x + 2 * width + (key + 64) * stride, stride, p.n - key - 64, tile);
				copy_commit();
				copy_wait<1>();
			} else {
				copy_wait<0>();
			}
			barrier(team);
			if (key == 0) as_left(q, queries, own);
			for (int g = 0; g < min(64, mine - key); g += 32) {
				bool edge = key + g + 32 > (causal ? first + 1 : p.n);
				if (mine - key - g > 16)
					attend<2>(o, top, total, q, keys, values, g, key + g, limit, edge, c);
				else
					attend<1>(o, top, total, q, keys, values, g, key + g, limit, edge, c);
			}
			barrier(team);
		}
		if (mine > 0) {
			for (int i = 0; i < 2; i++) {
				total[i] = row_sum(total[i]);
				if ((lane() & 3) == 0 && r + 8 * i < p.n) lse[(p.first + r + 8 * i) * heads + h] = top[i] * scale + logf(total[i]);
			}
			store(out + (p.first + first) * width + h * HEAD, width, p.n - first, o, 1 / total[0], 1 / total[1], queries, own);
		}
		barrier(team);
	}
}
