// The language that the kernels are written in: CUDA C++ for a card, and the same
// sources in C++ for the test driver, which runs them on the host. What differs
// between the two is in this file and in testdriver/host/host.h alone.
//
// A kernel is declared by KERNEL(threads, name, parameters): threads is the most that
// a block has. A parameter is a pointer, an int, a long long or a float: each takes a
// cell of 8 bytes. Kernels of activations end in _f32 or _bf16, see FOR_TYPES.
#pragma once

#ifdef __CUDACC_RTC__

#define KERNEL(threads, name, ...) extern "C" __global__ void __launch_bounds__(threads) name(__VA_ARGS__)
// A kernel of which a multiprocessor runs so many blocks at a time: as many registers are a thread's share.
#define KERNEL_SHARING(threads, blocks, name, ...) extern "C" __global__ void __launch_bounds__(threads, blocks) name(__VA_ARGS__)
#define DEVICE static __device__ __forceinline__
#define DEVICE_MEMBER __device__ __forceinline__
// An array that a block shares; its content is unknown when the block starts.
#define SHARED(type, name, count) __shared__ __align__(16) type name[count]
// The block's shared memory of the size that the launch gave.
#define DYNAMIC_SHARED(type, name) extern __shared__ __align__(128) unsigned char dynamic_shared_memory[]; type *name = (type *)dynamic_shared_memory

typedef unsigned short uint16;
typedef unsigned int uint32;

DEVICE void block_barrier() { __syncthreads(); }
DEVICE void warp_barrier() { __syncwarp(); }
// What the lane that is named, or that is mask away, holds. All 32 lanes call.
DEVICE float shuffle(float x, int lane) { return __shfl_sync(0xffffffffu, x, lane); }
DEVICE int shuffle(int x, int lane) { return __shfl_sync(0xffffffffu, x, lane); }
DEVICE uint32 shuffle(uint32 x, int lane) { return __shfl_sync(0xffffffffu, x, lane); }
DEVICE float shuffle_xor(float x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
DEVICE int shuffle_xor(int x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
// One bit a lane, of all 32.
DEVICE uint32 ballot(bool x) { return __ballot_sync(0xffffffffu, x); }
// How many bits are set.
DEVICE int count_bits(uint32 x) { return __popc(x); }

DEVICE uint32 shared_address(const void *p) { return (uint32)__cvta_generic_to_shared(p); }

// Starts a copy of 16 bytes to shared memory, of zeros unless valid. Both addresses
// are multiples of 16. It has arrived after copy_commit, copy_wait and a barrier.
DEVICE void copy_async(void *shared, const void *global, bool valid) {
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(valid ? 16 : 0) : "memory");
}
// Ends a group of copies.
DEVICE void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until at most N groups of this thread are still under way.
template <int N> DEVICE void copy_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }

// Reads four 8 x 8 matrices of 16-bit words from shared memory, one row of 16 bytes a
// lane: lanes 0 to 7 name the rows of the first matrix, and so on. Lane l gets words
// 2*(l%4) and 2*(l%4)+1 of row l/4 of each; transposed, of column l/4.
DEVICE void load_matrices(uint32 r[4], const void *row) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}
DEVICE void load_matrices_transposed(uint32 r[4], const void *row) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}

// d[16,8] += a[16,16] b[16,8] over a warp, of bf16 with sums in f32 (PTX
// mma.m16n8k16.row.col). With g = lane/4 and t = lane%4, lane holds
// d: rows g, g, g+8, g+8, columns 2t, 2t+1, 2t, 2t+1;
// a, two a word: rows g, g+8, g, g+8, columns from 2t, 2t, 2t+8, 2t+8;
// b, two a word: rows from 2t, 2t+8, column g.
DEVICE void multiply(float d[4], const uint32 a[4], const uint32 b[2]) {
	asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
	             : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
	             : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// 2^x to 2 units in the last place, 0 where that is less than 2^-126.
DEVICE float exp2_fast(float x) {
	float y;
	asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
	return y;
}

DEVICE float as_float(uint32 bits) { return __uint_as_float(bits); }
DEVICE uint32 as_bits(float x) { return __float_as_uint(x); }

#else
#include "host.h"
#endif

// bf16 is the upper half of a float.
struct bf16 {
	uint16 bits;
};

DEVICE float wide(float x) { return x; }
DEVICE float wide(bf16 x) { return as_float((uint32)x.bits << 16); }

// Two bf16 in a word, the first in the lower half, as multiply takes them. Rounds to
// nearest even; what is not a number stays so.
#ifdef __CUDACC_RTC__
DEVICE uint32 pack(float low, float high) {
	uint32 y;
	asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
	return y;
}
#else
DEVICE uint32 rounded(float x) {
	uint32 b = as_bits(x);
	return (b & 0x7fffffffu) > 0x7f800000u ? b >> 16 | 0x40 : (b + 0x7fffu + (b >> 16 & 1)) >> 16;
}
DEVICE uint32 pack(float low, float high) { return rounded(low) | rounded(high) << 16; }
#endif
DEVICE bf16 narrow(float x) {
	bf16 y;
	y.bits = (uint16)pack(x, 0.0f);
	return y;
}
DEVICE void put(float *p, float x) { *p = x; }
DEVICE void put(bf16 *p, float x) { *p = narrow(x); }

// FOR_TYPES expands M(suffix, T) for the types of activations.
#define FOR_TYPES(M) M(f32, float) M(bf16, bf16)

// N elements that are read and written at once; the address is a multiple of their size.
template <class T, int N> struct alignas(sizeof(T) * N) Run {
	T at[N];
};

#define LANES 32
DEVICE int thread() { return (int)threadIdx.x; }
DEVICE int lane() { return (int)threadIdx.x & 31; }
DEVICE int warp() { return (int)threadIdx.x >> 5; }

// The sum or the largest over a warp's lanes, on each lane, in the same order each time.
DEVICE float warp_sum(float x) {
	for (int m = 16; m > 0; m >>= 1) x += shuffle_xor(x, m);
	return x;
}
DEVICE float warp_max(float x) {
	for (int m = 16; m > 0; m >>= 1) x = fmaxf(x, shuffle_xor(x, m));
	return x;
}

// The sum over a block's threads, on each of them. The number of threads is a multiple of 32;
// cells is shared memory for 33 floats that no one else uses at the time.
DEVICE float block_sum(float x, float *cells) {
	x = warp_sum(x);
	if (lane() == 0) cells[warp()] = x;
	block_barrier();
	if (warp() == 0) {
		float all = warp_sum(lane() < (int)blockDim.x >> 5 ? cells[lane()] : 0.0f);
		if (lane() == 0) cells[32] = all;
	}
	block_barrier();
	float all = cells[32];
	block_barrier();
	return all;
}
