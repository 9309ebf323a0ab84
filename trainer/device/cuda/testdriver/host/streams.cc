// The driver's functions of streams, events, modules and launches.
#include "api.h"

#include "launch.h"

#include <array>
#include <cstdlib>
#include <cstring>

using namespace host;

API int cuStreamCreate(void **stream, unsigned flags) {
	ENTER;
	if (int code = fail("cuStreamCreate")) return code;
	Stream *s = new Stream();
	s->flags = flags;
	const char *order = getenv("PAIRLOOM_TESTDRIVER_ORDER");
	bool backwards = order && !strcmp(order, "backwards");
	s->early = (current()->streams.size() % 2 == 1) != backwards;
	current()->streams.push_back(s);
	*stream = s;
	return adopt(s, Handle::stream);
}
API int cuStreamCreateWithPriority(void **stream, unsigned flags, int) { return cuStreamCreate(stream, flags); }

API int cuStreamDestroy_v2(void *stream) {
	ENTER;
	STREAM(s, stream);
	wait_for(s);
	s->dead = true;
	return sticky;
}

API int cuStreamSynchronize(void *stream) {
	ENTER;
	STREAM(s, stream);
	wait_for(s);
	return sticky;
}

API int cuStreamQuery(void *stream) {
	ENTER;
	STREAM(s, stream);
	bool done = step(Place{s, s->queued});
	return sticky ? sticky : done ? 0 : error_not_ready;
}

API int cuStreamGetFlags(void *stream, unsigned *flags) {
	ENTER;
	STREAM(s, stream);
	*flags = s->flags;
	return 0;
}

API int cuStreamGetPriority(void *stream, int *priority) {
	ENTER;
	STREAM(s, stream);
	*priority = 0;
	return 0;
}

API int cuCtxGetStreamPriorityRange(int *least, int *greatest) {
	ENTER;
	*least = *greatest = 0;
	return 0;
}

API int cuStreamWaitEvent(void *stream, void *event, unsigned) {
	ENTER;
	STREAM(s, stream);
	Event *e = event_of(event);
	if (!e) return error_invalid_handle;
	enqueue(s, Work{[] {}, {}, e->place});
	return 0;
}

API int cuEventCreate(void **event, unsigned flags) {
	ENTER;
	Event *e = new Event();
	e->timed = !(flags & 2);
	*event = e;
	return adopt(e, Handle::event);
}

API int cuEventDestroy_v2(void *event) {
	ENTER;
	Event *e = event_of(event);
	if (!e) return error_invalid_handle;
	e->dead = true;
	return 0;
}

API int cuEventRecord(void *event, void *stream) {
	ENTER;
	STREAM(s, stream);
	Event *e = event_of(event);
	if (!e) return error_invalid_handle;
	enqueue(s, Work{[e] { e->milliseconds = milliseconds(); }});
	e->place = Place{s, s->queued};
	return 0;
}

API int cuEventSynchronize(void *event) {
	ENTER;
	Event *e = event_of(event);
	if (!e) return error_invalid_handle;
	wait_for(e->place);
	return sticky;
}

API int cuEventQuery(void *event) {
	ENTER;
	Event *e = event_of(event);
	if (!e) return error_invalid_handle;
	bool done = step(e->place);
	return sticky ? sticky : done ? 0 : error_not_ready;
}

API int cuEventElapsedTime(float *ms, void *from, void *to) {
	ENTER;
	Event *a = event_of(from), *b = event_of(to);
	if (!a || !b || !a->timed || !b->timed || !a->place.stream || !b->place.stream) return refuse(error_invalid_handle, "cuEventElapsedTime of events that were not recorded, or have no times");
	if (a->place.stream->ran < a->place.at || b->place.stream->ran < b->place.at) return error_not_ready;
	*ms = (float)(b->milliseconds - a->milliseconds);
	return 0;
}
API int cuEventElapsedTime_v2(float *ms, void *from, void *to) { return cuEventElapsedTime(ms, from, to); }

// Modules: any PTX holds all kernels.

API int cuModuleLoadData(void **module, const void *image) {
	ENTER;
	if (int code = fail("cuModuleLoadData")) return code;
	if (!image || !strstr((const char *)image, ".version")) return refuse(error_invalid_image, "cuModuleLoadData of what is no PTX");
	Handle *m = new Handle();
	*module = m;
	return adopt(m, Handle::module);
}
API int cuModuleLoadDataEx(void **module, const void *image, unsigned, int *, void **) { return cuModuleLoadData(module, image); }

API int cuModuleUnload(void *module) {
	ENTER;
	wait_for(current());
	((Handle *)module)->dead = true;
	return sticky;
}

API int cuModuleGetFunction(void **function, void *module, const char *name) {
	ENTER;
	if (!module || ((Handle *)module)->dead) return refuse(error_invalid_handle, "cuModuleGetFunction of a module that was unloaded");
	Function *f = find_function(name);
	if (!f) return refuse(error_not_found, "no kernel %s", name);
	*function = f;
	return 0;
}

API int cuFuncGetAttribute(int *value, int a, void *function) {
	ENTER;
	Function *f = (Function *)function;
	*value = a == 0 ? f->kernel->threads : a == 4 ? 32 : a == 5 || a == 6 ? 80 : a == 8 ? f->dynamic_limit : 0;
	return 0;
}

API int cuFuncSetAttribute(void *function, int a, int value) {
	ENTER;
	Function *f = (Function *)function;
	if (a == 8) {
		if (value < 0 || value > 101376) return refuse(error_invalid_value, "%s: %d bytes of dynamic shared memory: cards have 101376", f->kernel->name, value);
		f->dynamic_limit = value;
	}
	return 0;
}
// The sizes of parameters, as many as there are.
API int cuFuncGetParamInfo(void *function, size_t i, size_t *offset, size_t *bytes) {
	ENTER;
	const char *kinds = ((Function *)function)->kernel->kinds;
	size_t at = 0;
	for (size_t j = 0; kinds[j]; j++) {
		size_t size = kinds[j] == 'p' ? 8 : (size_t)kinds[j];
		at = (at + size - 1) / size * size;
		if (j == i) {
			*offset = at;
			if (bytes) *bytes = size;
			return 0;
		}
		at += size;
	}
	return error_invalid_value;
}
API int cuFuncSetCacheConfig(void *, int) { return 0; }

API int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *stream, void **parameters, void **extra) {
	ENTER;
	if (int code = fail("cuLaunchKernel")) return code;
	STREAM(s, stream);
	Function f = *(Function *)function;
	if (extra) return refuse(error_not_supported, "%s: parameters by extra", f.kernel->name);
	dim3 grid = {gx, gy, gz}, threads = {bx, by, bz};
	if (int code = check_launch(f, grid, threads, shared)) return code;
	std::array<uint64_t, 64> cells = {};
	if (f.kernel->parameters > 64 || (f.kernel->parameters && !parameters)) return refuse(error_invalid_value, "%s: parameters", f.kernel->name);
	for (int i = 0; i < f.kernel->parameters; i++) memcpy(&cells[(size_t)i], parameters[i], 8);
	if (int code = check_parameters(f, cells.data())) return code;
	enqueue(s, Work{[=] { run_kernel(f, grid, threads, shared, cells.data()); }});
	return 0;
}
