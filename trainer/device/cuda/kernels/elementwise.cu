// Fill, copy, sum, blend, clamp, convert: each element by itself. They cost their bytes:
// as many elements read and written as the operation says, one operation each.
#include "gpu.h"

template <class T> DEVICE void fill(T *x, long long n, float value) {
	for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x) put(x + i, value);
}
#define FILL(S, T) \
	KERNEL(256, fill_##S, T *x, long long n, float value) { fill(x, n, value); }
FOR_TYPES(FILL)
