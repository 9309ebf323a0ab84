// Does one thing wrong, the one that the argument names, and prints what the driver
// says: the error's name and words, or nothing.
#include "driver.h"

static void print(int code) {
	const char *name = "unknown", *words = "";
	cuGetErrorName(code, &name);
	cuGetErrorString(code, &words);
	if (code) printf("%s: %s\n", name, words);
}

static void *pinned(size_t bytes) {
	void *p = nullptr;
	print(cuMemHostAlloc(&p, bytes, 0));
	return p;
}

static void *stream() {
	void *s = nullptr;
	print(cuStreamCreate(&s, 1));
	return s;
}

static void *recorded(void *stream) {
	void *e = nullptr;
	print(cuEventCreate(&e, 2));
	print(cuEventRecord(e, stream));
	return e;
}

static const std::vector<float> ones(64, 1);
static const std::vector<float> many(256, 1);

typedef int (*Case)();
static const struct {
	const char *name;
	Case run;
} cases[] = {
	// Kernels.
	{"read past the end", [] { return launch("read_global", {}, device(4), device(ones), 64); }},
	{"read before the start", [] { return launch("read_global", {}, device(4), device(ones), -1); }},
	{"write past the end", [] { return launch("write_global", {}, device(250), 62); }},
	{"write past a shared array", [] { return launch("write_shared", Shape{1, 1, 1, 64}, device(4), 33); }},
	{"write past dynamic shared memory", [] { return launch("write_dynamic", Shape{1, 1, 1, 64, 1, 1, 256}, 64); }},
	{"read after free", [] {
		address x = device(ones), y = device(4);
		print(cuMemFree_v2(x));
		return launch("read_global", {}, y, x, 0);
	}},
	{"free in the queue before a read", [] {
		address x = device(ones);
		print(cuMemFreeAsync(x, nullptr));
		return launch("read_global", {}, device(4), x, 0);
	}},
	{"read of what was never written", [] { return launch("read_global", {}, device(4), device(256), 3); }},
	{"read of shared memory that was never written", [] { return launch("unwritten_shared", Shape{1, 1, 1, 64}, device(256)); }},
	{"misaligned", [] { return launch("read_run", {}, device(16), device(ones) + 4); }},
	{"host memory in a kernel", [] { return launch("read_global", {}, device(4), (address)ones.data(), 0); }},
	{"another thread's stack", [] { return launch("others_stack", Shape{1, 1, 1, 64}, device(256)); }},
	{"no barrier", [] { return launch("no_barrier", Shape{1, 1, 1, 64}, device(256)); }},
	{"one barrier of two", [] { return launch("one_barrier_of_two", Shape{1, 1, 1, 64}, device(256)); }},
	{"no warp barrier", [] { return launch("no_warp_barrier", Shape{1, 1, 1, 64}, device(256)); }},
	{"a shuffle for a barrier", [] { return launch("shuffle_is_no_barrier", Shape{1, 1, 1, 64}, device(256)); }},
	{"a warp barrier for the block's", [] { return launch("warp_barrier_of_the_other_warp", Shape{1, 1, 1, 64}, device(256)); }},
	{"two threads write one place", [] { return launch("same_place", Shape{1, 1, 1, 64}, device(256)); }},
	{"written while others read", [] { return launch("read_then_written", Shape{1, 1, 1, 64}, device(256), device(256)); }},
	{"two blocks write one place", [] { return launch("blocks_write_one_place", Shape{4, 1, 1, 64}, device(256)); }},
	{"blocks read what others write", [] { return launch("blocks_read_what_others_write", Shape{4, 1, 1, 64}, device(ones), device(256)); }},
	{"blocks write what others read", [] { return launch("blocks_write_what_others_read", Shape{6, 1, 1, 64}, device(ones), device(256)); }},
	{"a thread returns before a barrier", [] { return launch("returns_before_barrier", Shape{1, 1, 1, 64}, device(256)); }},
	{"a lane returns before a shuffle", [] { return launch("returns_before_shuffle", Shape{1, 1, 1, 64}, device(256)); }},
	{"a barrier in a branch", [] { return launch("barrier_in_a_branch", Shape{1, 1, 1, 64}, device(256)); }},
	{"a warp that is not whole", [] { return launch("returns_before_shuffle", Shape{1, 1, 1, 37}, device(256)); }},
	{"lanes disagree", [] { return launch("lanes_disagree", Shape{1, 1, 1, 64}, device(256)); }},
	{"no copy_wait", [] { return launch("no_wait", Shape{1, 1, 1, 64}, device(256), device(many)); }},
	{"no barrier after copy_wait", [] { return launch("no_barrier_after_wait", Shape{1, 1, 1, 64}, device(256), device(many)); }},
	{"copy_wait for the group before", [] { return launch("waits_for_the_group_before", Shape{1, 1, 1, 64}, device(256), device(many)); }},
	{"a thread ends before its copies", [] { return launch("ends_before_copies", Shape{1, 1, 1, 64}, device(many)); }},
	{"a copy to what others still read", [] { return launch("overwrites_what_is_read", Shape{1, 1, 1, 64}, device(256), device(many)); }},
	{"a copy from between 16 bytes", [] { return launch("copies_from_between", Shape{1, 1, 1, 64}, device(std::vector<float>(260, 1))); }},
	// Launches.
	{"too many threads for a card", [] { return launch("add_one", Shape{1, 1, 1, 1025}, device(256), device(ones)); }},
	{"too many threads for the kernel", [] { return launch("add_one", Shape{1, 1, 1, 65}, device(256), device(ones)); }},
	{"no blocks", [] { return launch("add_one", Shape{0, 1, 1, 64}, device(256), device(ones)); }},
	{"too many blocks along y", [] { return launch("add_one", Shape{1, 65536, 1, 64}, device(256), device(ones)); }},
	{"too many blocks along z", [] { return launch("add_one", Shape{1, 1, 65536, 64}, device(256), device(ones)); }},
	{"dynamic shared memory that was not asked for", [] { return launch("write_dynamic", Shape{1, 1, 1, 64, 1, 1, 49153}, 0); }},
	{"more shared memory than cards have", [] { return launch("too_much_shared", Shape{1, 1, 1, 64}, device(256)); }},
	{"an int for an address", [] { return launch("add_one", Shape{1, 1, 1, 64}, 77, device(ones)); }},
	{"an address for an int", [] { return launch("read_global", {}, device(4), device(ones), device(4)); }},
	{"no such kernel", [] { return launch("add_two", {}); }},
	// The driver's copies.
	{"a copy past the end", [] { return cuMemcpyHtoD_v2(device(100), ones.data(), 256); }},
	{"a read back of what was never written", [] {
		float x[4];
		return cuMemcpyDtoH_v2(x, device(16), 16);
	}},
	{"a read back past the end", [] {
		float x[65];
		return cuMemcpyDtoH_v2(x, device(ones), 260);
	}},
	{"memset past the end", [] { return cuMemsetD8Async(device(100), 0, 101, nullptr); }},
	{"free twice", [] {
		address x = device(ones);
		print(cuMemFree_v2(x));
		return cuMemFree_v2(x);
	}},
	{"host memory changed before its copy", [] {
		float *h = (float *)pinned(256);
		memset(h, 0, 256);
		int code = cuMemcpyHtoDAsync_v2(device(256), h, 256, stream());
		h[7] = 1;
		return code;
	}},
	{"host memory changed before the copy of an early stream is waited for", [] {
		float *h = (float *)pinned(256);
		memset(h, 0, 256);
		stream();
		int code = cuMemcpyHtoDAsync_v2(device(256), h, 256, stream());
		h[7] = 1;
		return code;
	}},
	{"pinned memory freed before its copy was waited for", [] {
		float *h = (float *)pinned(256);
		memset(h, 0, 256);
		void *s = stream();
		print(cuMemcpyHtoDAsync_v2(device(256), h, 256, s));
		return cuMemFreeHost(h);
	}},
	{"an asynchronous copy from memory that is not pinned", [] { return cuMemcpyHtoDAsync_v2(device(256), ones.data(), 256, nullptr); }},
	{"an asynchronous copy to memory that is not pinned", [] {
		static float x[64];
		return cuMemcpyDtoHAsync_v2(x, device(ones), 256, nullptr);
	}},
	{"a result that is read too early", [] {
		float *h = (float *)pinned(256);
		h[0] = 1;
		int code = cuMemcpyDtoHAsync_v2(h, device(ones), 256, stream());
		if (h[0] == 1) printf("the result was there before it was waited for\n");
		return code;
	}},
	// Streams.
	{"a copy that the work does not wait for", [] {
		void *work = stream(), *copies = stream();
		float *h = (float *)pinned(256);
		for (int i = 0; i < 64; i++) h[i] = 1;
		address x = device(256);
		print(cuMemcpyHtoDAsync_v2(x, h, 256, work)); // late
		return launch("add_one", Shape{1, 1, 1, 64, 1, 1, 0, copies}, device(256), x);
	}},
	{"memory that another stream allocates", [] {
		void *work = stream(), *copies = stream();
		address x = 0;
		print(cuMemAllocAsync(&x, 256, work));
		return cuMemsetD8Async(x, 0, 256, copies);
	}},
	{"an event that was destroyed with its context", [] {
		void *e = recorded(stream());
		print(cuCtxSynchronize());
		print(cuDevicePrimaryCtxRelease_v2(0));
		return cuEventSynchronize(e);
	}},
	{"a stream of another context", [] {
		void *s = stream();
		print(cuDevicePrimaryCtxRelease_v2(0));
		start();
		return cuStreamSynchronize(s);
	}},
	{"no context", [] {
		print(cuCtxSetCurrent(nullptr));
		address x;
		return cuMemAlloc_v2(&x, 4);
	}},
	// What is right.
	{"a copy that the work waits for", [] {
		void *work = stream(), *copies = stream();
		float *h = (float *)pinned(256);
		for (int i = 0; i < 64; i++) h[i] = 1;
		address x = 0, y = device(256);
		print(cuMemAllocAsync(&x, 256, work));
		print(cuStreamWaitEvent(copies, recorded(work), 0));
		print(cuMemcpyHtoDAsync_v2(x, h, 256, copies));
		print(cuStreamWaitEvent(work, recorded(copies), 0));
		return launch("add_one", Shape{1, 1, 1, 64, 1, 1, 0, work}, y, x);
	}},
};

int main(int, char **arguments) {
	start();
	for (auto &c : cases)
		if (c.name == std::string(arguments[1])) {
			int code = c.run();
			print(code ? code : cuCtxSynchronize());
			return 0;
		}
	for (auto &c : cases) printf("%s\n", c.name);
}
