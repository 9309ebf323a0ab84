// The kernels compiled for plain. See all_kernels.h.
#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math")
#define LANES 4
#define KERNEL(name) name##_plain
#define KERNELS_NAME "plain"
#define KERNELS_TABLE pl_kernels_plain
#include "all_kernels.h"
