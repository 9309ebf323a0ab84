// A stand-in for libcuda at link time: it exports the driver's functions that this
// program calls (functions.S, made from the linker's list by make.sh) and hands each
// call on to the real library. So one program starts on every machine, and building it
// needs cuda.h alone.
//
// gorgonia.org/cu calls cuInit before main and ends the process on any error: here it
// does nothing and succeeds. The library is opened by pairloom_cuda_state, which keeps what
// was found: commands that compute nothing, and the children that decode pictures within
// limits of memory, have no driver that maps its own.
#include <dlfcn.h>
#include <pthread.h>
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

// Until then no function has a library.
static void __attribute__((constructor)) no_driver_yet(void) {
	for (int i = 0; i < pairloom_cuda_count; i++) pairloom_cuda_functions[i] = (void *)no_library;
}

int cuInit(unsigned flags) {
	(void)flags;
	return 0;
}

static void open_library(void) {
	const char *path = getenv("PAIRLOOM_LIBCUDA");
	if (!path || !*path) path = "libcuda.so.1";
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library) fault = dlerror();
	for (int i = 0; i < pairloom_cuda_count; i++) {
		void *f = library ? dlsym(library, pairloom_cuda_names[i]) : 0;
		pairloom_cuda_functions[i] = f ? f : library ? (void *)no_function : (void *)no_library;
	}
	int (*init)(unsigned) = library ? (int (*)(unsigned))dlsym(library, "cuInit") : 0;
	state = init ? init(0) : library ? 500 : 100;
}

// Opens the driver's library, the first time, and says what its cuInit answered, or 100
// without a library; and why that could not be opened. Other functions come after it.
int pairloom_cuda_state(const char **why) {
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, open_library);
	*why = fault;
	return state;
}
