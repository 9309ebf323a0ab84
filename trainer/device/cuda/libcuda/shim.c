// A stand-in for libcuda at link time: it exports the driver's functions that this
// program calls (functions.S, made from the linker's list by make.sh) and hands each
// call on to the real library, which is opened when cuInit is called. So one program
// starts on every machine, and building it needs cuda.h alone.
//
// gorgonia.org/cu calls cuInit before main and ends the process on any error: here it
// always succeeds, and pairloom_cuda_state keeps what was found.
#include <dlfcn.h>
#include <stdlib.h>

extern void *pairloom_cuda_functions[];
extern const char *const pairloom_cuda_names[];
extern const int pairloom_cuda_count;

static int state;
static const char *fault;

// What a function answers that no library has: CUDA_ERROR_NO_DEVICE without a library,
// CUDA_ERROR_NOT_FOUND from one that is too old to have it.
static int no_library(void) { return 100; }
static int no_function(void) { return 500; }

int cuInit(unsigned flags) {
	static int done;
	if (done) return 0;
	done = 1;
	const char *path = getenv("PAIRLOOM_LIBCUDA");
	if (!path || !*path) path = "libcuda.so.1";
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library) fault = dlerror();
	for (int i = 0; i < pairloom_cuda_count; i++) {
		void *f = library ? dlsym(library, pairloom_cuda_names[i]) : 0;
		pairloom_cuda_functions[i] = f ? f : library ? (void *)no_function : (void *)no_library;
	}
	int (*init)(unsigned) = library ? (int (*)(unsigned))dlsym(library, "cuInit") : 0;
	state = init ? init(flags) : library ? 500 : 100;
	return 0;
}

// What cuInit answered, or 100 without a library; and why that could not be opened.
int pairloom_cuda_state(const char **why) {
	*why = fault;
	return state;
}
