// The kernels of products compiled for plain. See product_kernels.h.
#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math", "no-strict-aliasing")
#define LANES 4
#define TILE_ROWS 6
#define KERNEL(name) name##_plain
#define KERNELS_TABLE pl_product_plain
#include "product_kernels.h"
