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
// 0, or which of the cells cannot be what the kernel's parameter is.
int check_parameters(const Function &f, const uint64_t *cells);
void run_kernel(const Function &f, dim3 grid, dim3 threads, size_t shared, const uint64_t *cells);

} // namespace host
