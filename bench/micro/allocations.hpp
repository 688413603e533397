#pragma once

#include <cstdint>

namespace rathole::bench {

/// Returns how often `operator new` has been called.
std::uint64_t allocations();

}  // namespace rathole::bench
