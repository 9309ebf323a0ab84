// What went wrong, in the driver's numbers and in words.
#pragma once

namespace host {

// CUresult, of cuda.h.
enum {
	error_invalid_value = 1,
	error_out_of_memory = 2,
	error_not_initialized = 3,
	error_no_device = 100,
	error_invalid_device = 101,
	error_invalid_image = 200,
	error_invalid_context = 201,
	error_invalid_handle = 400,
	error_not_found = 500,
	error_not_ready = 600,
	error_illegal_address = 700,
	error_context_is_destroyed = 709,
	error_misaligned_address = 716,
	error_launch_failed = 719,
	error_not_supported = 801,
};

// Keeps a fault of the device: every call answers its number until the context ends.
// The first one's words are kept, and printed.
[[gnu::format(printf, 2, 3)]] void keep_fault(int code, const char *format, ...);
// Words for a call that is refused; keeps no fault. Returns code.
[[gnu::format(printf, 2, 3)]] int refuse(int code, const char *format, ...);

extern int sticky;             // the fault that is kept, or 0
extern char fault_text[2048];  // its words, or those of the last call that was refused
void forget_faults();

// Leaves the block that runs, if one does.
void stop_block();

} // namespace host
