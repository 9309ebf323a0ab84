// What the lanes of a warp do together, and copies to shared memory.
#include "fiber.h"

#include "fault.h"
#include "memory.h"

namespace host {

// In fiber.cc: a lane arrives, true for the last one; and waits for the others.
bool arrive(Together what);
void wait_for_warp();

uint32 shuffle(uint32 x, int lane) {
	Fiber &f = self();
	Warp &w = warps[f.warp];
	uint32 *words = w.words[w.turn & 1];
	words[f.lane] = x;
	if (!arrive(Together::shuffle)) wait_for_warp();
	return words[lane & 31];
}

uint32 ballot(bool x) {
	Fiber &f = self();
	Warp &w = warps[f.warp];
	uint32 *words = w.words[w.turn & 1];
	words[f.lane] = x;
	if (!arrive(Together::ballot)) wait_for_warp();
	uint32 all = 0;
	for (int i = 0; i < lanes; i++) all |= words[i] << i;
	return all;
}

void warp_barrier() {
	if (!arrive(Together::barrier)) wait_for_warp();
}

void load_matrices(uint32 r[4], const void *row, bool transposed) {
	Fiber &f = self();
	Warp &w = warps[f.warp];
	watch_load_matrices(row);
	int turn = w.turn & 1;
	w.in[turn][f.lane] = row;
	w.out[turn][f.lane] = r;
	if (!arrive(Together::load_matrices)) {
		wait_for_warp();
		return;
	}
	// The last lane reads for all, as what it writes next comes after their reads.
	for (int l = 0; l < lanes; l++)
		for (int m = 0; m < 4; m++) {
			uint32 *to = (uint32 *)w.out[turn][l] + m;
			int row = l / 4, pair = 2 * (l % 4);
			const void *const *rows = w.in[turn] + 8 * m;
			if (transposed)
				*to = ((const uint16 *)rows[pair])[row] | (uint32)((const uint16 *)rows[pair + 1])[row] << 16;
			else
				memcpy(to, (const uint16 *)rows[row] + pair, 4);
		}
}

static float low(uint32 word) { return as_float(word << 16); }
static float high(uint32 word) { return as_float(word & 0xffff0000u); }

// The last lane to arrive multiplies for all of them.
void multiply(float d[4], const uint32 a[4], const uint32 b[2]) {
	Fiber &f = self();
	Warp &w = warps[f.warp];
	int turn = w.turn & 1;
	w.out[turn][f.lane] = d;
	w.in[turn][f.lane] = a;
	w.in2[turn][f.lane] = b;
	if (!arrive(Together::multiply)) {
		wait_for_warp();
		return;
	}
	alignas(32) float A[16][16], B[16][8], D[16][8];
	for (int l = 0; l < lanes; l++) {
		int g = l / 4, t = 2 * (l % 4);
		const uint32 *x = (const uint32 *)w.in[turn][l], *y = (const uint32 *)w.in2[turn][l];
		const float *z = (const float *)w.out[turn][l];
		for (int i = 0; i < 4; i++) {
			float *to = &A[g + 8 * (i & 1)][t + 8 * (i >> 1)];
			to[0] = low(x[i]), to[1] = high(x[i]);
		}
		for (int i = 0; i < 2; i++) B[t + 8 * i][g] = low(y[i]), B[t + 8 * i + 1][g] = high(y[i]);
		D[g][t] = z[0], D[g][t + 1] = z[1], D[g + 8][t] = z[2], D[g + 8][t + 1] = z[3];
	}
	for (int i = 0; i < 16; i++)
		for (int k = 0; k < 16; k++)
			for (int j = 0; j < 8; j++) D[i][j] += A[i][k] * B[k][j];
	for (int l = 0; l < lanes; l++) {
		int g = l / 4, t = 2 * (l % 4);
		float *z = (float *)w.out[turn][l];
		z[0] = D[g][t], z[1] = D[g][t + 1], z[2] = D[g + 8][t], z[3] = D[g + 8][t + 1];
	}
}

// Copies happen as late as they may: when a thread waits for their group.

void copy_async(void *shared, const void *global, bool valid) {
	watch_copy_start(shared, global, valid);
	self().copies.push_back(Copy{shared, global, valid, self().groups});
}

void copy_commit() { self().groups++; }

void copy_wait(int groups) {
	Fiber &f = self();
	size_t done = 0;
	for (; done < f.copies.size() && f.copies[done].group < f.groups - groups; done++) {
		Copy &c = f.copies[done];
		watch_copy_end(c.shared, c.global, c.valid);
		if (c.valid)
			memcpy(c.shared, c.global, 16);
		else
			memset(c.shared, 0, 16);
	}
	f.copies.erase(f.copies.begin(), f.copies.begin() + (long)done);
}

} // namespace host
