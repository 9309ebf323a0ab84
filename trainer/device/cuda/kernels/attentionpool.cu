// An attention pool's work on a picture at a time, in f32: scores u x^t of its heads, their
// softmax, and sums p x. The products with weights, before and after, are cuBLASLt's: see
// attentionpool.go. What goes into those in bf16 is written as two bf16 that add up to it
// to 2^-17: rounded once, results would differ by more than they may.
//
// A picture of n tokens, w columns and h heads costs 2 n h w operations each for scores
// and sums, once forward and three times back, and 4 n h w for dx; each reads x (n w) or u
// (h w words) and writes as much. The last stage of RN50 (50 tokens, 2,048 columns, 32
// heads) takes 13 million forward and 52 million back, so 0.7 and 2.7 us a picture at the
// 20 TFLOP/s that such loops reach on an H100, and 0.3 and 0.9 us for its bytes.
#include "gpu.h"

#define SIDE 36 // words from a staged row to the next: a run of 4 more than it holds

// s[pictures,heads,tokens] = u[pictures,heads,width] x[pictures,tokens,width]^t: 32 heads
// by 64 tokens a block, two by four of them a thread.
template <class T> DEVICE void scores(float *s, const float *u, const T *x, int heads, int tokens, int width) {
	SHARED(float, us, 32 * SIDE);
	SHARED(float, xs, 64 * SIDE);
	int tiles = (tokens + 63) / 64, groups = (heads + 31) / 32, unit = (int)blockIdx.x / tiles;
	int token = (int)blockIdx.x % tiles * 64, head = unit % groups * 32, i = thread() >> 4, j = thread() & 15;
	long long picture = unit / groups;
	u += picture * heads * width;
	x += picture * tokens * width;
	float sums[2][4] = {};
	for (int c0 = 0; c0 < width; c0 += 32) {
		int c = c0 + (thread() & 31);
		for (int r = thread() >> 5; r < 32; r += 8) us[r * SIDE + (thread() & 31)] = head + r < heads && c < width ? u[(long long)(head + r) * width + c] : 0.0f;
		for (int r = thread() >> 5; r < 64; r += 8) xs[r * SIDE + (thread() & 31)] = token + r < tokens && c < width ? wide(x[(long long)(token + r) * width + c]) : 0.0f;
		block_barrier();
		for (int k = 0; k < 32; k += 4) {
			Run<float, 4> a[2], b[4];
			for (int p = 0; p < 2; p++) a[p] = *(Run<float, 4> *)(us + (2 * i + p) * SIDE + k);
			for (int q = 0; q < 4; q++) b[q] = *(Run<float, 4> *)(xs + (16 * q + j) * SIDE + k);
			for (int p = 0; p < 2; p++)
				for (int q = 0; q < 4; q++)
					for (int e = 0; e < 4; e++) sums[p][q] += a[p].at[e] * b[q].at[e];
		}
		block_barrier();
	}
	for (int p = 0; p < 2; p++)
		for (int q = 0; q < 4; q++) {
			int h = head + 2 * i + p, t = token + 16 * q + j;
			if (h < heads && t < tokens) s[(picture * heads + h) * tokens + t] = sums[p][q];
		}
}

// p[rows,n] = softmax(factor p), a row a warp.
KERNEL(128, pool_softmax, float *p, int rows, int n, float factor) {
	int r = (int)blockIdx.x * 4 + warp();
	if (r >= rows) return;
	p += (long long)r * n;
	float top = as_float(0xff800000u), total = 0;
	for (int i = lane(); i < n; i += LANES) top = fmaxf(top, p[i]);
	top = warp_max(top);
	for (int i = lane(); i < n; i += LANES) {
		float e = expf((p[i] - top) * factor);
		p[i] = e;
		total += e;
	}
	total = warp_sum(total);
	for (int i = lane(); i < n; i += LANES) p[i] /= total;
}

// dp becomes the gradient of the scores, before factor.
KERNEL(128, pool_softmax_backward, float *dp, const float *p, int rows, int n, float factor) {
	int r = (int)blockIdx.x * 4 + warp();
	if (r >= rows) return;
	p += (long long)r * n;
	dp += (long long)r * n;
	float sum = 0;
	for (int i = lane(); i < n; i += LANES) sum += p[i] * dp[i];
	sum = warp_sum(sum);
	for (int i = lane(); i < n; i += LANES) dp[i] = p[i] * (dp[i] - sum) * factor;
}

// add computes sums[16][2] += w^t y for 16 results of which weights has w[k][16] for k
// below count, and columns c and c+128 of y's rows.
template <class T> DEVICE void add(float sums[16][2], const float *weights, const T *y, int count, int c, int width) {
	bool first = c < width, second = c + 128 < width;
	for (int k = 0; k < count; k++) {
		float a = first ? wide(y[(long long)k * width + c]) : 0.0f, b = second ? wide(y[(long long)k * width + c + 128]) : 0.0f;
		for (int i = 0; i < 16; i += 4) {
			Run<float, 4> f = *(const Run<float, 4> *)(weights + k * 16 + i);
			for (int e = 0; e < 4; e++) {
				sums[i + e][0] += f.at[e] * a;
				sums[i + e][1] += f.at[e] * b;
			}
		}
	}
}

// A sum as its type has it, or in bf16 as what is rounded and the rest, apart by so many.
DEVICE void put_parts(float *p, float x, long long) { *p = x; }
DEVICE void put_parts(bf16 *p, float x, long long apart) {
	p[0] = narrow(x);
	p[apart] = narrow(x - wide(p[0]));
}

// y[pictures,heads,width] = w[pictures,heads,tokens] x[pictures,tokens,width]: 16 heads by
// 256 columns a block.
template <class T> DEVICE void sums_of_tokens(T *y, const float *w, const T *x, int heads, int tokens, int width, long long apart) {
	SHARED(float, weights, 64 * 16);
	int chunks = (width + 255) / 256, groups = (heads + 15) / 16, unit = (int)blockIdx.x / groups;
	int head = (int)blockIdx.x % groups * 16, c = unit % chunks * 256 + thread();
	long long picture = unit / chunks;
	w += picture * heads * tokens;
	x += picture * tokens * width;
	float sums[16][2] = {};
	for (int t = 0; t < tokens; t += 64) {
		for (int i = thread(); i < 64 * 16; i += 128) {
			int h = head + (i >> 6), k = t + (i & 63);
			weights[(i & 63) * 16 + (i >> 6)] = h < heads && k < tokens ? w[h * tokens + k] : 0.0f;
		}
		block_barrier();
		add(sums, weights, x + (long long)t * width, min(64, tokens - t), c, width);
		block_barrier();
	}
	for (int i = 0; i < 16; i++)
		for (int j = 0; j < 2; j++)
			if (head + i < heads && c + 128 * j < width) put_parts(y + (picture * heads + head + i) * width + c + 128 * j, sums[i][j], apart);
}

// dx[pictures,tokens,width] = p^t dpooled + ds^t u: 16 tokens by 256 columns a block.
template <class T> DEVICE void sums_of_heads(T *dx, const float *p, const float *dpooled, const float *ds, const float *u, int heads, int tokens, int width) {
	SHARED(float, weights, 64 * 16);
	int chunks = (width + 255) / 256, groups = (tokens + 15) / 16, unit = (int)blockIdx.x / groups;
	int token = (int)blockIdx.x % groups * 16, c = unit % chunks * 256 + thread();
	long long picture = unit / chunks;
	float sums[16][2] = {};
	for (int half = 0; half < 2; half++) {
		const float *w = (half ? ds : p) + picture * heads * tokens, *y = (half ? u : dpooled) + picture * heads * width;
		for (int h = 0; h < heads; h += 64) {
			for (int i = thread(); i < 64 * 16; i += 128) {
				int k = h + (i >> 4), t = token + (i & 15);
				weights[i] = k < heads && t < tokens ? w[k * tokens + t] : 0.0f;
			}
			block_barrier();
			add(sums, weights, y + (long long)h * width, min(64, heads - h), c, width);
			block_barrier();
		}
	}
	for (int i = 0; i < 16; i++)
		for (int j = 0; j < 2; j++)
			if (token + i < tokens && c + 128 * j < width) put(dx + (picture * tokens + token + i) * width + c + 128 * j, sums[i][j]);
}

#define POOL(S, T) \
	KERNEL(256, pool_scores_##S, float *s, const float *u, const T *x, int heads, int tokens, int width) { scores(s, u, x, heads, tokens, width); } \
	KERNEL_SHARING(128, 6, pool_sums_of_tokens_##S, T *y, const float *w, const T *x, int heads, int tokens, int width, long long apart) { sums_of_tokens(y, w, x, heads, tokens, width, apart); } \
	KERNEL_SHARING(128, 6, pool_sums_of_heads_##S, T *dx, const float *p, const float *dpooled, const float *ds, const float *u, int heads, int tokens, int width) { sums_of_heads(dx, p, dpooled, ds, u, heads, tokens, width); }
FOR_TYPES(POOL)
