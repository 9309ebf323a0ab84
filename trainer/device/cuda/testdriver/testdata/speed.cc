// Prints what the test driver needs for one piece of each of testdata/speed.cu's work,
// in nanoseconds of processor time.
#include "driver.h"

#include <ctime>

static double now() {
	timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

template <class F> static void time(const char *name, double pieces, F f) {
	f();
	cuCtxSynchronize();
	double best = 1e30;
	for (int i = 0; i < 3; i++) {
		double start = now();
		f();
		cuCtxSynchronize();
		double t = now() - start;
		if (t < best) best = t;
	}
	printf("%s %.2f\n", name, best / pieces);
}

int main() {
	start();
	const int n = 1 << 18;
	address x = device(std::vector<float>(n, 1)), y = device(std::vector<float>(n, 1));
	Shape s{8, 1, 1, 256};
	time("read+read+write/4-bytes", n, [=] { launch("add_each", s, y, x, n); });
	time("read+read+write/16-bytes", n / 4, [=] { launch("add_runs", s, y, x, n / 4); });
	time("shuffle/thread", 2048 * 100, [=] { launch("shuffles", s, y, 100); });
	time("block_barrier/thread", 2048 * 100, [=] { launch("barriers", s, y, 100); });
	time("load_matrices+multiply/warp", 64 * 100, [=] { launch("products", s, y, 100); });
	time("block-of-256", 1000, [=] { launch("barriers", Shape{1000, 1, 1, 256}, y, 0); });
}
