// Faults: the first one is kept, with the kernel, block and thread it came from.
#include "fault.h"

#include "fiber.h"
#include "launch.h"
#include "watch.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

namespace host {

int sticky;
char fault_text[2048];

// The place in a kernel's source that an address of the code comes from, such as
// " (gather.cu:31)"; nothing where addr2line is not at hand.
static const char *line_of(const void *code) {
	static char text[128];
	text[0] = 0;
	Dl_info library;
	if (!code || !dladdr(code, &library)) return text;
	char command[4096];
	snprintf(command, sizeof command, "addr2line -e '%s' -i -s 0x%zx 2>/dev/null", library.dli_fname, (size_t)((const char *)code - 1 - (const char *)library.dli_fbase));
	FILE *out = popen(command, "r");
	if (!out) return text;
	char line[100];
	while (fgets(line, sizeof line, out)) {
		line[strcspn(line, " \n")] = 0;
		// Of the functions that were compiled into one, the kernels' own files say most.
		if (!text[0] || strstr(text, "gpu.h") || strstr(text, "host.h")) snprintf(text, sizeof text, " (%s)", line);
	}
	pclose(out);
	if (strchr(text, '?')) text[0] = 0;
	return text;
}

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

[[noreturn]] static void stop(const char *line, int code, const char *format, va_list arguments) {
	char where[384] = "";
	if (now) {
		dim3 t = now->thread, b = set_block;
		snprintf(where, sizeof where, "%s%s, block %u,%u,%u, thread %u,%u,%u: ", running_kernel(), line, b.x, b.y, b.z, t.x, t.y, t.z);
	}
	keep(code, where, format, arguments);
	stop_block();
	abort(); // a fault of a thread where none runs
}

void fault(int code, const char *format, ...) {
	va_list a;
	va_start(a, format);
	stop("", code, format, a);
}

void fault_at(const void *place, int code, const char *format, ...) {
	va_list a;
	va_start(a, format);
	stop(line_of(place), code, format, a);
}

void forget_faults() {
	sticky = 0;
	fault_text[0] = 0;
}

} // namespace host

// The words of the fault that is kept, or of the last call that was refused.
extern "C" const char *pairloom_testdriver_fault() { return host::fault_text; }
