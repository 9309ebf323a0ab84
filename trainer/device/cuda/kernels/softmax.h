// Sums of exponentials of numbers that are seen once, in pieces.
#pragma once
#include "gpu.h"

// A largest value, and the sum of exponentials of all, less it.
struct Softmax {
	float top, sum;
	DEVICE_MEMBER void add(float x) {
		if (x > top) {
			sum *= expf(top - x);
			top = x;
		}
		sum += expf(x - top);
	}
	DEVICE_MEMBER void join(float other_top, float other_sum) {
		float all = fmaxf(top, other_top);
		// An empty one is the lowest float and 0.
		sum = sum * expf(top - all) + other_sum * expf(other_top - all);
		top = all;
	}
};

DEVICE Softmax warp_softmax(Softmax s) {
	for (int m = 16; m > 0; m >>= 1) {
		float top = shuffle_xor(s.top, m), sum = shuffle_xor(s.sum, m);
		s.join(top, sum);
	}
	return s;
}
