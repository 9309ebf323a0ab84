#include "kernels.h"

extern const pl_kernels pl_kernels_plain;
#if defined(__x86_64__)
extern const pl_kernels pl_kernels_avx2, pl_kernels_avx512;
#endif

const pl_kernels *pl_chosen;

void pl_choose(int level) {
	pl_chosen = &pl_kernels_plain;
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (level <= 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		pl_chosen = &pl_kernels_avx2;
	if (level <= 0 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
	    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
		pl_chosen = &pl_kernels_avx512;
#endif
}
