// The driver's functions of memory and copies.
#include "api.h"

#include "memory.h"

#include <cstring>
#include <string>

using namespace host;

static uint64_t hash(const void *p, size_t bytes) {
	uint64_t h = 0x9e3779b97f4a7c15u, x;
	const char *c = (const char *)p;
	size_t i = 0;
	for (; i + 8 <= bytes; i += 8) {
		memcpy(&x, c + i, 8);
		h = (h ^ x) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	for (; i < bytes; i++) h = (h ^ (unsigned char)c[i]) * 0xff51afd7ed558ccdu;
	return h;
}

static int allocated(address *at, size_t bytes, const char *name, bool later) {
	if (int code = fail(name)) return code;
	if (!bytes) return refuse(error_invalid_value, "%s of 0 bytes", name);
	*at = allocate(bytes, later);
	if (!*at) return refuse(error_out_of_memory, "%s of %zu bytes: %zu of %zu are in use", name, bytes, used_memory, card_memory());
	return 0;
}

API int cuMemAlloc_v2(address *at, size_t bytes) {
	ENTER;
	return allocated(at, bytes, "cuMemAlloc", false);
}

API int cuMemFree_v2(address at) {
	ENTER;
	if (!at) return 0;
	wait_for(current());
	if (!release(at)) return refuse(error_invalid_value, "cuMemFree of %s", place((void *)at));
	return sticky;
}

API int cuMemAllocAsync(address *at, size_t bytes, void *stream) {
	ENTER;
	STREAM(s, stream);
	if (int code = allocated(at, bytes, "cuMemAllocAsync", true)) return code;
	enqueue(s, Work{[a = *at] { commit(a); }});
	return 0;
}

API int cuMemAllocFromPoolAsync(address *at, size_t bytes, void *, void *stream) { return cuMemAllocAsync(at, bytes, stream); }

API int cuMemFreeAsync(address at, void *stream) {
	ENTER;
	STREAM(s, stream);
	if (!at) return 0;
	Allocation *a = find_allocation((void *)at);
	if (!a || a->at != at || a->freed) return refuse(error_invalid_value, "cuMemFreeAsync of %s", place((void *)at));
	enqueue(s, Work{[at] {
		if (!release(at)) keep_fault(error_invalid_value, "cuMemFreeAsync of %s", place((void *)at));
	}});
	return 0;
}

API int cuMemGetInfo_v2(size_t *left, size_t *total) {
	ENTER;
	*total = card_memory();
	*left = used_memory < *total ? *total - used_memory : 0;
	return 0;
}

API int cuMemGetAddressRange_v2(address *at, size_t *bytes, address p) {
	ENTER;
	Allocation *a = find_allocation((void *)p);
	if (!a || a->freed || p >= a->at + a->bytes) return refuse(error_not_found, "%s", place((void *)p));
	if (at) *at = a->at;
	if (bytes) *bytes = a->bytes;
	return 0;
}

// Pools: one, of all memory, that keeps nothing.
static uint64_t threshold;
static char pool;

API int cuDeviceGetDefaultMemPool(void **p, int) {
	*p = &pool;
	return 0;
}
API int cuDeviceGetMemPool(void **p, int) {
	*p = &pool;
	return 0;
}
API int cuDeviceSetMemPool(int, void *) { return 0; }
API int cuMemPoolTrimTo(void *, size_t) { return 0; }
API int cuMemPoolSetAttribute(void *, int a, void *value) {
	ENTER;
	if (a == 4) memcpy(&threshold, value, 8);
	return 0;
}
API int cuMemPoolGetAttribute(void *, int a, void *value) {
	ENTER;
	uint64_t x = a == 4 ? threshold : used_memory;
	if (a <= 3)
		memset(value, 0, 4);
	else
		memcpy(value, &x, 8);
	return 0;
}

// Pinned memory.

API int cuMemHostAlloc(void **p, size_t bytes, unsigned) {
	ENTER;
	if (int code = fail("cuMemHostAlloc")) return code;
	if (!bytes) return refuse(error_invalid_value, "cuMemHostAlloc of 0 bytes");
	*p = allocate_pinned(bytes);
	return *p ? 0 : refuse(error_out_of_memory, "cuMemHostAlloc of %zu bytes", bytes);
}
API int cuMemAllocHost_v2(void **p, size_t bytes) { return cuMemHostAlloc(p, bytes, 0); }

API int cuMemFreeHost(void *p) {
	ENTER;
	if (!release_pinned(p)) return refuse(error_invalid_value, "cuMemFreeHost of %p, which is not pinned", p);
	return 0;
}

// Copies. Those that are not Async are done at once, after all that is queued.

static int to_device(Stream *s, address to, const void *from, size_t bytes, bool wait) {
	if (!bytes) return 0;
	if (!wait && !is_pinned(from, bytes)) return refuse(error_invalid_value, "cuMemcpyHtoDAsync of %zu bytes from %p, which is not pinned: the copy would not be asynchronous", bytes, from);
	uint64_t h = hash(from, bytes);
	// Until the host has waited for the copy, its memory is the card's to read.
	auto unchanged = [=] {
		if (!wait && !is_pinned(from, bytes))
			keep_fault(error_launch_failed, "cuMemcpyHtoDAsync: host memory %p of %zu bytes was freed before the copy was waited for", from, bytes);
		else if (hash(from, bytes) != h)
			keep_fault(error_launch_failed, "cuMemcpyHtoDAsync: host memory %p of %zu bytes was changed before the copy was waited for", from, bytes);
	};
	Work w = {};
	w.run = [=] {
		unchanged();
		if (!sticky && check_write("cuMemcpyHtoD", (void *)to, bytes)) memcpy((void *)to, from, bytes);
	};
	w.end = unchanged;
	enqueue(s, w);
	return 0;
}

static int to_host(Stream *s, void *to, address from, size_t bytes, bool wait) {
	if (!bytes) return 0;
	if (!wait && !is_pinned(to, bytes)) return refuse(error_invalid_value, "cuMemcpyDtoHAsync of %zu bytes to %p, which is not pinned: the copy would not be asynchronous", bytes, to);
	memset(to, 0xff, bytes); // not a number, for those who look too early
	Work w = {};
	w.run = [=] {
		if (!wait && !is_pinned(to, bytes))
			keep_fault(error_launch_failed, "cuMemcpyDtoHAsync: host memory %p of %zu bytes was freed before the copy was waited for", to, bytes);
		else if (check_read("cuMemcpyDtoH", (void *)from, bytes))
			memcpy(to, (void *)from, bytes);
	};
	w.late = true;
	enqueue(s, w);
	return 0;
}

static int on_device(Stream *s, address to, address from, size_t bytes) {
	if (!bytes) return 0;
	enqueue(s, Work{[=] {
		if (to < from + bytes && from < to + bytes)
			keep_fault(error_launch_failed, "cuMemcpyDtoD of %zu bytes that overlap: from %s", bytes, place((void *)from));
		else if (check_read("cuMemcpyDtoD", (void *)from, bytes) && check_write("cuMemcpyDtoD", (void *)to, bytes))
			memcpy((void *)to, (void *)from, bytes);
	}});
	return 0;
}

#define AT_ONCE(call) \
	ENTER; \
	wait_for(current()); \
	if (int code = call) return code; \
	wait_for(current()); \
	return sticky

#define QUEUED(call) \
	ENTER; \
	STREAM(s, stream); \
	return call

API int cuMemcpyHtoD_v2(address to, const void *from, size_t bytes) { AT_ONCE(to_device(current()->null, to, from, bytes, true)); }
API int cuMemcpyDtoH_v2(void *to, address from, size_t bytes) { AT_ONCE(to_host(current()->null, to, from, bytes, true)); }
API int cuMemcpyDtoD_v2(address to, address from, size_t bytes) { AT_ONCE(on_device(current()->null, to, from, bytes)); }
API int cuMemcpyHtoDAsync_v2(address to, const void *from, size_t bytes, void *stream) { QUEUED(to_device(s, to, from, bytes, false)); }
API int cuMemcpyDtoHAsync_v2(void *to, address from, size_t bytes, void *stream) { QUEUED(to_host(s, to, from, bytes, false)); }
API int cuMemcpyDtoDAsync_v2(address to, address from, size_t bytes, void *stream) { QUEUED(on_device(s, to, from, bytes)); }

template <class T> static int set(Stream *s, address to, T x, size_t n) {
	if (!n) return 0;
	if (to % sizeof(T)) return refuse(error_invalid_value, "cuMemset of %zu bytes each at %s: misaligned", sizeof(T), place((void *)to));
	enqueue(s, Work{[=] {
		if (!check_write("cuMemset", (void *)to, n * sizeof(T))) return;
		T *p = (T *)to;
		for (size_t i = 0; i < n; i++) p[i] = x;
	}});
	return 0;
}

API int cuMemsetD8_v2(address to, unsigned char x, size_t n) { AT_ONCE(set(current()->null, to, x, n)); }
API int cuMemsetD16_v2(address to, unsigned short x, size_t n) { AT_ONCE(set(current()->null, to, x, n)); }
API int cuMemsetD32_v2(address to, unsigned x, size_t n) { AT_ONCE(set(current()->null, to, x, n)); }
API int cuMemsetD8Async(address to, unsigned char x, size_t n, void *stream) { QUEUED(set(s, to, x, n)); }
API int cuMemsetD16Async(address to, unsigned short x, size_t n, void *stream) { QUEUED(set(s, to, x, n)); }
API int cuMemsetD32Async(address to, unsigned x, size_t n, void *stream) { QUEUED(set(s, to, x, n)); }
