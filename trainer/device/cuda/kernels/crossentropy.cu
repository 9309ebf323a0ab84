// Softmax cross entropy against one class a row, or an even spread over several; a
// block a row, of f32.
//
// cross_entropy: reads logits once: each thread keeps the largest that it saw and the
// sum of exponentials below it. Writes lse and the row's loss, which cross_entropy_end
// averages; one exponential an element. Two launches.
//
// cross_entropy_backward: reads logits and writes dlogits, which may be logits; one
// exponential an element.
#include "rows.h"
#include "softmax.h"

KERNEL(256, cross_entropy, float *each, float *lse, const float *logits, const int *targets, const int *offsets, int classes) {
	SHARED(float, tops, 8);
	SHARED(float, sums, 8);
	SHARED(float, cells, 33);
	const float *row = logits + (long long)blockIdx.x * classes;
	Softmax s = {-3.402823466e38f, 0};
	if (classes % 4 == 0 && aligned<4>(logits)) {
#pragma unroll 2
		for (int c = (int)threadIdx.x * 4; c < classes; c += (int)blockDim.x * 4) {
			float v[4];
			load(v, row + c);
			float top = fmaxf(fmaxf(v[0], v[1]), fmaxf(v[2], v[3]));
			if (top > s.top) {
				s.sum *= expf(s.top - top);
				s.top = top;
			}
			s.sum += expf(v[0] - s.top) + expf(v[1] - s.top) + (expf(v[2] - s.top) + expf(v[3] - s.top));
		}
	} else {
		for (int c = (int)threadIdx.x; c < classes; c += (int)blockDim.x) s.add(row[c]);
	}
	s = warp_softmax(s);
	if (lane() == 0) {
		tops[warp()] = s.top;
		sums[warp()] = s.sum;
	}
	block_barrier();
	s.top = tops[0];
	s.sum = sums[0];
	for (int w = 1; w < (int)blockDim.x / 32; w++) s.join(tops[w], sums[w]);
	float log_sum = s.top + logf(s.sum);
	int first = offsets[blockIdx.x], last = offsets[blockIdx.x + 1];
	// Targets less the log-sum-exp, so that a large logit costs no digits.
	float less = 0;
	for (int t = first + (int)threadIdx.x; t < last; t += (int)blockDim.x) less += log_sum - row[targets[t]];
	less = block_sum(less, cells);
	if (threadIdx.x == 0) {
		lse[blockIdx.x] = log_sum;
		each[blockIdx.x] = last > first ? less / (float)(last - first) : 0.0f;
	}
}

KERNEL(256, cross_entropy_end, float *loss, const float *each, int rows) {
	SHARED(double, cells, 256);
	double sum = 0;
#pragma unroll 4
	for (int i = (int)threadIdx.x; i < rows; i += (int)blockDim.x) sum += each[i];
	sum = block_total(sum, cells);
	if (threadIdx.x == 0) *loss = (float)(sum / rows);
}

KERNEL(256, cross_entropy_backward, float *dlogits, const float *lse, const float *logits, const int *targets, const int *offsets, int rows, int classes, float weight) {
	const float *row = logits + (long long)blockIdx.x * classes;
	float *out = dlogits + (long long)blockIdx.x * classes;
	int first = offsets[blockIdx.x], last = offsets[blockIdx.x + 1];
	float share = last > first ? weight / (float)rows : 0.0f, total = lse[blockIdx.x];
	if (classes % 4 == 0 && aligned<4>(logits) && aligned<4>(dlogits)) {
		for (int c = (int)threadIdx.x * 4; c < classes; c += (int)blockDim.x * 4) {
			float v[4];
			load(v, row + c);
#pragma unroll
			for (int j = 0; j < 4; j++) v[j] = share * expf(v[j] - total);
			store(out + c, v);
		}
	} else {
		for (int c = (int)threadIdx.x; c < classes; c += (int)blockDim.x) out[c] = share * expf(row[c] - total);
	}
	block_barrier();
	// In order, for a class may be named twice.
	if (threadIdx.x == 0) {
		for (int t = first; t < last; t++) out[targets[t]] -= share / (float)(last - first);
	}
}
