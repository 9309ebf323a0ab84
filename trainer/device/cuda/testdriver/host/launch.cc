// Launches: a card's limits, then block after block.
#include "launch.h"

#include "fault.h"
#include "fiber.h"
#include "memory.h"
#include "watch.h"

#include <cstdlib>
#include <map>
#include <string>

namespace host {

Kernel *Kernel::first;
static const Kernel *running;
static void *cell_pointers[64];

const char *running_kernel() { return running ? running->name : "no kernel"; }

Function *find_function(const char *name) {
	static std::map<std::string, Function> all;
	if (all.empty())
		for (Kernel *k = Kernel::first; k; k = k->next) all[k->name] = Function{k, 48 << 10};
	auto i = all.find(name);
	return i == all.end() ? nullptr : &i->second;
}

int check_launch(const Function &f, dim3 grid, dim3 size, size_t shared) {
	const char *name = f.kernel->name;
	unsigned long long count = (unsigned long long)size.x * size.y * size.z;
	if (!count || size.x > 1024 || size.y > 1024 || size.z > 64 || count > 1024)
		return refuse(error_invalid_value, "%s: a block of %u x %u x %u threads: cards run 1 to 1024", name, size.x, size.y, size.z);
	if (count > (unsigned)f.kernel->threads)
		return refuse(error_invalid_value, "%s: a block of %llu threads: it was compiled for %d", name, count, f.kernel->threads);
	if (!grid.x || !grid.y || !grid.z || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535)
		return refuse(error_invalid_value, "%s: a grid of %u x %u x %u blocks: cards run 1 to 2147483647 x 65535 x 65535", name, grid.x, grid.y, grid.z);
	if (shared > (size_t)f.dynamic_limit)
		return refuse(error_invalid_value, "%s: %zu bytes of dynamic shared memory: its limit is %d", name, shared, f.dynamic_limit);
	return 0;
}

int check_parameters(const Function &f, const uint64_t *cells) {
	for (int i = 0; i < f.kernel->parameters; i++) {
		char kind = f.kernel->kinds[i];
		if (kind == 'p' && cells[i] && !in_range((const void *)cells[i])) return refuse(error_invalid_value, "%s: parameter %d is an address, and %#llx is none of the device", f.kernel->name, i + 1, (unsigned long long)cells[i]);
		bool fits = kind == 'p' || kind == 8 || cells[i] >> 8 * kind == 0 || (int64_t)cells[i] == (int32_t)cells[i];
		if (!fits) return refuse(error_invalid_value, "%s: parameter %d has %d bytes, and %#llx has more", f.kernel->name, i + 1, kind, (unsigned long long)cells[i]);
	}
	return 0;
}

void run_kernel(const Function &f, dim3 grid, dim3 size, size_t shared, const uint64_t *cells) {
	running = f.kernel;
	for (int i = 0; i < f.kernel->parameters; i++) cell_pointers[i] = (void *)(cells + i);
	const char *order = getenv("PAIRLOOM_TESTDRIVER_ORDER");
	backwards = order && !strcmp(order, "backwards");
	set_grid_size = grid;
	set_block_size = size;
	unsigned long long blocks = (unsigned long long)grid.x * grid.y * grid.z;
	watch_launch(blocks);
	for (unsigned long long b = 0; b < blocks; b++) {
		unsigned long long at = backwards ? blocks - 1 - b : b;
		set_block = dim3{(unsigned)(at % grid.x), (unsigned)(at / grid.x % grid.y), (unsigned)(at / grid.x / grid.y)};
		start_shared(shared);
		if (!run_block([](void *k) { ((const Kernel *)k)->run(cell_pointers, ((const Kernel *)k)->f); }, (void *)f.kernel)) break;
	}
	running = nullptr;
}

} // namespace host
