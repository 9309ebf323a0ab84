// The kernels compiled for avx2. See all_kernels.h.
#if defined(__x86_64__)
#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math")
#pragma GCC target("avx2,fma")
#define LANES 8
#define KERNEL(name) name##_avx2
#define KERNELS_NAME "avx2"
#define KERNELS_TABLE pl_kernels_avx2
#include "all_kernels.h"
#endif
