// The driver's functions of devices and contexts: one kind of card, as many as
// PAIRLOOM_TESTDRIVER_DEVICES says.
#include "api.h"

#include "launch.h"
#include "memory.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

using namespace host;

namespace host {

std::recursive_mutex big;
bool initialized;
thread_local std::vector<Context *> contexts;
static std::map<int, Context *> primary;

int enter() {
	if (!initialized) return refuse(error_not_initialized, "cuInit was not called");
	Context *c = current();
	if (!c) return refuse(error_invalid_context, "this thread has no context");
	if (c->dead) return refuse(error_context_is_destroyed, "this thread's context was destroyed");
	return sticky;
}

int adopt(Handle *h, Handle::Kind kind) {
	h->kind = kind;
	h->owner = current();
	h->dead = false;
	h->owner->owned.insert(h);
	return 0;
}

static bool good(Handle *h, Handle::Kind kind, const char *name) {
	Context *c = current();
	if (!c->owned.count(h) || h->kind != kind) {
		refuse(error_invalid_handle, "%p is no %s of this context", (void *)h, name);
		return false;
	}
	if (h->dead) refuse(error_invalid_handle, "%s %p was destroyed", name, (void *)h);
	return !h->dead;
}

Stream *stream_of(void *h) {
	if ((uintptr_t)h <= 2) return current()->null;
	return good((Handle *)h, Handle::stream, "stream") ? (Stream *)h : nullptr;
}

Event *event_of(void *h) { return good((Handle *)h, Handle::event, "event") ? (Event *)h : nullptr; }

static int devices() {
	const char *s = getenv("PAIRLOOM_TESTDRIVER_DEVICES");
	return s && *s ? atoi(s) : 1;
}

static Context *make_context(int device) {
	Context *c = new Context();
	c->kind = Handle::context;
	c->device = device;
	c->users = 1;
	c->null = new Stream();
	c->null->kind = Handle::stream;
	c->null->owner = c;
	return c;
}

// What belongs to a context ends with it.
static void end_context(Context *c) {
	for (Handle *h : c->owned) h->dead = true;
	c->dead = true;
	release_all();
	forget_faults();
}

static int attribute(int a) {
	switch (a) {
	case 1: return 1024;            // threads of a block
	case 2: case 3: return 1024;    // along x, y
	case 4: return 64;              // along z
	case 5: return 0x7fffffff;      // blocks along x
	case 6: case 7: return 65535;   // along y, z
	case 8: return 48 << 10;        // shared memory of a block
	case 9: return 64 << 10;        // constant memory
	case 10: return 32;             // lanes
	case 11: return 0x7fffffff;     // pitch
	case 12: return 65536;          // registers of a block
	case 13: return 1410000;        // kHz
	case 14: return 512;            // alignment of textures
	case 15: return 1;              // overlaps copies
	case 16: return 8;              // multiprocessors
	case 18: return 0;              // integrated
	case 19: return 1;              // maps host memory
	case 20: return 0;              // compute mode: default
	case 31: return 1;              // concurrent kernels
	case 36: return 1215000;        // kHz of memory
	case 37: return 5120;           // bits of its bus
	case 38: return 40 << 20;       // L2
	case 39: return 2048;           // threads of a multiprocessor
	case 40: return 3;              // copy engines
	case 41: return 1;              // unified addresses
	case 75: return 8;              // compute capability
	case 76: return 0;
	case 81: return 100 << 10;      // shared memory of a multiprocessor
	case 82: return 65536;          // its registers
	case 83: return 1;              // managed memory
	case 97: return 101376;         // shared memory of a block that asks
	case 115: return 1;             // memory pools
	}
	return 0;
}

} // namespace host

API int cuInit(unsigned flags) {
	std::lock_guard<std::recursive_mutex> guard(big);
	if (flags) return refuse(error_invalid_value, "cuInit: flags %u", flags);
	if (devices() <= 0) return refuse(error_no_device, "no card");
	reserve_range();
	initialized = true;
	return 0;
}

API int cuDriverGetVersion(int *version) {
	const char *s = getenv("PAIRLOOM_TESTDRIVER_VERSION");
	*version = s && *s ? atoi(s) : 12090;
	return 0;
}

#define CARD(d) \
	std::lock_guard<std::recursive_mutex> guard(big); \
	if (!initialized) return refuse(error_not_initialized, "cuInit was not called"); \
	if (d < 0 || d >= devices()) return refuse(error_invalid_device, "card %d of %d", d, devices())

API int cuDeviceGetCount(int *count) {
	std::lock_guard<std::recursive_mutex> guard(big);
	if (!initialized) return refuse(error_not_initialized, "cuInit was not called");
	*count = devices();
	return 0;
}

API int cuDeviceGet(int *device, int ordinal) {
	CARD(ordinal);
	*device = ordinal;
	return 0;
}

API int cuDeviceGetName(char *name, int bytes, int d) {
	CARD(d);
	snprintf(name, (size_t)bytes, "pairloom test driver");
	return 0;
}

API int cuDeviceTotalMem_v2(size_t *bytes, int d) {
	CARD(d);
	*bytes = card_memory();
	return 0;
}

API int cuDeviceGetAttribute(int *value, int a, int d) {
	CARD(d);
	*value = attribute(a);
	const char *capability = getenv("PAIRLOOM_TESTDRIVER_CAPABILITY"); // such as 75
	if (capability && *capability && a == 75) *value = atoi(capability) / 10;
	if (capability && *capability && a == 76) *value = atoi(capability) % 10;
	return 0;
}

API int cuDeviceGetUuid_v2(char *uuid, int d) {
	CARD(d);
	memset(uuid, 0, 16);
	uuid[15] = (char)d;
	return 0;
}
API int cuDeviceGetUuid(char *uuid, int d) { return cuDeviceGetUuid_v2(uuid, d); }

API int cuDevicePrimaryCtxRetain(void **context, int d) {
	CARD(d);
	if (int code = fail("cuDevicePrimaryCtxRetain")) return code;
	Context *&c = primary[d];
	if (c)
		c->users++;
	else
		c = make_context(d);
	*context = c;
	return 0;
}

API int cuDevicePrimaryCtxRelease_v2(int d) {
	CARD(d);
	Context *&c = primary[d];
	if (!c) return refuse(error_invalid_context, "a primary context that no one holds");
	if (--c->users == 0) {
		end_context(c);
		c = nullptr;
	}
	return 0;
}
API int cuDevicePrimaryCtxRelease(int d) { return cuDevicePrimaryCtxRelease_v2(d); }

API int cuDevicePrimaryCtxReset_v2(int d) {
	CARD(d);
	Context *&c = primary[d];
	if (c) end_context(c);
	c = nullptr;
	return 0;
}

API int cuDevicePrimaryCtxGetState(int d, unsigned *flags, int *active) {
	CARD(d);
	*flags = 0;
	*active = primary[d] != nullptr;
	return 0;
}

API int cuDevicePrimaryCtxSetFlags_v2(int d, unsigned) {
	CARD(d);
	return 0;
}

API int cuCtxCreate_v2(void **context, unsigned, int d) {
	CARD(d);
	if (int code = fail("cuCtxCreate")) return code;
	Context *c = make_context(d);
	contexts.push_back(c);
	*context = c;
	return 0;
}

API int cuCtxDestroy_v2(void *context) {
	std::lock_guard<std::recursive_mutex> guard(big);
	Context *c = (Context *)context;
	if (!c || c->kind != Handle::context) return refuse(error_invalid_context, "%p is no context", context);
	if (c->dead) return refuse(error_context_is_destroyed, "context %p was destroyed before", context);
	end_context(c);
	if (current() == c) contexts.pop_back();
	return 0;
}

API int cuCtxSetCurrent(void *context) {
	std::lock_guard<std::recursive_mutex> guard(big);
	if (!initialized) return refuse(error_not_initialized, "cuInit was not called");
	Context *c = (Context *)context;
	if (c && c->kind != Handle::context) return refuse(error_invalid_context, "%p is no context", context);
	if (c && c->dead) return refuse(error_context_is_destroyed, "context %p was destroyed", context);
	if (!contexts.empty()) contexts.pop_back();
	if (c) contexts.push_back(c);
	return 0;
}

API int cuCtxGetCurrent(void **context) {
	*context = current();
	return 0;
}

API int cuCtxPushCurrent_v2(void *context) {
	Context *c = (Context *)context;
	if (!c || c->dead) return refuse(error_invalid_context, "%p is no context", context);
	contexts.push_back(c);
	return 0;
}

API int cuCtxPopCurrent_v2(void **context) {
	if (!current()) return refuse(error_invalid_context, "this thread has no context");
	if (context) *context = current();
	contexts.pop_back();
	return 0;
}

API int cuCtxGetDevice(int *d) {
	ENTER;
	*d = current()->device;
	return 0;
}

API int cuCtxSynchronize() {
	ENTER;
	wait_for(current());
	return sticky;
}

API int cuCtxGetFlags(unsigned *flags) {
	ENTER;
	*flags = 0;
	return 0;
}

API int cuCtxGetApiVersion(void *, unsigned *version) {
	*version = 12090;
	return 0;
}
