// The kernels compiled for avx512. See all_kernels.h.
#if defined(__x86_64__)
#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math")
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,prefer-vector-width=512")
#define LANES 16
#define KERNEL(name) name##_avx512
#define KERNELS_NAME "avx512"
#define KERNELS_TABLE pl_kernels_avx512
#include "all_kernels.h"
#endif
