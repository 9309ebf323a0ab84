// What the files of the driver's functions share.
#pragma once

#include "fault.h"
#include "queue.h"

#include <mutex>

#define API extern "C" __attribute__((visibility("default")))

namespace host {

extern std::recursive_mutex big; // held during each call
extern bool initialized;
extern thread_local std::vector<Context *> contexts; // this thread's, the last one is current

inline Context *current() { return contexts.empty() ? nullptr : contexts.back(); }

// The start of each call that needs a context: what it answers where there is none, or after a fault.
int enter();
// The handle, or null after a refusal; stream 0, 1 and 2 are the context's null stream.
Stream *stream_of(void *h);
Event *event_of(void *h);
int adopt(Handle *h, Handle::Kind kind);
// What a function is told to answer, or 0: see errors.cc.
int fail(const char *function);

} // namespace host

#define ENTER \
	std::lock_guard<std::recursive_mutex> guard(host::big); \
	if (int code = host::enter()) return code
#define STREAM(s, h) \
	host::Stream *s = host::stream_of(h); \
	if (!s) return host::error_invalid_handle
