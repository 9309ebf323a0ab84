// Rows picked out of a table by ids, and what they send back.
//
// gather: y[i] = table[ids[i]] + beta*y[i]. Reads a row of the table, 4 bytes a column
// (2 where the table is of bf16 activations), and with beta y; writes y.
//
// pick_backward: dtable[ids[i]] += dy[i] where no row is named twice. Reads and writes the rows
// named, reads dy.
//
// gather_count, gather_place, gather_sum, gather_join: the same where rows may be named
// often, as a position by each picture, or once, as most words: without atomics, in the
// order of i. Row numbers are sorted by id, 8 bits of the id at a time, the order of those
// of one id kept (two launches and about 20 bytes a row for each 8 bits). Then each warp
// takes a chunk of the sorted rows and adds up neighbours of one id. A sum that begins and
// ends in its chunk goes to the table at once; those at a chunk's borders are left as
// parts, two a chunk at most, and gather_join adds them up. Reads dy once, reads and
// writes each row of the table that is named once. For 60,000 words out of 49,408 rows of
// 512, in bf16: 61 MB of dy, at most 4 KB for each word that is new, 2 MB to sort, 6
// launches.
#include "rows.h"

// One warp a row and strip of 256 columns.
template <int N, class T, class E> DEVICE void gather(T *y, const E *table, const int *ids, int rows, int cols, float beta) {
	int strips = (cols + STRIP - 1) / STRIP;
	unsigned unit = blockIdx.x * (blockDim.x / 32) + (unsigned)warp();
	int row = (int)(unit / (unsigned)strips), strip = (int)(unit % (unsigned)strips);
	if (row >= rows) return;
	int id = ids[row];
	T *to = y + (long long)row * cols;
	const E *from = table + (long long)id * cols;
#pragma unroll
	for (int i = 0; i < STRIP / 32 / N; i++) {
		int c = column_of<N>(strip, i);
		if (c >= cols) continue;
		float v[N] = {}, old[N];
		if (id >= 0) load(v, from + c);
		if (beta != 0) {
			load(old, to + c);
#pragma unroll
			for (int j = 0; j < N; j++) v[j] += beta * old[j];
		}
		store(to + c, v);
	}
}
#define GATHER(NAME, T, E) \
	KERNEL(256, NAME, T *y, const E *table, const int *ids, int rows, int cols, float beta) { \
		constexpr int N = run_of<T>; \
		if (cols % N == 0 && aligned<N>(y) && aligned<N>(table)) \
			gather<N>(y, table, ids, rows, cols, beta); \
		else \
			gather<1>(y, table, ids, rows, cols, beta); \
	}
GATHER(gather_f32, float, float)
GATHER(gather_bf16, bf16, float)
GATHER(pick_bf16, bf16, bf16)

template <int N> DEVICE void pick_backward(bf16 *dtable, const bf16 *dy, const int *ids, int rows, int cols) {
	int strips = (cols + STRIP - 1) / STRIP;
	unsigned unit = blockIdx.x * (blockDim.x / 32) + (unsigned)warp();
	int row = (int)(unit / (unsigned)strips), strip = (int)(unit % (unsigned)strips);
	if (row >= rows || ids[row] < 0) return;
	const bf16 *from = dy + (long long)row * cols;
	bf16 *to = dtable + (long long)ids[row] * cols;
#pragma unroll
	for (int i = 0; i < STRIP / 32 / N; i++) {
		int c = column_of<N>(strip, i);
		if (c >= cols) continue;
		float v[N], old[N];
		load(v, from + c);
		load(old, to + c);
#pragma unroll
		for (int j = 0; j < N; j++) v[j] += old[j];
		store(to + c, v);
	}
}
KERNEL(256, pick_backward_bf16, bf16 *dtable, const bf16 *dy, const int *ids, int rows, int cols) {
	if (cols % 8 == 0 && aligned<8>(dtable) && aligned<8>(dy))
		pick_backward<8>(dtable, dy, ids, rows, cols);
	else
		pick_backward<1>(dtable, dy, ids, rows, cols);
}

// A block of 256 threads sorts a tile of 2,048 rows, a warp 256 of them, 32 at a time.
constexpr int DIGITS = 256, TILE = 2048, TILE_WARPS = 8, ROUNDS = TILE / TILE_WARPS / 32;

// Row number i of what is to be sorted: i itself the first time.
DEVICE int sorted(const int *order, int i) { return order ? order[i] : i; }

// The 8 bits of row's id from bit shift; ids below 0 come last, as entries.
DEVICE int digit_of(const int *ids, int row, int entries, int shift) {
	int id = ids[row];
	return (id < 0 ? entries : id) >> shift & (DIGITS - 1);
}

// Counts each warp's digits in seen[TILE_WARPS][DIGITS], and gives for each of the lane's
// rows its digit, -1 past the end, and how many of the warp's rows before it have the same.
DEVICE void rank(int *seen, int (&digit)[ROUNDS], int (&before)[ROUNDS], const int *ids, const int *order, int rows, int entries, int shift) {
	for (int i = (int)threadIdx.x; i < TILE_WARPS * DIGITS; i += (int)blockDim.x) seen[i] = 0;
	block_barrier();
	int *own = seen + warp() * DIGITS;
	int first = (int)blockIdx.x * TILE + warp() * (TILE / TILE_WARPS) + lane();
#pragma unroll
	for (int r = 0; r < ROUNDS; r++) {
		int i = first + r * 32;
		digit[r] = i < rows ? digit_of(ids, sorted(order, i), entries, shift) : -1;
	}
#pragma unroll
	for (int r = 0; r < ROUNDS; r++) {
		// Lanes of the same digit.
		uint32 same = ballot(digit[r] >= 0);
#pragma unroll
		for (int b = 0; b < 8; b++) {
			bool on = digit[r] >> b & 1;
			uint32 others = ballot(on);
			same &= on ? others : ~others;
		}
		int lower = count_bits(same & ((1u << lane()) - 1));
		int count = digit[r] >= 0 ? own[digit[r]] : 0;
		before[r] = count + lower;
		warp_barrier();
		if (digit[r] >= 0 && lower == 0) own[digit[r]] = count + count_bits(same);
		warp_barrier();
	}
	block_barrier();
}

// counts[tiles][DIGITS] of the rows of each tile.
KERNEL(256, gather_count, int *counts, const int *ids, const int *order, int rows, int entries, int shift) {
	SHARED(int, seen, TILE_WARPS *DIGITS);
	int digit[ROUNDS], before[ROUNDS];
	rank(seen, digit, before, ids, order, rows, entries, shift);
	int d = (int)threadIdx.x, count = 0;
	for (int w = 0; w < TILE_WARPS; w++) count += seen[w * DIGITS + d];
	counts[(long long)blockIdx.x * DIGITS + d] = count;
}

// to receives order, sorted by the digit.
KERNEL(256, gather_place, int *to, const int *counts, const int *ids, const int *order, int rows, int entries, int shift) {
	SHARED(int, seen, TILE_WARPS *DIGITS);
	SHARED(int, starts, 2 * DIGITS);
	int digit[ROUNDS], before[ROUNDS];
	rank(seen, digit, before, ids, order, rows, entries, shift);
	// Thread d: where rows with digit d begin, those of this tile, those of each warp.
	int d = (int)threadIdx.x, all = 0, earlier = 0;
#pragma unroll 4
	for (int t = 0; t < (int)gridDim.x; t++) {
		int count = counts[(long long)t * DIGITS + d];
		all += count;
		if (t < (int)blockIdx.x) earlier += count;
	}
	int *now = starts, *next = starts + DIGITS;
	now[d] = all;
	block_barrier();
	for (int step = 1; step < DIGITS; step *= 2) {
		next[d] = now[d] + (d >= step ? now[d - step] : 0);
		block_barrier();
		int *swap = now;
		now = next;
		next = swap;
	}
	int at = now[d] - all + earlier;
	for (int w = 0; w < TILE_WARPS; w++) {
		int count = seen[w * DIGITS + d];
		seen[w * DIGITS + d] = at;
		at += count;
	}
	block_barrier();
	int first = (int)blockIdx.x * TILE + warp() * (TILE / TILE_WARPS) + lane();
#pragma unroll
	for (int r = 0; r < ROUNDS; r++) {
		if (digit[r] >= 0) to[seen[warp() * DIGITS + digit[r]] + before[r]] = sorted(order, first + r * 32);
	}
}

// A warp sums a chunk of sorted rows, a multiple of 32, for 128 columns.
constexpr int SUM_STRIP = 128;

// The id of sorted row i; -1 where there is none.
DEVICE int id_at(const int *ids, const int *order, int i, int rows) { return i >= 0 && i < rows ? max(ids[order[i]], -1) : -1; }

// Columns of the lane: M runs of N, the ith from strip*SUM_STRIP + (i*32 + lane)*N.
template <int N> struct Columns {
	static constexpr int M = SUM_STRIP / 32 / N;
	float v[M][N];
	int strip, cols;
	DEVICE_MEMBER int at(int i) const { return strip * SUM_STRIP + (i * 32 + lane()) * N; }
	template <class T> DEVICE_MEMBER void read(const T *p) {
#pragma unroll
		for (int i = 0; i < M; i++) {
			if (at(i) < cols) load(v[i], p + at(i));
		}
	}
	DEVICE_MEMBER void write(float *p) const {
#pragma unroll
		for (int i = 0; i < M; i++) {
			if (at(i) < cols) store(p + at(i), v[i]);
		}
	}
	DEVICE_MEMBER void add(const Columns &other) {
#pragma unroll
		for (int i = 0; i < M; i++) {
#pragma unroll
			for (int j = 0; j < N; j++) v[i][j] += other.v[i][j];
		}
	}
	DEVICE_MEMBER void add_to(float *p) const {
		Columns sum = {{}, strip, cols};
		sum.read(p);
		sum.add(*this);
		sum.write(p);
	}
};

template <int N, class T> DEVICE void gather_sum(float *dtable, float *parts, const T *dy, const int *ids, const int *order, int rows, int cols, int chunk) {
	int strips = (cols + SUM_STRIP - 1) / SUM_STRIP;
	unsigned unit = blockIdx.x * (blockDim.x / 32) + (unsigned)warp();
	int c = (int)(unit / (unsigned)strips), strip = (int)(unit % (unsigned)strips);
	int first = c * chunk;
	if ((long long)c * chunk >= rows) return;
	// The sum that is under way is of current, and began in this chunk or before it.
	int current = id_at(ids, order, first, rows);
	bool began = id_at(ids, order, first - 1, rows) != current;
	float *before = parts + (long long)c * 2 * cols, *after = before + cols;
	Columns<N> sum = {{}, strip, cols};
	for (int group = first; group < first + chunk; group += 32) {
		int row = group + lane() < rows ? order[group + lane()] : -1;
		int id = row < 0 ? -1 : max(ids[row], -1);
		for (int i = 0; i < 32; i += 4) {
			Columns<N> each[4];
#pragma unroll
			for (int k = 0; k < 4; k++) {
				int from = shuffle(row, i + k);
				each[k] = {{}, strip, cols};
				if (shuffle(id, i + k) >= 0) each[k].read(dy + (long long)from * cols);
			}
#pragma unroll
			for (int k = 0; k < 4; k++) {
				int next = shuffle(id, i + k);
				if (next != current) {
					if (current >= 0 && began) sum.add_to(dtable + (long long)current * cols);
					if (current >= 0 && !began) sum.write(before);
					current = next;
					began = true;
					sum = {{}, strip, cols};
				}
				sum.add(each[k]);
			}
		}
	}
	if (current < 0) return;
	if (!began)
		sum.write(before);
	else if (id_at(ids, order, first + chunk, rows) == current)
		sum.write(after);
	else
		sum.add_to(dtable + (long long)current * cols);
}

// For each sum that a chunk began and did not end: its parts, to the table.
template <int N> DEVICE void join_parts(float *dtable, const float *parts, const int *ids, const int *order, int rows, int cols, int chunk) {
	int strips = (cols + SUM_STRIP - 1) / SUM_STRIP, chunks = (rows + chunk - 1) / chunk;
	unsigned unit = blockIdx.x * (blockDim.x / 32) + (unsigned)warp();
	int c = (int)(unit / (unsigned)strips), strip = (int)(unit % (unsigned)strips);
	if (c >= chunks - 1) return;
	int first = c * chunk, id = id_at(ids, order, first + chunk - 1, rows);
	if (id < 0 || id_at(ids, order, first + chunk, rows) != id) return;
	if (id_at(ids, order, first, rows) == id && id_at(ids, order, first - 1, rows) == id) return;
	// Chunks that begin with the id, counted 32 at a time.
	int last = c + 1;
	for (;;) {
		int i = last + lane();
		uint32 go_on = ballot(i < chunks && id_at(ids, order, i * chunk, rows) == id);
		if (go_on == 0xffffffffu) {
			last += 32;
			continue;
		}
		last += count_bits(go_on);
		break;
	}
	Columns<N> sum = {{}, strip, cols};
	sum.read(parts + ((long long)c * 2 + 1) * cols);
#pragma unroll 8
	for (int i = c + 1; i < last; i++) {
		Columns<N> part = {{}, strip, cols};
		part.read(parts + (long long)i * 2 * cols);
		sum.add(part);
	}
	sum.add_to(dtable + (long long)id * cols);
}

#define GATHER_SUM(S, T) \
	KERNEL_SHARING(128, 8, gather_sum_##S, float *dtable, float *parts, const T *dy, const int *ids, const int *order, int rows, int cols, int chunk) { \
		if (cols % 4 == 0 && aligned<4>(dtable) && aligned<4>(dy)) \
			gather_sum<4>(dtable, parts, dy, ids, order, rows, cols, chunk); \
		else \
			gather_sum<1>(dtable, parts, dy, ids, order, rows, cols, chunk); \
	}
FOR_TYPES(GATHER_SUM)

KERNEL(128, gather_join, float *dtable, const float *parts, const int *ids, const int *order, int rows, int cols, int chunk) {
	if (cols % 4 == 0 && aligned<4>(dtable))
		join_parts<4>(dtable, parts, ids, order, rows, cols, chunk);
	else
		join_parts<1>(dtable, parts, ids, order, rows, cols, chunk);
}
