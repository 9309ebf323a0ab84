// Faults: the first one is kept, with the kernel, block and thread it came from.
#include "fault.h"

#include "fiber.h"
#include "launch.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace host {

int sticky;
char fault_text[2048];

static void keep(int code, const char *where, const char *format, va_list arguments) {
	if (sticky) return;
	sticky = code;
	int n = snprintf(fault_text, sizeof fault_text, "%s", where);
	vsnprintf(fault_text + n, sizeof fault_text - (size_t)n, format, arguments);
	if (!getenv("PAIRLOOM_TESTDRIVER_QUIET")) fprintf(stderr, "testdriver: %s\n", fault_text);
}

void keep_fault(int code, const char *format, ...) {
	va_list a;
	va_start(a, format);
	keep(code, "", format, a);
	va_end(a);
}

int refuse(int code, const char *format, ...) {
	if (sticky) return sticky;
	va_list a;
	va_start(a, format);
	vsnprintf(fault_text, sizeof fault_text, format, a);
	va_end(a);
	if (!getenv("PAIRLOOM_TESTDRIVER_QUIET")) fprintf(stderr, "testdriver: refused: %s\n", fault_text);
	return code;
}

void fault(int code, const char *format, ...) {
	char where[256] = "";
	if (now) {
		dim3 t = now->thread;
		snprintf(where, sizeof where, "%s, block %u,%u,%u, thread %u,%u,%u: ", running_kernel(), block.x, block.y, block.z, t.x, t.y, t.z);
	}
	va_list a;
	va_start(a, format);
	keep(code, where, format, a);
	va_end(a);
	stop_block();
	abort(); // a fault of a thread where none runs
}

void forget_faults() {
	sticky = 0;
	fault_text[0] = 0;
}

} // namespace host

// The words of the fault that is kept, or of the last call that was refused.
extern "C" const char *pairloom_testdriver_fault() { return host::fault_text; }
