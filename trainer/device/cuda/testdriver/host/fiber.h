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

struct Fiber : Lane {
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
	unsigned turn; // counts what was done together
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

// The fiber that runs.
inline Fiber &self() { return *static_cast<Fiber *>(now); }

// Ends the launch that runs: keeps the first fault's text, with kernel, block and thread in front.
[[noreturn]] void fault(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Where a stack of fibers lies, or the one of a given fiber.
bool on_stacks(const void *p);

} // namespace host
