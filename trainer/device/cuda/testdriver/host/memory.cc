// Allocations of the device's memory, the block's shared memory, and pinned memory.
#include "memory.h"

#include "fault.h"
#include "fiber.h"
#include "watch.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <vector>
#include <sys/mman.h>

namespace host {

char *range;
uint8_t *states;
size_t used_memory;

static std::map<address, Allocation> allocations; // those that were freed too, for messages
static address next_address;

static char *reserve(size_t bytes) {
	void *p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		perror("testdriver: addresses for the device's memory");
		abort();
	}
	madvise(p, bytes, MADV_DONTDUMP);
	return (char *)p;
}

void reserve_range() {
	if (range) return;
	range = reserve(range_bytes);
	states = (uint8_t *)reserve(range_bytes);
	next_address = (address)range + shared_bytes + page;
	reserve_cells();
}

size_t card_memory() {
	const char *s = getenv("PAIRLOOM_TESTDRIVER_MEMORY");
	return s && *s ? strtoull(s, nullptr, 10) : (size_t)8 << 30;
}

address allocate(size_t bytes, bool later) {
	size_t whole = (bytes + 511) / 512 * 512;
	if (!bytes || used_memory + whole > card_memory()) return 0;
	if (next_address + whole + 2 * page > (address)range + range_bytes) {
		fprintf(stderr, "testdriver: all addresses were given out once\n");
		return 0;
	}
	address at = next_address;
	next_address = (at + whole + 2 * page - 1) / page * page; // at least a page that no one has
	used_memory += whole;
	allocations[at] = Allocation{at, bytes, false, false};
	if (!later) commit(at);
	return at;
}

void commit(address at) {
	Allocation &a = allocations[at];
	a.live = true;
	memset(state_of((void *)at), state_allocated, a.bytes);
#ifndef PAIRLOOM_CHECKED
	memset((void *)at, 0xff, a.bytes); // not a number, in either type, as no one looks
#endif
}

static void forget(void *p, size_t bytes) {
	memset(state_of(p), state_none, bytes);
	char *from = (char *)(((address)p + page - 1) / page * page), *to = (char *)(((address)p + bytes) / page * page);
	if (to <= from) return;
	madvise(from, (size_t)(to - from), MADV_DONTNEED);
	madvise(state_of(from), (size_t)(to - from), MADV_DONTNEED);
	forget_cells(from, (size_t)(to - from));
}

bool release(address at) {
	auto i = allocations.find(at);
	if (i == allocations.end() || i->second.freed) return false;
	Allocation &a = i->second;
	a.freed = true;
	used_memory -= (a.bytes + 511) / 512 * 512;
	forget((void *)at, a.bytes);
	return true;
}

void release_all() {
	for (auto &i : allocations)
		if (!i.second.freed) release(i.first);
}

Allocation *find_allocation(const void *p) {
	auto i = allocations.upper_bound((address)p);
	if (i == allocations.begin()) return nullptr;
	return &(--i)->second;
}

// The first byte whose state lacks one of the bits, or bytes.
static size_t first_without(const void *p, size_t bytes, uint8_t bits) {
	const uint8_t *s = state_of(p);
	uint64_t all = 0x0101010101010101u * bits, x;
	size_t i = 0;
	for (; i + 8 <= bytes; i += 8) {
		memcpy(&x, s + i, 8);
		if ((x & all) != all) break;
	}
	for (; i < bytes; i++)
		if ((s[i] & bits) != bits) return i;
	return bytes;
}

static bool check(const char *who, const char *verb, const void *p, size_t bytes, uint8_t bits) {
	if (!bytes) return true;
	if (!in_range(p) || !in_range((const char *)p + bytes - 1)) {
		keep_fault(error_illegal_address, "%s %s %zu bytes at %s", who, verb, bytes, place(p));
		return false;
	}
	size_t bad = first_without(p, bytes, bits);
	if (bad == bytes) return true;
	const char *at = (const char *)p + bad;
	if (*state_of(at) & state_allocated)
		keep_fault(error_launch_failed, "%s %s what was never written: %s", who, verb, place(at));
	else
		keep_fault(error_illegal_address, "%s %s out of bounds or after free: %s", who, verb, place(at));
	return false;
}

#ifdef PAIRLOOM_CHECKED
static const uint8_t readable = state_written;
#else
static const uint8_t readable = state_allocated; // no one notes what kernels write
#endif

bool check_read(const char *who, const void *p, size_t bytes) { return check(who, "reads", p, bytes, readable); }

bool check_write(const char *who, void *p, size_t bytes) {
	if (!check(who, "writes", p, bytes, state_allocated)) return false;
	memset(state_of(p), state_written, bytes);
	return true;
}

// Shared memory: the dynamic part, then the arrays in the order in which threads get to
// them, with a gap between any two.

static size_t shared_static, shared_end;
static const size_t gap = 256;

struct Array {
	const char *name;
	char *at;
	size_t bytes;
};
static std::vector<Array> arrays; // of the block that runs, in the order of their addresses

void start_shared(size_t dynamic) {
	memset(states, state_none, shared_end);
	memset(states, state_allocated, dynamic);
	memset(range, 0xff, dynamic);
	shared_static = 0;
	shared_end = dynamic;
	arrays.assign(1, Array{"the dynamic shared memory", range, dynamic});
}

void *dynamic_shared() { return range; }

void place_shared(SharedArray &a, size_t bytes) {
	shared_static += (bytes + 15) / 16 * 16;
	if (shared_static > 49152) fault(error_launch_failed, "%zu bytes of static shared memory with %s: cards have 49152", shared_static, a.name);
	if (shared_static + arrays[0].bytes > 101376) fault(error_launch_failed, "%zu bytes of shared memory with %s: cards have 101376", shared_static + arrays[0].bytes, a.name);
	a.at = range + (shared_end + gap + 127) / 128 * 128;
	a.serial = block_serial;
	memset(state_of(a.at), state_allocated, bytes);
	memset(a.at, 0xff, bytes);
	shared_end = (size_t)(a.at - range) + bytes;
	arrays.push_back(Array{a.name, a.at, bytes});
}

const char *place(const void *p) {
	static char text[256];
	Allocation *a = find_allocation(p);
	if (!p) {
		snprintf(text, sizeof text, "null");
	} else if (!in_range(p)) {
		snprintf(text, sizeof text, "%p, which is no memory of the device", p);
	} else if ((size_t)((const char *)p - range) < shared_bytes) {
		const Array *nearest = &arrays[0];
		for (auto &x : arrays)
			if (x.at <= p) nearest = &x;
		snprintf(text, sizeof text, "byte %zu of %s of %zu bytes", (size_t)((const char *)p - nearest->at), nearest->name, nearest->bytes);
	} else if (!a) {
		snprintf(text, sizeof text, "%p, which was never allocated", p);
	} else {
		snprintf(text, sizeof text, "%p, byte %zu of an allocation of %zu bytes%s", p, (size_t)((address)p - a->at), a->bytes, a->freed ? " that was freed" : a->live ? "" : " that the stream has not got to");
	}
	return text;
}

// Pinned memory.

static std::map<address, size_t> pinned;

void *allocate_pinned(size_t bytes) {
	void *p = aligned_alloc(page, (bytes + page - 1) / page * page);
	if (p) pinned[(address)p] = bytes;
	return p;
}

bool release_pinned(void *p) {
	if (!pinned.erase((address)p)) return false;
	free(p);
	return true;
}

bool is_pinned(const void *p, size_t bytes) {
	auto i = pinned.upper_bound((address)p);
	if (i == pinned.begin()) return false;
	--i;
	return (address)p + bytes <= i->first + i->second;
}

#ifndef PAIRLOOM_CHECKED
void watch_load_matrices(const void *) {}
void watch_copy_start(void *, const void *, bool) {}
void watch_copy_end(void *, const void *, bool) {}
void reserve_cells() {}
void forget_cells(const void *, size_t) {}
void watch_launch(unsigned long long) {}
#endif

} // namespace host
