// Runs a block's threads one after another on stacks of their own. A fiber goes on
// until it waits, for its warp or for its block, or ends; the next one that can run
// follows at once. So a block takes no time but its threads' own and the switches.
#include "fiber.h"

#include "fault.h"

#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace host {

Fiber *now;
const char *own_stack;
dim3 set_thread, set_block, set_block_size, set_grid_size;
Fiber fibers[most_threads];
Warp warps[most_threads / lanes];
int threads;
unsigned barriers;
bool backwards;
unsigned long long block_serial;

static int waiting; // at the block's barrier
static void (*body)(void *);
static void *body_argument;
static void *main_sp;
static bool faulted;

// Stacks.

static char *stacks; // of most_threads fibers
static std::vector<void *> idle;

static void reserve_stacks() {
	stacks = (char *)mmap(nullptr, stack_bytes * most_threads, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (stacks == MAP_FAILED) {
		perror("testdriver: stacks of threads");
		abort();
	}
	for (int i = most_threads; i-- > 0;) {
		mprotect(stacks + i * stack_bytes, 4096, PROT_NONE);
		idle.push_back(stacks + i * stack_bytes);
	}
}

bool on_stacks(const void *p) { return (const char *)p >= stacks && (const char *)p < stacks + stack_bytes * most_threads; }

// The switch from one stack to another.

static void start();

#if defined(__x86_64__)
extern "C" void pairloom_testdriver_switch(void **from, void *to);
asm(R"(
.text
.globl pairloom_testdriver_switch
.hidden pairloom_testdriver_switch
.type pairloom_testdriver_switch,@function
pairloom_testdriver_switch:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
.size pairloom_testdriver_switch,.-pairloom_testdriver_switch
)");
static void go_to(void **from, void *to) { pairloom_testdriver_switch(from, to); }

// Stacks start at different lines of a page, or all of them would share a few sets of the cache.
static void *new_stack(void *stack) {
	size_t i = ((char *)stack - stacks) / stack_bytes;
	void **top = (void **)((char *)stack + stack_bytes - (i % 31) * 192);
	*--top = nullptr;
	*--top = (void *)start;
	return top - 6;
}
#else
static void go_to(void **from, void *to) {
	ucontext_t here;
	*from = &here;
	swapcontext(&here, (ucontext_t *)to);
}

static void *new_stack(void *stack) {
	static ucontext_t contexts[most_threads];
	ucontext_t *c = &contexts[((char *)stack - stacks) / stack_bytes];
	getcontext(c);
	c->uc_stack.ss_sp = (char *)stack + 4096;
	c->uc_stack.ss_size = stack_bytes - 4096;
	c->uc_link = nullptr;
	makecontext(c, start, 0);
	return c;
}
#endif

// Who runs next.

static void become(Fiber *f) {
	now = f;
	own_stack = (const char *)f->stack;
	set_thread = f->thread;
}

const char *name_of(Together t) {
	switch (t) {
	case Together::shuffle: return "shuffle";
	case Together::ballot: return "ballot";
	case Together::barrier: return "warp_barrier";
	case Together::load_matrices: return "load_matrices";
	case Together::multiply: return "multiply";
	default: return "nothing";
	}
}

// The lane after l that is set in mask, around the warp.
static int after(uint32 mask, int l) {
	if (!backwards) {
		uint32 later = l >= 31 ? 0 : mask & (~0u << (l + 1));
		return __builtin_ctz(later ? later : mask);
	}
	uint32 earlier = mask & ((1u << l) - 1);
	return 31 - __builtin_clz(earlier ? earlier : mask);
}

// The fiber that runs after f, which may be f where only it can; null at the end of the block.
static Fiber *next(Fiber *f) {
	int count = (threads + lanes - 1) / lanes, lane = f->lane;
	for (int i = 0, w = f->warp; i < count; i++) {
		if (warps[w].runnable) return &fibers[w * lanes + after(warps[w].runnable, lane)];
		if (warps[w].arrived) {
			Warp &warp = warps[w];
			int missing = __builtin_ctz(~warp.arrived);
			const char *where = missing >= warp.lanes ? "is not in the block" : fibers[w * lanes + missing].state == Fiber::ended ? "has ended" : "waits at block_barrier";
			become(&fibers[w * lanes + __builtin_ctz(warp.arrived)]);
			fault(error_launch_failed, "%s with lanes missing: lanes %08x of warp %d are there, lane %d %s", name_of(warp.what), warp.arrived, w, missing, where);
		}
		w = backwards ? (w + count - 1) % count : (w + 1) % count;
		lane = backwards ? 0 : lanes - 1; // each warp starts at its first lane
	}
	if (!waiting) return nullptr;
	int ended = -1, there = -1;
	for (int i = 0; i < threads; i++) (fibers[i].state == Fiber::ended ? ended : there) = i;
	become(&fibers[there]);
	fault(error_launch_failed, "block_barrier that not all threads reach: %d of %d are there, thread %d has ended", waiting, threads, ended);
}

static void *abandoned; // the place of a fiber that never goes on

static void leave(void *to) {
	go_to(&abandoned, to);
	__builtin_unreachable();
}

// The life of a stack: runs fibers from their start until one that has begun elsewhere is next.
static void start() {
	for (;;) {
		Fiber &f = self();
		void *stack = f.stack;
		f.state = Fiber::ready;
		body(body_argument);
		Fiber &done = self();
		if (!done.copies.empty()) fault(error_launch_failed, "ends with %zu copies under way: copy_wait is missing", done.copies.size());
		done.state = Fiber::ended;
		warps[done.warp].runnable &= ~(1u << done.lane);
		Fiber *n = next(&done);
		if (n && n->state == Fiber::fresh) {
			n->stack = stack;
			become(n);
			continue;
		}
		idle.push_back(stack);
		if (n) become(n);
		leave(n ? n->sp : main_sp);
	}
}

// Lets others run until this fiber can go on.
static void give_way() {
	Fiber &f = self();
	uint32 near = warps[f.warp].runnable;
	Fiber *n = near ? &fibers[f.warp * lanes + after(near, f.lane)] : next(&f);
	if (n->state == Fiber::fresh) {
		n->stack = idle.back();
		idle.pop_back();
		n->sp = new_stack(n->stack);
	}
	become(n);
	go_to(&f.sp, n->sp);
	self().state = Fiber::ready;
}

bool run_block(void (*f)(void *), void *argument) {
	if (!stacks) reserve_stacks();
	body = f;
	body_argument = argument;
	block_serial++;
	threads = (int)(set_block_size.x * set_block_size.y * set_block_size.z);
	waiting = 0;
	barriers = 0;
	faulted = false;
	for (int i = 0; i < threads; i++) {
		Fiber &t = fibers[i];
		unsigned u = (unsigned)i, x = set_block_size.x, y = set_block_size.y;
		t.thread = dim3{u % x, u / x % y, u / x / y};
		t.index = i;
		t.warp = i / lanes;
		t.lane = i % lanes;
		t.state = Fiber::fresh;
		t.stack = nullptr;
		t.groups = 0;
		t.copies.clear();
	}
	for (int w = 0; w * lanes < threads; w++) {
		Warp &warp = warps[w];
		warp.lanes = threads - w * lanes < lanes ? threads - w * lanes : lanes;
		warp.runnable = warp.lanes == lanes ? ~0u : (1u << warp.lanes) - 1;
		warp.arrived = 0;
		warp.what = Together::nothing;
		warp.turn = 0;
		warp.barriers = 0;
	}
	Fiber *first = &fibers[backwards ? threads - 1 : 0];
	first->stack = idle.back();
	idle.pop_back();
	first->sp = new_stack(first->stack);
	become(first);
	go_to(&main_sp, first->sp);
	now = nullptr;
	if (faulted)
		for (int i = 0; i < threads; i++)
			if (fibers[i].stack && fibers[i].state != Fiber::ended) idle.push_back(fibers[i].stack);
	return !faulted;
}

void stop_block() {
	if (!now) return;
	faulted = true;
	leave(main_sp);
}

// What threads do together.

void barrier() {
	Fiber &f = self();
	if (++waiting == threads) {
		waiting = 0;
		barriers++;
		for (int w = 0; w * lanes < threads; w++) warps[w].runnable = warps[w].lanes == lanes ? ~0u : (1u << warps[w].lanes) - 1;
		return;
	}
	f.state = Fiber::at_barrier;
	warps[f.warp].runnable &= ~(1u << f.lane);
	give_way();
}

bool arrive(Together what) {
	Fiber &f = self();
	Warp &w = warps[f.warp];
	if (!w.arrived) w.what = what;
	if (w.what != what) fault(error_launch_failed, "%s where other lanes of warp %d are at %s", name_of(what), f.warp, name_of(w.what));
	w.arrived |= 1u << f.lane;
	if (w.arrived == ~0u) {
		w.arrived = 0;
		w.turn++;
		if (what == Together::barrier) w.barriers++;
		w.runnable = ~0u;
		return true;
	}
	return false;
}

void wait_for_warp() {
	Fiber &f = self();
	f.state = Fiber::at_warp;
	warps[f.warp].runnable &= ~(1u << f.lane);
	give_way();
}

} // namespace host
