#include "queue.h"

#include "fault.h"

#include <ctime>

namespace host {

static void run_until(Place p) {
	Stream *s = p.stream;
	while (s && s->ran < p.at) {
		Work &w = s->queue[s->ran - s->done];
		run_until(w.after);
		if (!sticky) w.run(); // after a fault the card does nothing more
		s->ran++;
	}
}

// Early streams go as far as they can.
static void run_early(Context *c) {
	for (Stream *s : c->streams) {
		if (s->dead || !s->early) continue;
		while (s->ran < s->queued) {
			const Work &w = s->queue[s->ran - s->done];
			if (w.late || (w.after.stream && w.after.stream->ran < w.after.at)) break;
			run_until(Place{s, s->ran + 1});
		}
	}
}

void enqueue(Stream *s, Work w) {
	s->queue.push_back(std::move(w));
	s->queued++;
	run_early(s->owner);
}

void wait_for(Place p) {
	run_until(p);
	Stream *s = p.stream;
	while (s && s->done < p.at) {
		Work w = std::move(s->queue.front());
		s->queue.pop_front();
		s->done++;
		wait_for(w.after);
		if (w.end && !sticky) w.end();
	}
	if (s) run_early(s->owner);
}

void wait_for(Stream *s) { wait_for(Place{s, s->queued}); }

void wait_for(Context *c) {
	wait_for(c->null);
	for (Stream *s : c->streams)
		if (!s->dead) wait_for(s);
}

bool step(Place p) {
	if (!p.stream || p.stream->done >= p.at) return true;
	wait_for(Place{p.stream, p.stream->done + 1});
	return false;
}

double milliseconds() {
	timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

} // namespace host
