// The kernels of products compiled for avx512bf16. See product_kernels.h.
#if defined(__x86_64__)
#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math", "no-strict-aliasing")
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx512bf16,avx2,fma,prefer-vector-width=512")
#include <immintrin.h>
#define PAIRS
#define LANES 16
#define TILE_ROWS 14
#define KERNEL(name) name##_avx512bf16
#define KERNELS_TABLE pl_product_avx512bf16
#include "product_kernels.h"
#endif
