// Attention of packed sequences: out = softmax(q k^t / sqrt(size)) v, one head
// of one sequence at a time. Probabilities are not kept: backward computes them again from the rows' log-sum-exp.
// load copies a head's n rows from x with the given stride, times factor.
INLINE void TYPED(load)(float *to, const pl_head *h, const T *x, int64_t stride, float factor) {
	for (int64_t i = 0; i < h->n; i++) {
#pragma omp simd
		for (int64_t c = 0; c < h->d; c++)
			to[i * h->dp + c] = F(x[i * stride + c]) * factor;
		for (int64_t c = h->d; c < h->dp; c++)
			to[i * h->dp + c] = 0;
	}
}

INLINE void TYPED(store)(T *x, int64_t stride, const pl_head *h) {
	for (int64_t i = 0; i < h->n; i++)
#pragma omp simd
		for (int64_t c = 0; c < h->d; c++)
			x[i * stride + c] = R(h->out[i * h->dp + c]);
}

// transpose writes a head's rows as columns.
INLINE void TYPED(transpose)(float *to, const pl_head *h, const T *x, int64_t stride) {
	for (int64_t c = 0; c < h->d; c++) {
		for (int64_t i = 0; i < h->n; i++)
			to[c * h->np + i] = F(x[i * stride + c]);
		for (int64_t i = h->n; i < h->np; i++)
			to[c * h->np + i] = 0;
	}
}

static void TYPED(attention)(T *out, float *lse, const T *qkv, const int32_t *offsets, pl_attention_shape a, float *scratch) {
	int64_t width = a.width, d = width / a.heads, stride = 3 * width;
	int64_t each = KERNEL(attention_scratch)(a.longest, d);
	float factor = 1.0f / sqrtf((float)d);
#pragma omp parallel for schedule(static)
	for (int64_t unit = 0; unit < (int64_t)a.sequences * a.heads; unit++) {
		int64_t seq = unit / a.heads, number = unit % a.heads, first = offsets[seq];
		pl_head h = head_at(scratch + each * omp_get_thread_num(), offsets[seq + 1] - first, d);
		const T *x = qkv + first * stride + number * d;
		TYPED(load)(h.q, &h, x, stride, factor);
		TYPED(transpose)(h.kt, &h, x + width, stride);
		TYPED(load)(h.v, &h, x + 2 * width, stride, 1.0f);
		KERNEL(product)(h.s, h.np, h.q, h.dp, 1, h.kt, h.np, h.n, h.np, d);
		for (int64_t i = 0; i < h.n; i++) {
			float *row = h.s + i * h.np, top = row[0], total = 0;
			int64_t seen = a.causal ? i + 1 : h.n;
#pragma omp simd reduction(max : top)
			for (int64_t j = 0; j < seen; j++)
				top = row[j] > top ? row[j] : top;
#pragma omp simd reduction(+ : total)
			for (int64_t j = 0; j < seen; j++) {
				float p = exp_lane(row[j] - top);
				row[j] = p;
				total += p;
			}
			float inverse = 1.0f / total;
#pragma omp simd
			for (int64_t j = 0; j < seen; j++)
				row[j] *= inverse;
			for (int64_t j = seen; j < h.n; j++)
				row[j] = 0;
			lse[(first + i) * a.heads + number] = top + logf(total);
		}
		KERNEL(product)(h.out, h.dp, h.s, h.np, 1, h.v, h.dp, h.n, h.dp, h.n);
		TYPED(store)(out + first * width + number * d, width, &h);
	}
}

// attention_backward: with P the probabilities, D = sum(dout*out) and
// dS = P*(dout v^t - D)/sqrt(size): dv = P^t dout, dq = dS k, dk = dS^t q.
static void TYPED(attention_backward)(T *dqkv, const T *dout, const T *out, const float *lse, const T *qkv, const int32_t *offsets, pl_attention_shape a, float *scratch) {
	int64_t width = a.width, d = width / a.heads, stride = 3 * width;
	int64_t each = KERNEL(attention_scratch)(a.longest, d);
	float factor = 1.0f / sqrtf((float)d);
#pragma omp parallel for schedule(static)
	for (int64_t unit = 0; unit < (int64_t)a.sequences * a.heads; unit++) {
		int64_t seq = unit / a.heads, number = unit % a.heads, first = offsets[seq];
		pl_head h = head_at(scratch + each * omp_get_thread_num(), offsets[seq + 1] - first, d);
		const T *x = qkv + first * stride + number * d;
		const T *y = out + first * width + number * d, *dy = dout + first * width + number * d;
		T *dx = dqkv + first * stride + number * d;
		TYPED(load)(h.q, &h, x, stride, factor);
		TYPED(load)(h.k, &h, x + width, stride, factor);
		TYPED(load)(h.o, &h, dy, width, 1.0f);
		TYPED(transpose)(h.kt, &h, x + width, stride);
		TYPED(transpose)(h.vt, &h, x + 2 * width, stride);
		KERNEL(product)(h.s, h.np, h.q, h.dp, 1, h.kt, h.np, h.n, h.np, d);
		KERNEL(product)(h.ds, h.np, h.o, h.dp, 1, h.vt, h.np, h.n, h.np, d);
		for (int64_t i = 0; i < h.n; i++) {
			float *p = h.s + i * h.np, *ds = h.ds + i * h.np, sum = 0;
			float log_total = lse[(first + i) * a.heads + number];
			int64_t seen = a.causal ? i + 1 : h.n;
#pragma omp simd reduction(+ : sum)
			for (int64_t c = 0; c < d; c++)
				sum += F(dy[i * width + c]) * F(y[i * width + c]);
#pragma omp simd
			for (int64_t j = 0; j < seen; j++) {
				p[j] = exp_lane(p[j] - log_total);
				ds[j] = p[j] * (ds[j] - sum);
			}
			for (int64_t j = seen; j < h.n; j++)
				p[j] = ds[j] = 0;
		}
		// q and k carry the factor 1/sqrt(size) already, once each.
		KERNEL(product)(h.out, h.dp, h.ds, h.np, 1, h.k, h.dp, h.n, h.dp, h.n);
		TYPED(store)(dx, stride, &h);
		KERNEL(product)(h.out, h.dp, h.ds, 1, h.np, h.q, h.dp, h.n, h.dp, h.n);
		TYPED(store)(dx + width, stride, &h);
		KERNEL(product)(h.out, h.dp, h.s, 1, h.np, h.o, h.dp, h.n, h.dp, h.n);
		TYPED(store)(dx + 2 * width, stride, &h);
	}
}
