// Attention's scratch: one head of one sequence at a time, in float, so that it
// stays in the cache.
typedef struct {
	int64_t n, np;                        // rows, padded
	int64_t d, dp;                        // head size, padded
	float *q, *k, *v, *o, *kt, *vt, *s, *ds, *out;
} pl_head;

static int64_t KERNEL(attention_scratch)(int64_t longest, int64_t size) {
	int64_t np = padded(longest), dp = padded(size);
	return 5 * longest * dp + 2 * size * np + 2 * longest * np;
}

INLINE pl_head head_at(float *scratch, int64_t n, int64_t d) {
	pl_head h = {.n = n, .np = padded(n), .d = d, .dp = padded(d)};
	h.q = scratch;
	h.k = h.q + n * h.dp;
	h.v = h.k + n * h.dp;
	h.o = h.v + n * h.dp;
	h.out = h.o + n * h.dp;
	h.kt = h.out + n * h.dp;
	h.vt = h.kt + d * h.np;
	h.s = h.vt + d * h.np;
	h.ds = h.s + n * h.np;
	return h;
}
