// The device's memory: one reserved range of addresses, of which no part is given out
// twice, with a byte of state for each byte of it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace host {

typedef uintptr_t address;

struct Allocation {
	address at;
	size_t bytes;
	bool freed;
	bool live; // false where a stream has yet to get to its allocation
};

// Of a byte of the range. A byte that is written was allocated.
enum : uint8_t { state_none = 0, state_allocated = 1, state_written = 3, state_in_flight = 4 };

const size_t range_bytes = (size_t)1 << 40;
const size_t shared_bytes = (size_t)1 << 20; // the range's first part is the block's shared memory
const size_t page = 4096;

extern char *range;
extern uint8_t *states;

inline bool in_range(const void *p) { return (size_t)((const char *)p - range) < range_bytes; }
inline uint8_t *state_of(const void *p) { return states + ((const char *)p - range); }

void reserve_range();
size_t card_memory(); // of the emulated card
extern size_t used_memory;
// 0 where there is not enough. The memory is there at once, unless later is true: then commit does it.
address allocate(size_t bytes, bool later);
void commit(address at);
// False where no allocation starts there.
bool release(address at);
Allocation *find_allocation(const void *p); // the nearest that starts at or before p
void release_all();

// Check a range that the driver or cuBLASLt reads or writes; false after a fault was kept.
bool check_read(const char *who, const void *p, size_t bytes);
bool check_write(const char *who, void *p, size_t bytes);
// In words: where p lies beside the allocation next to it.
const char *place(const void *p);

// Called by warp.cc.
void watch_load_matrices(const void *row);
void watch_copy_start(void *shared, const void *global, bool valid);
void watch_copy_end(void *shared, const void *global, bool valid);

// Shared memory of a block: dynamic bytes from the start.
void start_shared(size_t dynamic);

// Pinned host memory.
void *allocate_pinned(size_t bytes);
bool release_pinned(void *p);
bool is_pinned(const void *p, size_t bytes);

} // namespace host
