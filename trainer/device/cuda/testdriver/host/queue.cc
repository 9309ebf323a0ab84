#include "queue.h"

#include "fault.h"

#include <ctime>

namespace host {

void enqueue(Stream *s, const char *what, std::function<void()> run) {
	s->queue.push_back(Work{what, std::move(run)});
	s->queued++;
}

static void run_one(Stream *s) {
	Work w = std::move(s->queue.front());
	s->queue.pop_front();
	if (!sticky) w.run(); // after a fault the card does nothing more
	s->done++;
}

void run_until(Place p) {
	while (p.stream && p.stream->done < p.at && !p.stream->queue.empty()) run_one(p.stream);
}

void run_stream(Stream *s) { run_until(Place{s, s->queued}); }

void run_context(Context *c) {
	run_stream(c->null);
	for (Handle *h : c->owned)
		if (h->kind == Handle::stream && !h->dead) run_stream((Stream *)h);
}

bool step(Place p) {
	if (!p.stream || p.stream->done >= p.at || p.stream->queue.empty()) return true;
	run_one(p.stream);
	return false;
}

double milliseconds() {
	timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

} // namespace host
