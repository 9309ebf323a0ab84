// The host's half of kernels/gpu.h: each thread of a block is a fiber, which gives way
// at barriers and where lanes exchange values; fiber.cc runs them, memory.cc says
// which addresses they may touch. One block runs at a time.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

typedef uint16_t uint16;
typedef uint32_t uint32;

struct dim3 {
	unsigned x, y, z;
};
struct uint4 {
	unsigned x, y, z, w;
};
struct alignas(16) float4 {
	float x, y, z, w;
};

namespace host {

// Of the fiber that runs. Nothing changes them while its kernel runs, so that it may keep
// what it has read: they are written under other names (see fiber.h) at each switch.
extern const dim3 thread __asm__("pairloom_testdriver_thread");
extern const dim3 block __asm__("pairloom_testdriver_block");
extern const dim3 block_size __asm__("pairloom_testdriver_block_size");
extern const dim3 grid_size __asm__("pairloom_testdriver_grid_size");

void barrier();
void warp_barrier();
uint32 shuffle(uint32 x, int lane);
uint32 ballot(bool x);
// A static array of the block that runs; where its memory lies is found once a block.
struct SharedArray {
	const char *name;
	unsigned long long serial; // of the block that at is for
	char *at;
};
extern unsigned long long block_serial; // counts blocks over all launches
void place_shared(SharedArray &a, size_t bytes);
inline void *shared(SharedArray &a, size_t bytes) {
	if (a.serial != block_serial) place_shared(a, bytes);
	return a.at;
}
void *dynamic_shared();
void copy_async(void *shared, const void *global, bool valid);
void copy_commit();
void copy_wait(int groups);
void load_matrices(uint32 r[4], const void *row, bool transposed);
void multiply(float d[4], const uint32 a[4], const uint32 b[2]);

// A parameter's kind: 'p' for an address, else its bytes.
template <class A> constexpr char kind_of() { return std::is_pointer<A>::value ? 'p' : (char)sizeof(A); }
template <class... A> struct Kinds {
	static constexpr char all[] = {kind_of<A>()..., 0};
};

// A kernel by its name, and how its parameters are read out of the launch's cells.
struct Kernel {
	const char *name;
	int threads; // the most of a block
	int parameters;
	const char *kinds;
	void (*run)(void **cells, void (*f)());
	void (*f)();
	Kernel *next;
	static Kernel *first;

	template <class... A> Kernel(const char *name, int threads, void (*f)(A...)) : name(name), threads(threads), parameters(sizeof...(A)), kinds(Kinds<A...>::all), f((void (*)())f), next(first) {
		run = [](void **cells, void (*f)()) { call((void (*)(A...))f, cells, std::make_index_sequence<sizeof...(A)>()); };
		first = this;
	}
	// The cells are no memory of the device: not to be watched.
	template <class... A, size_t... I> __attribute__((no_sanitize("thread"))) static void call(void (*f)(A...), void **cells, std::index_sequence<I...>) { f(*(A *)cells[I]...); }
};

} // namespace host

#define threadIdx host::thread
#define blockIdx host::block
#define blockDim host::block_size
#define gridDim host::grid_size
#define __restrict__ __restrict
#define DEVICE static inline
#define DEVICE_MEMBER inline
#define KERNEL(threads, name, ...) \
	static void name(__VA_ARGS__); \
	static host::Kernel kernel_##name(#name, threads, name); \
	static void name(__VA_ARGS__)
#define KERNEL_SHARING(threads, blocks, name, ...) KERNEL(threads, name, __VA_ARGS__)
#define SHARED(type, name, count) \
	static host::SharedArray array_of_##name = {#name, 0, 0}; \
	type *const name = (type *)host::shared(array_of_##name, sizeof(type) * (count))
#define DYNAMIC_SHARED(type, name) type *const name = (type *)host::dynamic_shared()

DEVICE float as_float(uint32 bits) {
	float x;
	memcpy(&x, &bits, 4);
	return x;
}
DEVICE uint32 as_bits(float x) {
	uint32 b;
	memcpy(&b, &x, 4);
	return b;
}

DEVICE void block_barrier() { host::barrier(); }
DEVICE void warp_barrier() { host::warp_barrier(); }
DEVICE uint32 shuffle(uint32 x, int lane) { return host::shuffle(x, lane); }
DEVICE int shuffle(int x, int lane) { return (int)host::shuffle((uint32)x, lane); }
DEVICE float shuffle(float x, int lane) { return as_float(host::shuffle(as_bits(x), lane)); }
DEVICE float shuffle_xor(float x, int mask) { return shuffle(x, (int)((threadIdx.x & 31) ^ (unsigned)mask)); }
DEVICE int shuffle_xor(int x, int mask) { return shuffle(x, (int)((threadIdx.x & 31) ^ (unsigned)mask)); }
DEVICE uint32 ballot(bool x) { return host::ballot(x); }
DEVICE int count_bits(uint32 x) { return __builtin_popcount(x); }
DEVICE void copy_async(void *shared, const void *global, bool valid) { host::copy_async(shared, global, valid); }
DEVICE void copy_commit() { host::copy_commit(); }
template <int N> DEVICE void copy_wait() { host::copy_wait(N); }
DEVICE void load_matrices(uint32 r[4], const void *row) { host::load_matrices(r, row, false); }
DEVICE void load_matrices_transposed(uint32 r[4], const void *row) { host::load_matrices(r, row, true); }
DEVICE void multiply(float d[4], const uint32 a[4], const uint32 b[2]) { host::multiply(d, a, b); }

DEVICE float exp2_fast(float x) { return exp2f(x); }
DEVICE float rsqrtf(float x) { return 1.0f / sqrtf(x); }
DEVICE int min(int a, int b) { return a < b ? a : b; }
DEVICE int max(int a, int b) { return a > b ? a : b; }
DEVICE long long min(long long a, long long b) { return a < b ? a : b; }
DEVICE long long max(long long a, long long b) { return a > b ? a : b; }
