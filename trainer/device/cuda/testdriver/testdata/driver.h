// The driver's functions, as testdata's programs call them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

typedef uintptr_t address;
#define F extern "C" int
F cuInit(unsigned);
F cuDevicePrimaryCtxRetain(void **, int);
F cuDevicePrimaryCtxRelease_v2(int);
F cuCtxSetCurrent(void *);
F cuCtxSynchronize();
F cuMemAlloc_v2(address *, size_t);
F cuMemFree_v2(address);
F cuMemAllocAsync(address *, size_t, void *);
F cuMemFreeAsync(address, void *);
F cuMemHostAlloc(void **, size_t, unsigned);
F cuMemFreeHost(void *);
F cuMemcpyHtoD_v2(address, const void *, size_t);
F cuMemcpyDtoH_v2(void *, address, size_t);
F cuMemcpyHtoDAsync_v2(address, const void *, size_t, void *);
F cuMemcpyDtoHAsync_v2(void *, address, size_t, void *);
F cuMemsetD8Async(address, unsigned char, size_t, void *);
F cuStreamCreate(void **, unsigned);
F cuStreamSynchronize(void *);
F cuStreamWaitEvent(void *, void *, unsigned);
F cuEventCreate(void **, unsigned);
F cuEventRecord(void *, void *);
F cuEventSynchronize(void *);
F cuModuleLoadData(void **, const void *);
F cuModuleGetFunction(void **, void *, const char *);
F cuFuncSetAttribute(void *, int, int);
F cuLaunchKernel(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **);
F cuGetErrorName(int, const char **);
F cuGetErrorString(int, const char **);
#undef F

struct Shape {
	unsigned gx = 1, gy = 1, gz = 1, bx = 32, by = 1, bz = 1, shared = 0;
	void *stream = nullptr;
};

inline uint64_t cell(address x) { return x; }
inline uint64_t cell(int x) { return (uint32_t)x; }

// Launches a kernel by its name.
template <class... A> int launch(const char *name, Shape s, A... a) {
	static void *module;
	void *f;
	if (!module) cuModuleLoadData(&module, ".version 8.0");
	int code = cuModuleGetFunction(&f, module, name);
	if (code) return code;
	uint64_t cells[] = {cell(a)..., 0};
	void *pointers[sizeof...(A) + 1];
	for (size_t i = 0; i <= sizeof...(A); i++) pointers[i] = &cells[i];
	return cuLaunchKernel(f, s.gx, s.gy, s.gz, s.bx, s.by, s.bz, s.shared, s.stream, pointers, nullptr);
}

inline address device(size_t bytes) {
	address p = 0;
	if (cuMemAlloc_v2(&p, bytes)) printf("no memory\n");
	return p;
}
template <class T> address device(const std::vector<T> &x) {
	address p = device(x.size() * sizeof(T));
	cuMemcpyHtoD_v2(p, x.data(), x.size() * sizeof(T));
	return p;
}
template <class T> std::vector<T> host(address p, size_t n) {
	std::vector<T> x(n);
	cuMemcpyDtoH_v2(x.data(), p, n * sizeof(T));
	return x;
}

inline void start() {
	void *context;
	if (cuInit(0) || cuDevicePrimaryCtxRetain(&context, 0) || cuCtxSetCurrent(context)) printf("no driver\n");
}
