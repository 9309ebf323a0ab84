// Contexts, and streams whose work is done as late as it may be: when someone waits for it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

namespace host {

struct Context;

struct Handle {
	enum Kind : uint32_t { context = 0x43545854, stream, event, module } kind;
	Context *owner;
	bool dead;
};

struct Work {
	const char *what;
	std::function<void()> run;
};

struct Stream : Handle {
	unsigned flags;
	std::deque<Work> queue;
	uint64_t queued, done;
	bool running;
};

// A place in a stream: after its first so many pieces of work.
struct Place {
	Stream *stream;
	uint64_t at;
};

struct Event : Handle {
	bool timed;
	Place place; // of the last record; no stream where there was none
	double milliseconds;
};

struct Context : Handle {
	int device;
	int users;
	Stream *null; // the stream that goes by no name
	std::vector<Handle *> owned;
};

void enqueue(Stream *s, const char *what, std::function<void()> run);
// Do what is queued, up to a place, or all.
void run_until(Place p);
void run_stream(Stream *s);
void run_context(Context *c);
// True where nothing is left before the place; else one more piece of work is done.
bool step(Place p);
double milliseconds();

} // namespace host
