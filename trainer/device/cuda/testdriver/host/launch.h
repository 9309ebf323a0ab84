// Kernels by name, and their launches.
#pragma once

#include "host.h"

namespace host {

struct Function {
	const Kernel *kernel;
	int dynamic_limit; // of shared memory, in bytes
};

Function *find_function(const char *name);
const char *running_kernel();
// 0, or why a card refuses the launch.
int check_launch(const Function &f, dim3 grid, dim3 threads, size_t shared);
void run_kernel(const Function &f, dim3 grid, dim3 threads, size_t shared, const uint64_t *cells);

} // namespace host
