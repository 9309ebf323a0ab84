// What the checked build keeps of each two bytes of the device's range: who wrote them
// last and who has read them since, to find races. See watch.cc.
#pragma once

#include <cstddef>
#include <cstdint>

namespace host {

void reserve_cells();
void forget_cells(const void *p, size_t bytes);
// A launch starts: what earlier ones did is over.
void watch_launch(unsigned long long blocks);
} // namespace host
