// Contexts, and streams. What a piece of work does and its end are two things: the
// device may do it long before the host knows.
//
// Streams are late or early by turns, the first one that is made is late: late work is
// done when someone waits for it, early work as soon as what it waits for is done. So
// work of two streams that lacks an event between them goes wrong in one order, and in
// the other where PAIRLOOM_TESTDRIVER_ORDER is backwards.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <unordered_set>
#include <vector>

namespace host {

struct Context;
struct Stream;

struct Handle {
	enum Kind : uint32_t { context = 0x43545854, stream, event, module } kind;
	Context *owner;
	bool dead;
};

// A place in a stream: after its first so many pieces of work.
struct Place {
	Stream *stream;
	uint64_t at;
};

struct Work {
	std::function<void()> run;
	std::function<void()> end; // when the host has waited for it; may be empty
	Place after;               // of another stream
	bool late;                 // even on a stream that is early
};

struct Stream : Handle {
	unsigned flags;
	bool early;
	std::deque<Work> queue;     // what the host has not waited for
	uint64_t queued, ran, done; // so many: the host has waited for the done ones
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
	std::vector<Stream *> streams;
	std::unordered_set<Handle *> owned; // those that were destroyed too, so that their use is seen
};

void enqueue(Stream *s, Work w);
// The host waits for a place, for a stream, for all.
void wait_for(Place p);
void wait_for(Stream *s);
void wait_for(Context *c);
// True where nothing is left before the place; else one more piece of work is done.
bool step(Place p);
double milliseconds();

} // namespace host
