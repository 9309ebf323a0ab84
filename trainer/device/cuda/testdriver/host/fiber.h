// The threads of a block as fibers, and the warps that they form.
#pragma once

#include "host.h"

#include <vector>

namespace host {

const int lanes = 32;
const int most_threads = 1024; // of a block

// What all lanes of a warp do together.
enum class Together { nothing, shuffle, ballot, barrier, load_matrices, multiply };
const char *name_of(Together t);

struct Copy {
	void *shared;
	const void *global;
	bool valid;
	int group;
};

struct Fiber {
	dim3 thread;
	int index, warp, lane;
	enum State { fresh, ready, at_warp, at_barrier, ended } state;
	void *stack; // while it lives, its lowest byte
	void *sp;    // where it goes on
	int groups;  // of copies that it has ended
	std::vector<Copy> copies;
};

struct Warp {
	int lanes;       // that exist
	uint32 runnable; // a bit a lane
	uint32 arrived;  // at what they do together
	Together what;
	unsigned turn;     // counts what was done together
	unsigned barriers; // of those, so many
	uint32 words[2][host::lanes]; // by turn: a lane may be one turn ahead of those that still read
	const void *in[2][host::lanes], *in2[2][host::lanes];
	void *out[2][host::lanes];
};

extern Fiber fibers[most_threads];
extern Warp warps[most_threads / lanes];
extern int threads;         // of the block that runs
extern unsigned barriers;   // that this block has passed
extern bool backwards;      // the last thread goes first

// Runs one block: f once for each thread. False where it was ended by a fault.
bool run_block(void (*f)(void *), void *argument);

extern Fiber *now; // the fiber that runs, or null
inline Fiber &self() { return *now; }

// What kernels see as thread, block, block_size and grid_size.
extern dim3 set_thread __asm__("pairloom_testdriver_thread");
extern dim3 set_block __asm__("pairloom_testdriver_block");
extern dim3 set_block_size __asm__("pairloom_testdriver_block_size");
extern dim3 set_grid_size __asm__("pairloom_testdriver_grid_size");

// Ends the launch that runs: keeps the first fault's text, with kernel, block and thread in front.
[[noreturn]] void fault(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
// The same, with the line of the source that a place in the code was compiled from.
[[noreturn]] void fault_at(const void *place, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

// Whether p lies on the stack of some fiber; each has so many bytes.
bool on_stacks(const void *p);
const size_t stack_bytes = 128 << 10;
extern const char *own_stack; // of the fiber that runs

} // namespace host
