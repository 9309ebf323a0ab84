// The kernels of products compiled for avx512. See product_kernels.h.
#if defined(__x86_64__)
#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math", "no-strict-aliasing")
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,prefer-vector-width=512")
#define LANES 16
#define TILE_ROWS 14
#define KERNEL(name) name##_avx512
#define KERNELS_TABLE pl_product_avx512
#include "product_kernels.h"
#endif
