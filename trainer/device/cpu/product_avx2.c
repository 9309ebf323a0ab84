// The kernels of products compiled for avx2. See product_kernels.h.
#if defined(__x86_64__)
#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math", "no-strict-aliasing")
#pragma GCC target("avx2,fma")
#define LANES 8
#define TILE_ROWS 6
#define KERNEL(name) name##_avx2
#define KERNELS_TABLE pl_product_avx2
#include "product_kernels.h"
#endif
