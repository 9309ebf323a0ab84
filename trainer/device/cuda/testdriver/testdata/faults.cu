// Kernels with a fault each, for testdata/faults.cc.
#include "gpu.h"

KERNEL(64, read_global, float *y, const float *x, int at) {
	if (thread() == 0) y[0] = x[at];
}
KERNEL(64, write_global, float *y, int at) {
	if (thread() == 5) y[at] = 1;
}
KERNEL(64, write_shared, float *y, int at) {
	SHARED(float, cells, 33);
	SHARED(float, others, 33);
	if (thread() < 33) cells[thread()] = others[thread()] = 0;
	block_barrier();
	if (thread() == 0) cells[at] = 1;
}
KERNEL(64, write_dynamic, int at) {
	DYNAMIC_SHARED(float, cells);
	if (thread() == 0) cells[at] = 1;
}
KERNEL(64, unwritten_shared, float *y) {
	SHARED(float, cells, 64);
	if (thread() != 9) cells[thread()] = 1;
	block_barrier();
	y[thread()] = cells[thread()];
}
KERNEL(64, read_run, Run<float, 4> *y, const float *x) {
	if (thread() == 0) *y = *(const Run<float, 4> *)x;
}

// Races, in an array that has been written.
#define ZEROS(name) \
	SHARED(float, name, 64); \
	name[thread()] = 0; \
	block_barrier()
KERNEL(64, no_barrier, float *y) {
	ZEROS(cells);
	cells[thread()] = 1;
	y[thread()] = cells[thread() ^ 32];
}
KERNEL(64, one_barrier_of_two, float *y) {
	SHARED(float, cells, 64);
	for (int i = 0; i < 2; i++) {
		cells[thread()] = (float)i;
		block_barrier();
		y[thread()] = cells[63 - thread()];
	}
}
KERNEL(64, no_warp_barrier, float *y) {
	ZEROS(cells);
	cells[thread()] = 1;
	y[thread()] = cells[thread() ^ 1];
}
KERNEL(64, shuffle_is_no_barrier, float *y) {
	ZEROS(cells);
	cells[thread()] = 1;
	float x = shuffle_xor(1.0f, 1);
	y[thread()] = x + cells[thread() ^ 1];
}
KERNEL(64, warp_barrier_of_the_other_warp, float *y) {
	ZEROS(cells);
	cells[thread()] = 1;
	warp_barrier();
	y[thread()] = cells[thread() ^ 32];
}
KERNEL(64, same_place, float *y) { y[thread() / 2] = 1; }
KERNEL(64, read_then_written, float *y, float *x) {
	SHARED(float, cells, 64);
	cells[thread()] = 1;
	block_barrier();
	y[thread()] = cells[0];
	if (thread() == 63) cells[0] = 2;
}
KERNEL(64, blocks_write_one_place, float *y) {
	if (thread() == 0) y[blockIdx.x / 2] = 1;
}
KERNEL(64, blocks_read_what_others_write, float *y, float *z) {
	if (thread() == 0) {
		y[blockIdx.x] = 1;
		if (blockIdx.x > 0) z[blockIdx.x] = y[blockIdx.x - 1];
	}
}
KERNEL(64, blocks_write_what_others_read, float *y, float *z) {
	if (thread() == 0) {
		z[blockIdx.x] = y[3];
		if (blockIdx.x == 3) y[3] = 1;
	}
}

// What not all threads do.
KERNEL(64, returns_before_barrier, float *y) {
	if (thread() == 40) return;
	block_barrier();
	y[thread()] = 1;
}
KERNEL(64, returns_before_shuffle, float *y) {
	if (thread() == 40) return;
	y[thread()] = warp_sum(1.0f);
}
KERNEL(64, barrier_in_a_branch, float *y) {
	if (lane() < 16)
		block_barrier();
	else
		y[thread()] = warp_sum(1.0f);
}
KERNEL(64, lanes_disagree, float *y) {
	if (lane() < 16)
		y[thread()] = shuffle(1.0f, 0);
	else
		y[thread()] = (float)ballot(true);
}

// Copies.
KERNEL(64, no_wait, float *y, const float *x) {
	SHARED(float, cells, 256);
	copy_async(cells + 4 * thread(), x + 4 * thread(), true);
	copy_commit();
	block_barrier();
	y[thread()] = cells[thread()];
	copy_wait<0>();
}
KERNEL(64, no_barrier_after_wait, float *y, const float *x) {
	SHARED(float, cells, 256);
	copy_async(cells + 4 * thread(), x + 4 * thread(), true);
	copy_commit();
	copy_wait<0>();
	y[thread()] = cells[thread()];
}
KERNEL(64, waits_for_the_group_before, float *y, const float *x) {
	SHARED(float, cells, 512);
	for (int i = 0; i < 2; i++) {
		copy_async(cells + 256 * i + 4 * thread(), x + 4 * thread(), true);
		copy_commit();
	}
	copy_wait<1>();
	block_barrier();
	y[thread()] = cells[256 + thread()];
	copy_wait<0>();
}
KERNEL(64, ends_before_copies, const float *x) {
	SHARED(float, cells, 256);
	copy_async(cells + 4 * thread(), x + 4 * thread(), true);
}
KERNEL(64, overwrites_what_is_read, float *y, const float *x) {
	SHARED(float, cells, 256);
	for (int i = 0; i < 2; i++) {
		copy_async(cells + 4 * thread(), x + 4 * thread(), true);
		copy_commit();
		copy_wait<0>();
		block_barrier();
		y[thread()] = cells[thread()];
	}
}
KERNEL(64, copies_from_between, const float *x) {
	SHARED(float, cells, 256);
	copy_async(cells + 4 * thread(), x + 4 * thread() + 1, true);
	copy_commit();
	copy_wait<0>();
}

KERNEL(64, others_stack, float *y) {
	SHARED(float *, pointer, 1);
	float own[32];
	for (int i = 0; i < 32; i++) own[i] = (float)i;
	if (thread() == 0) pointer[0] = own;
	block_barrier();
	y[thread()] = pointer[0][lane()];
	block_barrier();
	y[thread()] += own[lane()];
}
KERNEL(64, too_much_shared, float *y) {
	SHARED(float, cells, 26000);
	cells[thread()] = 1;
}
KERNEL(64, sleep_then_set, float *y, float x) { y[thread()] = x; }
KERNEL(64, add_one, float *y, const float *x) { y[thread()] = x[thread()] + 1; }
