// The checked build: the compiler puts a call before each access to memory
// (-fsanitize=thread), and here is what is called. Each access is looked up: does the
// memory belong to someone, is it aligned, has it been written, and could another thread
// have written it, or read what is now overwritten, without a barrier between the two.
//
// A cell of four bytes keeps the stamp of the last write and of the reads since then, or
// says that two halves do, once only one of them was touched. A stamp is the block (counted over all launches), the thread, how many barriers its block had passed,
// and how many its warp since the block's last. Two threads of a block are in order where
// a barrier of the block lies between, or one of their warp; two blocks of a launch never.
#ifdef PAIRLOOM_CHECKED

#include "watch.h"

#include "fault.h"
#include "fiber.h"
#include "memory.h"

#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>

namespace host {

static const void *here; // the place in the code that the access comes from

struct Cell {
	uint64_t write, read;
};
static Cell *cells;  // of four bytes each
static Cell *halves; // of two, for those cells whose write is split
static const uint64_t split = ~0ull;
static uint64_t launch_start; // the stamp that no earlier launch has reached

// A stamp, from the lowest bit: readers (2), other blocks have read (1), warp's
// barriers (10), block's barriers (13), thread (10), block (28).
enum : uint64_t { one = 0, one_warp = 1, many_warps = 2, readers = 3, other_blocks = 4 };
static unsigned thread_of(uint64_t s) { return (unsigned)(s >> 26) & 1023; }
static uint64_t block_of(uint64_t s) { return s >> 36; }
static uint64_t barriers_of(uint64_t s) { return s >> 13 & 8191; }
static uint64_t warp_barriers_of(uint64_t s) { return s >> 3 & 1023; }

static inline uint64_t stamp() {
	const Fiber &f = *now;
	return (uint64_t)block_serial << 36 | (uint64_t)f.index << 26 | (uint64_t)(barriers & 8191) << 13 | (uint64_t)(warps[f.warp].barriers & 1023) << 3;
}

static Cell *reserve(size_t bytes) {
	void *p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		perror("testdriver: addresses for what is kept of the device's memory");
		abort();
	}
	madvise(p, bytes, MADV_DONTDUMP);
	return (Cell *)p;
}

void reserve_cells() {
	cells = reserve(range_bytes / 4 * sizeof(Cell));
	halves = reserve(range_bytes / 2 * sizeof(Cell));
}

void forget_cells(const void *p, size_t bytes) {
	size_t at = (size_t)((const char *)p - range);
	madvise(cells + at / 4, bytes / 4 * sizeof(Cell), MADV_DONTNEED);
	madvise(halves + at / 2, bytes / 2 * sizeof(Cell), MADV_DONTNEED);
}

void watch_launch(unsigned long long blocks) {
	if (block_serial + blocks + 1 >= 1ull << 28) {
		forget_cells(range, range_bytes);
		block_serial = 0;
	}
	launch_start = (uint64_t)(block_serial + 1) << 36;
}

// What the thread of a stamp did, and why it is a race with what this one does.
[[noreturn]] static void race(const void *p, uint64_t mine, uint64_t other, const char *did, const char *does) {
	if (block_of(mine) != block_of(other)) {
		long long back = (long long)block_of(mine) - (long long)block_of(other);
		fault_at(here, error_launch_failed, "race between blocks: %s %s, which thread %u of the block %lld before in the launch's order %s", does, place(p), thread_of(other), back, did);
	}
	fault_at(here, error_launch_failed, "race within a block: %s %s, which thread %u %s with no barrier between", does, place(p), thread_of(other), did);
}

// Whether what other's thread did is in no order with mine, in the same block.
static bool unordered(uint64_t mine, uint64_t other) {
	if (barriers_of(mine) != barriers_of(other) || thread_of(mine) == thread_of(other)) return false;
	return thread_of(mine) / lanes != thread_of(other) / lanes || warp_barriers_of(mine) == warp_barriers_of(other);
}

static void check_last_write(const void *p, uint64_t w, uint64_t mine, const char *does) {
	if (block_of(w) != block_of(mine) || unordered(mine, w)) race(p, mine, w, "wrote", does);
}

static __attribute__((noinline)) void order_write(const void *p, Cell &c, uint64_t mine, uint64_t start) {
	if (c.write >= start) check_last_write(p, c.write, mine, "writes");
	uint64_t r = c.read;
	if (r >= start) {
		if (block_of(r) != block_of(mine)) race(p, mine, r, "has read", "writes");
		if (r & other_blocks) race(p, mine, r - (1ull << 36), "or one of a block still earlier has read", "writes");
		bool now = barriers_of(r) == barriers_of(mine), same_warp = thread_of(r) / lanes == thread_of(mine) / lanes;
		switch (r & readers) {
		case one:
			if (unordered(mine, r)) race(p, mine, r, "has read", "writes");
			break;
		case one_warp:
			if (now && (!same_warp || warp_barriers_of(r) == warp_barriers_of(mine))) race(p, mine, r, "or another of its warp has read", "writes");
			break;
		default:
			if (now) race(p, mine, r, "or another has read", "writes");
		}
	}
	c.write = mine;
	c.read = 0;
}

static __attribute__((noinline)) void order_read(const void *p, Cell &c, uint64_t mine, uint64_t start) {
	uint64_t w = c.write, r = c.read;
	if (w >= start && w != mine) check_last_write(p, w, mine, "reads");
	if (r == mine) return;
	if (r < start) {
		c.read = mine;
	} else if (block_of(r) != block_of(mine)) {
		c.read = mine | other_blocks;
	} else if (barriers_of(r) != barriers_of(mine)) {
		c.read = mine | (r & other_blocks);
	} else if ((r & readers) == many_warps) {
	} else if (thread_of(r) / lanes != thread_of(mine) / lanes) {
		c.read = (r & ~(uint64_t)readers) | many_warps;
	} else if (warp_barriers_of(r) != warp_barriers_of(mine)) {
		c.read = mine | (r & other_blocks);
	} else if (thread_of(r) != thread_of(mine)) {
		c.read = (r & ~(uint64_t)readers) | one_warp;
	}
}

// Most often no one else was there in this launch.

static inline void note_write(const void *p, Cell &c, uint64_t mine, uint64_t start) {
	if ((c.write < start || c.write == mine) && c.read < start)
		c.write = mine;
	else
		order_write(p, c, mine, start);
}

static inline void note_read(const void *p, Cell &c, uint64_t mine, uint64_t start) {
	if (c.write < start && c.read < start)
		c.read = mine;
	else if (c.read != mine || c.write >= start)
		order_read(p, c, mine, start);
}

static __attribute__((noinline)) void note_halves(const char *p, size_t bytes, bool write, uint64_t mine, uint64_t start) {
	size_t at = (size_t)(p - range), last = (at + bytes - 1) / 2;
	for (size_t i = at / 2; i <= last; i++) {
		Cell &c = cells[i / 2];
		if (c.write != split) {
			halves[i & ~(size_t)1] = halves[i | 1] = c;
			c.write = split;
		}
		write ? note_write(range + 2 * i, halves[i], mine, start) : note_read(range + 2 * i, halves[i], mine, start);
	}
}

// Memory that is not the device's: a thread's own stack, or the library's constants.

static char *image_start, *image_end;

static int find_image(dl_phdr_info *info, size_t, void *) {
	char *from = nullptr, *to = nullptr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const auto &h = info->dlpi_phdr[i];
		if (h.p_type != PT_LOAD) continue;
		char *at = (char *)info->dlpi_addr + h.p_vaddr;
		if (!from) from = at;
		to = at + h.p_memsz;
	}
	if ((char *)&image_start < from || (char *)&image_start >= to) return 0;
	image_start = from;
	image_end = to;
	return 1;
}

static void elsewhere(const char *does, const void *p, size_t bytes) {
	if (on_stacks(p)) fault_at(here, error_illegal_address, "%s %zu bytes on another thread's stack", does, bytes);
	if (!image_end) dl_iterate_phdr(find_image, nullptr);
	if ((const char *)p >= image_start && (const char *)p < image_end) return;
	fault_at(here, error_illegal_address, "%s %zu bytes at %s", does, bytes, place(p));
}

[[noreturn]] static void bad_state(const char *does, const void *p, size_t bytes, bool read) {
	const char *c = (const char *)p;
	for (size_t i = 0; i < bytes; i++) {
		uint8_t s = *state_of(c + i);
		if (!(s & state_allocated)) fault_at(here, error_illegal_address, "%s %zu bytes out of bounds or after free: %s", does, bytes, place(c + i));
		if (s & state_in_flight) fault_at(here, error_launch_failed, "%s %zu bytes of %s, to which a copy is under way: copy_wait is missing", does, bytes, place(p));
		if (read && s != state_written) fault_at(here, error_launch_failed, "%s what was never written: %s", does, place(c + i));
	}
	abort();
}

template <class T> static bool all(const uint8_t *s, uint8_t bits, uint8_t want) {
	T x;
	memcpy(&x, s, sizeof x);
	const T each = (T)0x0101010101010101u;
	return (T)(x & (T)(each * bits)) == (T)(each * want);
}

// Whether the states of so many bytes are as wanted.
static bool states_are(const uint8_t *s, size_t bytes, uint8_t bits, uint8_t want) {
	switch (bytes) {
	case 1: return (*s & bits) == want;
	case 2: return all<uint16_t>(s, bits, want);
	case 4: return all<uint32_t>(s, bits, want);
	case 8: return all<uint64_t>(s, bits, want);
	case 16: return all<uint64_t>(s, bits, want) && all<uint64_t>(s + 8, bits, want);
	}
	for (size_t i = 0; i < bytes; i++)
		if ((s[i] & bits) != want) return false;
	return true;
}

static inline __attribute__((always_inline)) void touch(const void *p, size_t bytes, bool write, bool aligned, const void *from) {
	if (!in_range(p)) {
		if ((size_t)((const char *)p - own_stack) <= stack_bytes - bytes) return; // its own, most often
		here = from;
		elsewhere(write ? "writes" : "reads", p, bytes);
		return;
	}
	if (aligned && (address)p % bytes) {
		here = from;
		fault_at(here, error_misaligned_address, "%s %zu bytes at an address that is no multiple: %s", write ? "writes" : "reads", bytes, place(p));
	}
	uint8_t *s = state_of(p);
	if (!(write ? states_are(s, bytes, state_allocated | state_in_flight, state_allocated) : states_are(s, bytes, state_written | state_in_flight, state_written))) {
		here = from;
		bad_state(write ? "writes" : "reads", p, bytes, !write);
	}
	if (write) memset(s, state_written, bytes);
	here = from;
	uint64_t mine = stamp();
	uint64_t start = (size_t)((const char *)p - range) < shared_bytes ? mine >> 36 << 36 : launch_start;
	// A single byte is half of a half: the other is none of its business.
	if (bytes == 1 && write) return;
	if (bytes % 4 || !aligned) {
		note_halves((const char *)p, bytes, write, mine, start);
		return;
	}
	Cell *c = cells + ((const char *)p - range) / 4;
	for (size_t i = 0; i < bytes / 4; i++) {
		const char *at = (const char *)p + 4 * i;
		if (c[i].write == split) {
			note_halves(at, 4, write, mine, start);
			if (write) c[i] = Cell{mine, 0};
		} else {
			write ? note_write(at, c[i], mine, start) : note_read(at, c[i], mine, start);
		}
	}
}

// Copies of 16 bytes: what they overwrite is free when they start, and theirs until they are waited for.

void watch_copy_start(void *shared, const void *global, bool valid) {
	const void *from = __builtin_return_address(0);
	touch(shared, 16, true, true, from);
	memset(state_of(shared), state_allocated | state_in_flight, 16);
	if (valid) touch(global, 16, false, true, from);
	if ((address)global % 16) fault_at(here, error_misaligned_address, "copies 16 bytes from an address that is no multiple: %s", place(global));
}

void watch_copy_end(void *shared, const void *global, bool valid) {
	const void *from = __builtin_return_address(0);
	memset(state_of(shared), state_allocated, 16);
	touch(shared, 16, true, true, from);
	if (valid) touch(global, 16, false, true, from);
}

void watch_load_matrices(const void *row) { touch(row, 16, false, true, __builtin_return_address(0)); }

} // namespace host

using namespace host;

#define CALLED extern "C" void
#define HERE __builtin_return_address(0)
CALLED __tsan_init() {}
CALLED __tsan_func_entry(void *) {}
CALLED __tsan_func_exit() {}
CALLED __tsan_read1(void *p) { touch(p, 1, false, true, HERE); }
CALLED __tsan_read2(void *p) { touch(p, 2, false, true, HERE); }
CALLED __tsan_read4(void *p) { touch(p, 4, false, true, HERE); }
CALLED __tsan_read8(void *p) { touch(p, 8, false, true, HERE); }
CALLED __tsan_read16(void *p) { touch(p, 16, false, true, HERE); }
CALLED __tsan_write1(void *p) { touch(p, 1, true, true, HERE); }
CALLED __tsan_write2(void *p) { touch(p, 2, true, true, HERE); }
CALLED __tsan_write4(void *p) { touch(p, 4, true, true, HERE); }
CALLED __tsan_write8(void *p) { touch(p, 8, true, true, HERE); }
CALLED __tsan_write16(void *p) { touch(p, 16, true, true, HERE); }
CALLED __tsan_unaligned_read2(void *p) { touch(p, 2, false, false, HERE); }
CALLED __tsan_unaligned_read4(void *p) { touch(p, 4, false, false, HERE); }
CALLED __tsan_unaligned_read8(void *p) { touch(p, 8, false, false, HERE); }
CALLED __tsan_unaligned_read16(void *p) { touch(p, 16, false, false, HERE); }
CALLED __tsan_unaligned_write2(void *p) { touch(p, 2, true, false, HERE); }
CALLED __tsan_unaligned_write4(void *p) { touch(p, 4, true, false, HERE); }
CALLED __tsan_unaligned_write8(void *p) { touch(p, 8, true, false, HERE); }
CALLED __tsan_unaligned_write16(void *p) { touch(p, 16, true, false, HERE); }
CALLED __tsan_read_range(void *p, size_t n) { touch(p, n, false, false, HERE); }
CALLED __tsan_write_range(void *p, size_t n) { touch(p, n, true, false, HERE); }
CALLED __tsan_vptr_update(void **, void *) {}
CALLED __tsan_vptr_read(void **) {}

#endif
